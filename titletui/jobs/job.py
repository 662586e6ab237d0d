"""A job on disk: what it is to do, what it said, how it ended. Its state is derived from these."""

import contextlib
import enum
import os
import platform
import shutil
import socket
import time
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from titletui import __version__
from titletui.atomic_write import sync_directory, write_atomically
from titletui.errors import TitletuiError, UsageError
from titletui.jobs import process_lock, slurm_queue
from titletui.jobs.event_log import EventTail
from titletui.paths import checked_name, private_folder

SPEC_SCHEMA = 1
_STARTING = 20.0

T = TypeVar("T")
Kind = Literal["harvest", "import", "run"]
Outcome = Literal["done", "stopped", "failed"]


class State(enum.StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    REMOTE = "elsewhere"
    UNREADABLE = "unreadable"

    @property
    def alive(self) -> bool:
        """Whether a worker is, or will soon be, at it."""
        return self in (State.QUEUED, State.RUNNING, State.STOPPING, State.REMOTE)

    @property
    def resumable(self) -> bool:
        return self in (State.STOPPED, State.INTERRUPTED, State.FAILED)


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """What a job is to do; never changed once written.

    Attributes:
        work: the kind's own description: `corpus.harvest.Query`, `corpus.files.Source` or
            `training.plan.RunSpec`.
        versions: of Python and of the libraries that shape the result.
    """

    kind: Kind
    name: str
    work: msgspec.Raw
    schema: int = SPEC_SCHEMA
    created: datetime
    host: str
    versions: dict[str, str] = {}


class JobResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a job ended.

    Attributes:
        reason: one sentence for a person, empty when there is nothing to say.
        advice: what to do about it.
        oom: the kernel's out-of-memory counter had risen.
        began: when the worker was started that ended so; an earlier worker's end counts no more.
    """

    outcome: Outcome
    code: int = 0
    signal: int | None = None
    reason: str = ""
    advice: str = ""
    oom: bool = False
    time: float = 0.0
    began: float = 0.0


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of the worker.

    Attributes:
        stop: to end at the next good moment.
        began: when it was last started, seconds since the epoch.
    """

    stop: bool = False
    began: float = 0.0


class Job:
    """A job's folder, `<home>/jobs/<kind>/<name>`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events = path / "events.jsonl"
        self.log = path / "log.txt"
        self.lock = path / "lock"
        self.papers = path / "papers.jsonl.gz"
        self.checkpoints = path / "checkpoints"
        self.model = path / "model"
        self._exit = path / "exit.json"
        self._control = path / "control.json"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    @property
    def kind(self) -> str:
        return self.path.parent.name

    @property
    def name(self) -> str:
        return self.path.name

    @cached_property
    def spec(self) -> Spec:
        """What the job is to do.

        Raises:
            TitletuiError: `spec.json` is missing, damaged or of a newer titletui.
        """
        try:
            spec = msgspec.json.decode((self.path / "spec.json").read_bytes(), type=Spec)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise TitletuiError(
                f"The {self.kind} {self.name} cannot be read: spec.json is damaged ({error}); "
                "delete it and start it again."
            ) from error
        if spec.schema > SPEC_SCHEMA:
            raise TitletuiError(
                f"The {self.kind} {self.name} is of a newer titletui; update titletui to use it."
            )
        return spec

    def work(self, kind: type[T]) -> T:
        """The kind's own description of what to do.

        Raises:
            TitletuiError: it does not fit.
        """
        try:
            return msgspec.json.decode(self.spec.work, type=kind)
        except msgspec.MsgspecError as error:
            raise TitletuiError(
                f"The {self.kind} {self.name} cannot be read ({error}); delete it and start again."
            ) from error

    @property
    def state(self) -> State:
        """Derived from lock, exit and host each time it is asked for."""
        try:
            spec = self.spec
        except TitletuiError:
            return State.UNREADABLE
        held = process_lock.is_held(self.lock)
        if held:
            return State.STOPPING if self.stop_requested else State.RUNNING
        ended = self.exit
        if ended is not None:
            return State(ended.outcome)
        waiting = self._in_queue()
        if waiting is not None:
            return waiting
        who = process_lock.holder(self.lock)
        if (who.host if who else spec.host) != socket.gethostname():
            return State.REMOTE
        unlocked = who is None or self._began_at > self._locked_at
        if unlocked and time.time() - self._began_at < _STARTING:
            return State.QUEUED
        return State.RUNNING if process_lock.is_held(self.lock) else State.INTERRUPTED

    def _in_queue(self) -> State | None:
        """What Slurm says of a job that it was given; None where it knows no more than we do."""
        held = self.ticket
        if held is None:
            return None
        place = slurm_queue.ask(self.path, held).place
        if place is slurm_queue.Place.GONE:
            # It may have come to its end since the folder was looked at.
            ended = self.exit
            return State(ended.outcome) if ended else State.INTERRUPTED
        who = process_lock.holder(self.lock)
        taken_up = who is not None and self._locked_at > held.began
        if place is slurm_queue.Place.WAITING or not taken_up:
            return State.STOPPING if self.stop_requested else State.QUEUED
        return None

    @property
    def ticket(self) -> slurm_queue.SlurmTicket | None:
        """Its ticket in Slurm's queue, where it was submitted."""
        return slurm_queue.ticket(self.path, self.began)

    @property
    def exit(self) -> JobResult | None:
        """How it ended; None while it has not, or where nobody was left to say."""
        try:
            ended = msgspec.json.decode(self._exit.read_bytes(), type=JobResult)
            return ended if ended.began in (0.0, self.began) else None
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            return JobResult(outcome="failed", reason=f"exit.json cannot be read ({error})")

    def record_exit(self, ended: JobResult, began: float) -> None:
        """Writes how the worker that was started at `began` ended, unless that is known already."""
        if self.exit is None and began == self.began:
            stamped = msgspec.structs.replace(ended, time=time.time(), began=began)
            write_atomically(self._exit, msgspec.json.encode(stamped))

    def prepare(self) -> None:
        """Makes the folder ready for another worker."""
        write_atomically(self._control, msgspec.json.encode(Control(began=time.time())))
        with contextlib.suppress(FileNotFoundError):
            self._exit.unlink()

    @property
    def began(self) -> float:
        """When it was last started, seconds since the epoch; 0 where that is not known."""
        return self._read_control().began

    @property
    def stop_requested(self) -> bool:
        return self._read_control().stop

    def request_stop(self) -> None:
        """Asks the worker to end at the next good moment; asking twice is asking once."""
        asked = msgspec.structs.replace(self._read_control(), stop=True)
        write_atomically(self._control, msgspec.json.encode(asked))

    def tail(self) -> EventTail:
        return EventTail(self.events)

    def last_log_lines(self, count: int = 20) -> list[str]:
        """The end of what the worker printed."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - 64_000))
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            return []
        return [line for line in lines if line.strip()][-count:]

    def delete(self) -> None:
        """Removes the folder and all in it.

        Raises:
            TitletuiError: a worker is at it.
        """
        if self.state.alive:
            raise TitletuiError(f"{self.name} is running; stop it before you delete it.")
        _refuse_links(self.path)
        aside = self.path.with_name(f".deleted-{os.getpid()}-{self.path.name}"[:200])
        self.path.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)

    def rename(self, name: str) -> "Job":
        """Gives the job another name; returns the folder under it.

        Raises:
            UsageError: `name` cannot name a folder.
            TitletuiError: a worker is at it, or the name is taken.
        """
        target = self.path.with_name(checked_name(name, f"{self.kind} name"))
        if self.state.alive:
            raise TitletuiError(f"{self.name} is running; stop it before you rename it.")
        if target.exists():
            raise TitletuiError(f"There is a {self.kind} named {name} already; take another name.")
        self.path.rename(target)
        sync_directory(target.parent)
        return Job(target)

    def _read_control(self) -> Control:
        try:
            return msgspec.json.decode(self._control.read_bytes(), type=Control)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return Control()

    @property
    def _began_at(self) -> float:
        return self._read_control().began or self.spec.created.timestamp()

    @property
    def _locked_at(self) -> float:
        try:
            return self.lock.stat().st_mtime
        except OSError:
            return 0.0


def create_job(
    root: Path, kind: Kind, name: str, work: msgspec.Struct, versions: dict[str, str] | None = None
) -> Job:
    """Makes the folder of a new job under `root` (`Home.jobs`).

    Raises:
        UsageError: `name` cannot name a folder.
        TitletuiError: there is a job of that kind and name.
    """
    name = checked_name(name, f"{kind} name")
    path = private_folder(root / kind) / name
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        raise TitletuiError(
            f"There is a {kind} named {name} already; choose another name."
        ) from None
    spec = Spec(
        kind=kind,
        name=name,
        work=msgspec.Raw(msgspec.json.encode(work)),
        created=datetime.now(UTC),
        host=socket.gethostname(),
        versions={"titletui": __version__, "python": platform.python_version(), **(versions or {})},
    )
    write_atomically(path / "spec.json", msgspec.json.encode(spec))
    sync_directory(path.parent)
    return Job(path)


def find_job(root: Path, kind: Kind, name: str) -> Job:
    """The job of that kind and name.

    Raises:
        UsageError: there is none; the message names those that there are.
    """
    path = root / kind / checked_name(name, f"{kind} name")
    if path.is_dir() and not path.is_symlink():
        return Job(path)
    known = [job.name for job in list_jobs(root, kind)][:8]
    hint = f"there are: {', '.join(known)}" if known else "there is none yet"
    raise UsageError(f"There is no {kind} named {name!r}; {hint}.")


def list_jobs(root: Path, *kinds: Kind) -> list[Job]:
    """All jobs of these kinds (of all, if none is named), the newest first.

    Raises:
        TitletuiError: a folder of jobs cannot be read.
    """
    jobs: list[Job] = []
    for kind in kinds or ("harvest", "import", "run"):
        try:
            with os.scandir(root / kind) as entries:
                jobs += [
                    Job(Path(entry.path))
                    for entry in entries
                    if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
                ]
        except FileNotFoundError:
            continue
        except OSError as error:
            raise TitletuiError(
                f"{root / kind} cannot be read ({error.strerror}); it should be a folder of yours."
            ) from error
    return sorted(jobs, key=_created, reverse=True)


def _created(job: Job) -> tuple[float, str]:
    try:
        return job.spec.created.timestamp(), job.name
    except TitletuiError:
        return 0.0, job.name


def _refuse_links(path: Path) -> None:
    if path.is_symlink():
        raise TitletuiError(f"{path} is a symbolic link; remove it by hand.")
