"""The state of a submitted job in Slurm's queue.

The job's number in Slurm is kept in `queue.json`; the last answer of squeue in `queue-answer.json`,
so that all readers of the folder together call squeue once in a few seconds, as squeue(1) asks.
"""

import contextlib
import enum
import shutil
import subprocess
import time
from pathlib import Path
from typing import TypeVar

import msgspec

from titletui.atomic_write import write_atomically

T = TypeVar("T")
_TICKET, _ANSWER = "queue.json", "queue-answer.json"
_FRESH, _FRESH_FAILURE = 5.0, 30.0
_PATIENCE = 10.0
_AT_WORK = ("RUNNING", "COMPLETING", "CONFIGURING", "STAGE_OUT", "SIGNALING", "STOPPED")


class Place(enum.StrEnum):
    """The state of a submitted job in Slurm."""

    WAITING = "waiting"
    AT_WORK = "at work"
    GONE = "gone"
    UNKNOWN = "unknown"


class SlurmTicket(msgspec.Struct, frozen=True):
    """The number of a submitted job.

    Attributes:
        id: Slurm's job id.
        began: `Job.began` of the start that was submitted; a ticket of an earlier start is void.
    """

    id: str
    began: float


class Answer(msgspec.Struct, frozen=True):
    """An answer of squeue at `time`; `why` is the reason for waiting (`%r`)."""

    id: str
    place: Place
    why: str = ""
    time: float = 0.0


def take_ticket(folder: Path, number: str, began: float) -> None:
    """Record that the job in `folder` was submitted as `number`."""
    write_atomically(folder / _TICKET, msgspec.json.encode(SlurmTicket(number, began)))


def ticket(folder: Path, began: float) -> SlurmTicket | None:
    """Return the ticket of the start at `began`, if there is one."""
    found = _read(folder / _TICKET, SlurmTicket)
    return found if found is not None and found.began == began else None


def ask(folder: Path, held: SlurmTicket, *, anew: bool = False) -> Answer:
    """Return the job's state in Slurm; an answer of the last seconds is reused unless `anew`."""
    known = _read(folder / _ANSWER, Answer)
    if known is not None and known.id == held.id and not anew:
        fresh = _FRESH_FAILURE if known.place is Place.UNKNOWN else _FRESH
        if known.time >= held.began and 0 <= time.time() - known.time < fresh:
            return known
    answer = _squeue(held.id)
    with contextlib.suppress(OSError):
        write_atomically(folder / _ANSWER, msgspec.json.encode(answer))
    return answer


def cancel(folder: Path, held: SlurmTicket) -> bool:
    """Cancel a waiting job; return whether it left the queue without having started."""
    if ask(folder, held, anew=True).place is not Place.WAITING:
        return False
    _run("scancel", "--state=PENDING", held.id)
    return ask(folder, held, anew=True).place is Place.GONE


def _squeue(number: str) -> Answer:
    answer = _run("squeue", "--noheader", "--format=%T|%r", f"--jobs={number}")
    now = time.time()
    if answer is None or answer.returncode:
        gone = answer is not None and "Invalid job id" in answer.stderr
        return Answer(number, Place.GONE if gone else Place.UNKNOWN, time=now)
    state, _, why = answer.stdout.strip().partition("|")
    if not state:
        return Answer(number, Place.GONE, time=now)
    place = Place.AT_WORK if state in _AT_WORK else Place.WAITING
    return Answer(number, place, why if place is Place.WAITING else "", now)


def _run(program: str, *words: str) -> subprocess.CompletedProcess[str] | None:
    """Run one of Slurm's programs; return None if it is missing or fails."""
    if shutil.which(program) is None:
        return None
    try:
        return subprocess.run(
            [program, *words], capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
