"""A job's folder: its specification, event log and result, from which its state is derived."""

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

from titletui.atomic_write import sync_directory, write_atomically
from titletui.errors import TitletuiError, UsageError
from titletui.jobs import process_lock, slurm_queue
from titletui.jobs.event_log import EventTail
from titletui.paths import checked_name, private_folder
from titletui.version import __version__

SPEC_SCHEMA = 1
_RESERVED = ("starter", "new")
_NEW = 20.0
"""Seconds after its creation in which a job that was never started counts as queued."""

T = TypeVar("T")
Kind = Literal["harvest", "import", "run"]
Outcome = Literal["done", "stopped", "failed"]


class State(enum.StrEnum):
    """The state of a job; its value is the word that users see.

    The glyphs are in DejaVu Sans Mono as well as Fira Code.
    """

    QUEUED = "queued"
    STARTING = "starting"
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
        """Whether a worker is running, or about to."""
        return self in (
            State.QUEUED, State.STARTING, State.RUNNING, State.STOPPING, State.REMOTE,
        )  # fmt: skip

    @property
    def resumable(self) -> bool:
        return self in (State.STOPPED, State.INTERRUPTED, State.FAILED)

    @property
    def glyph(self) -> str:
        """One character that represents the state in lists."""
        return _GLYPHS[self]


