"""A job's place in Slurm's queue: what the scheduler says of a job that no worker has taken up.

A job that was submitted holds a ticket, `queue.json`. What Slurm answered last lies beside it, so
that all who look at the folder ask it once in a few seconds between them (squeue(1) begs for that).
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
    """Where a submitted job stands with Slurm."""

    WAITING = "waiting"
    AT_WORK = "at work"
    GONE = "gone"
    UNKNOWN = "unknown"


class SlurmTicket(msgspec.Struct, frozen=True):
    """What a job was submitted as.

    Attributes:
        id: Slurm's number.
        began: when the job was last made ready; a ticket of an earlier time counts no more.
    """

    id: str
    began: float


class Answer(msgspec.Struct, frozen=True):
    """What Slurm said at `time`; `why` is its reason for the wait (squeue's `%r`)."""

    id: str
    place: Place
    why: str = ""
    time: float = 0.0


def take_ticket(folder: Path, number: str, began: float) -> None:
    """Notes that the job of `folder` is in the queue as `number`."""
    write_atomically(folder / _TICKET, msgspec.json.encode(SlurmTicket(number, began)))


def ticket(folder: Path, began: float) -> SlurmTicket | None:
    """The ticket for what was begun at `began`, if there is one."""
    found = _read(folder / _TICKET, SlurmTicket)
    return found if found is not None and found.began == began else None


def ask(folder: Path, held: SlurmTicket, *, anew: bool = False) -> Answer:
    """Where the job stands; an answer of the last seconds is good enough, unless asked `anew`."""
    known = _read(folder / _ANSWER, Answer)
    if known is not None and known.id == held.id and not anew:
        fresh = _FRESH_FAILURE if known.place is Place.UNKNOWN else _FRESH
        if known.time >= held.began and 0 <= time.time() - known.time < fresh:
            return known
    answer = _squeue(held.id)
    with contextlib.suppress(OSError):
        write_atomically(folder / _ANSWER, msgspec.json.encode(answer))
    return answer


def take_out(folder: Path, held: SlurmTicket) -> bool:
    """Takes a waiting job out of the queue; returns whether it is out, without having begun."""
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
    """What Slurm's `program` answers; None where it does not."""
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