_GLYPHS = {
    State.QUEUED: "○",
    State.STARTING: "◎",
    State.RUNNING: "●",
    State.STOPPING: "◐",
    State.STOPPED: "■",
    State.DONE: "✓",
    State.FAILED: "×",
    State.INTERRUPTED: "▲",
    State.REMOTE: "↔",
    State.UNREADABLE: "?",
}


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """The specification of a job; never changed once written.

    Attributes:
        work: depends on the kind: `arxiv.job.Query`, `importing.job.Source` or
            `training.run_spec.RunSpec`.
        versions: of Python and of the libraries that affect the result.
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
        reason: one sentence for the user; may be empty.
        advice: what to do about it.
        oom: the kernel's out-of-memory counter rose during the job.
        began: `Job.began` of the worker that ended; a result of an earlier start is ignored.
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
    """Requests to the worker, and the newest start.

    Attributes:
        stop: end at the next safe point.
        began: time of the start, seconds since the epoch; identifies it.
        launcher: the supervisor, or the process that is about to start one.
    """

    stop: bool = False
    began: float = 0.0
    launcher: process_lock.Identity | None = None


class Job:
    """A job, which is its folder `<home>/jobs/<kind>/<name>`."""

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
        """The specification.

        Raises:
            TitletuiError: `spec.json` is missing, damaged or written by a newer titletui.
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
                f"The {self.kind} {self.name} was written by a newer titletui; update titletui."
            )
        return spec

    def work(self, kind: type[T]) -> T:
        """Decode `spec.work` as the struct of this kind of job.

        Raises:
            TitletuiError: it is of another shape.
        """
        try:
            return msgspec.json.decode(self.spec.work, type=kind)
        except msgspec.MsgspecError as error:
            raise TitletuiError(
                f"The {self.kind} {self.name} cannot be read ({error}); delete it and start again."
            ) from error

    @property
    def state(self) -> State:
        """Derived from the lock, the result and the starting process at each access."""
        try:
            spec = self.spec
        except TitletuiError:
            return State.UNREADABLE
        if process_lock.is_held(self.lock):
            return State.STOPPING if self.stop_requested else State.RUNNING
        ended = self.exit
        if ended is not None:
            return State(ended.outcome)
        control = self._read_control()
        holder = process_lock.holder(self.lock)
        locked = holder is not None and holder.began == control.began > 0
        launcher = control.launcher
        ticket = self.ticket
        if ticket is not None:
            queued = self._slurm_state(ticket, locked=locked)
            if queued is not None:
                return queued
            launcher = None
        last = launcher or holder
        if (last.host if last else spec.host) != socket.gethostname():
            return State.REMOTE
        if launcher is not None and launcher.alive:
            return State.RUNNING if locked else State.STARTING
        if control.began == 0 and holder is None:
            age = time.time() - spec.created.timestamp()
            return State.QUEUED if 0 <= age < _NEW else State.INTERRUPTED
        # A worker that has just taken the lock, or ended, since it was looked at above.
        if process_lock.is_held(self.lock):
            return State.RUNNING
        ended = self.exit
        return State(ended.outcome) if ended else State.INTERRUPTED

    def _slurm_state(self, ticket: slurm_queue.SlurmTicket, *, locked: bool) -> State | None:
        """The state according to Slurm; None if its process runs, or Slurm does not answer."""
        place = slurm_queue.ask(self.path, ticket).place
        if place is slurm_queue.Place.GONE:
            # It may have ended since the folder was read.
            ended = self.exit
            return State(ended.outcome) if ended else State.INTERRUPTED
        if place is slurm_queue.Place.WAITING or not locked:
            return State.STOPPING if self.stop_requested else State.QUEUED
        return None

    @property
    def ticket(self) -> slurm_queue.SlurmTicket | None:
        """Its number in Slurm's queue, if it was submitted."""
        return slurm_queue.ticket(self.path, self.began)

    @property
    def exit(self) -> JobResult | None:
        """How it ended; None if it has not, or if its processes were killed."""
        try:
            ended = msgspec.json.decode(self._exit.read_bytes(), type=JobResult)
            return ended if ended.began in (0.0, self.began) else None
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            return JobResult(outcome="failed", reason=f"exit.json cannot be read ({error})")

    def record_exit(self, ended: JobResult, began: float) -> None:
        """Record how the worker started at `began` ended, unless there is a result already."""
        if self.exit is None and began == self.began:
            stamped = msgspec.structs.replace(ended, time=time.time(), began=began)
            write_atomically(self._exit, msgspec.json.encode(stamped))

    def prepare(self) -> None:
        """Make the folder ready for another worker, which this process is about to start."""
        self._write_control(Control(began=time.time(), launcher=process_lock.identity(os.getpid())))
        with contextlib.suppress(FileNotFoundError):
            self._exit.unlink()

    def set_launcher(self, launcher: process_lock.Identity | None) -> None:
        """Record which process starts the worker: the job is *starting* while that one lives."""
        self._write_control(msgspec.structs.replace(self._read_control(), launcher=launcher))

    @property
    def began(self) -> float:
        """Time of the newest start, seconds since the epoch; 0 before the first."""
        return self._read_control().began

    @property
    def stop_requested(self) -> bool:
        return self._read_control().stop

    def request_stop(self) -> None:
        """Ask the worker to end at the next safe point; idempotent."""
        self._write_control(msgspec.structs.replace(self._read_control(), stop=True))

    def tail(self) -> EventTail:
        return EventTail(self.events)

    def last_log_lines(self, count: int = 20) -> list[str]:
        """The last non-empty lines of log.txt."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - 64_000))
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            return []
        return [line for line in lines if line.strip()][-count:]

    def delete(self) -> None:
        """Delete the folder.

        Raises:
            TitletuiError: a worker is running.
        """
        if self.state.alive:
            raise TitletuiError(f"{self.name} is running; stop it before you delete it.")
        _refuse_links(self.path)
        doomed = self.path.with_name(f".deleted-{os.getpid()}-{self.path.name}"[:200])
        self.path.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)

    def rename(self, name: str) -> "Job":
        """Rename the job; return it under its new name.

        Raises:
            UsageError: `name` is not valid.
            TitletuiError: a worker is running, or the name is taken.
        """
        target = self.path.with_name(_checked_name(self.kind, name))
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

    def _write_control(self, control: Control) -> None:
        write_atomically(self._control, msgspec.json.encode(control))


def create_job(
    root: Path, kind: Kind, name: str, work: msgspec.Struct, versions: dict[str, str] | None = None
) -> Job:
    """Create the folder of a new job under `root` (`Home.jobs`).

    Raises:
        UsageError: `name` is not valid.
        TitletuiError: a job of that kind and name exists.
    """
    name = _checked_name(kind, name)
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
    """Return the job of that kind and name.

    Raises:
        UsageError: there is none; the message lists those that exist.
    """
    path = root / kind / checked_name(name, f"{kind} name")
    if path.is_dir() and not path.is_symlink():
        return Job(path)
    known = [job.name for job in list_jobs(root, kind)][:8]
    hint = f"there are: {', '.join(known)}" if known else "there is none yet"
    raise UsageError(f"There is no {kind} named {name!r}; {hint}.")


def list_jobs(root: Path, *kinds: Kind) -> list[Job]:
    """Return all jobs of these kinds (of every kind by default), newest first.

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


def _checked_name(kind: str, name: str) -> str:
    """Return `name` if a job can have it; the names of runs are names of models, too."""
    name = checked_name(name, f"{kind} name")
    if kind == "run" and (name in _RESERVED or "@" in name):
        raise UsageError(
            f"{name!r} is not a valid run name: "
            + ("RUN@STEP is a checkpoint." if "@" in name else "it stands for another model.")
        )
    return name


def _created(job: Job) -> tuple[float, str]:
    try:
        return job.spec.created.timestamp(), job.name
    except TitletuiError:
        return 0.0, job.name


def _refuse_links(path: Path) -> None:
    if path.is_symlink():
        raise TitletuiError(f"{path} is a symbolic link; remove it by hand.")
