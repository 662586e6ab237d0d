"""The process that does a job's work: holds the lock, says what happens, ends as it is asked to."""

import errno
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from titletui.errors import TitletuiError
from titletui.jobs.event_log import EventLog
from titletui.jobs.events import AnyEvent, Ended, Note
from titletui.jobs.job import Job, JobResult
from titletui.jobs.process_lock import Lock

EXIT_FAILED = 1
EXIT_BUSY = 75
_GLANCE = 0.25


class JobContext:
    """What the body of a worker is given.

    Attributes:
        lost: events that could not be written (a full disk).
    """

    def __init__(self, folder: Job, log: EventLog) -> None:
        self.folder = folder
        self.lost = 0
        self._log = log
        self._stop = threading.Event()
        self._glanced = 0.0

    def emit(self, event: AnyEvent) -> None:
        """Appends `event` to the log; one that the disk has no room for is counted as lost."""
        try:
            self._log.append(event)
        except OSError as error:
            self.lost += 1
            if self.lost == 1:
                print(f"event log: {error.strerror}", file=sys.stderr, flush=True)
        else:
            if self.lost:
                lost, self.lost = self.lost, 0
                self.emit(
                    Note(
                        text=f"{lost} events could not be written and are missing here.",
                        level="warning",
                    )
                )

    @property
    def stopping(self) -> bool:
        """Whether somebody asked the job to stop; cheap enough to ask at each step."""
        now = time.monotonic()
        if not self._stop.is_set() and now - self._glanced > _GLANCE:
            self._glanced = now
            if self.folder.stop_requested:
                self._stop.set()
        return self._stop.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleeps; returns True at once when the job is to stop."""
        until = time.monotonic() + seconds
        while not self.stopping and (left := until - time.monotonic()) > 0:
            self._stop.wait(min(left, _GLANCE))
        return self.stopping

    def stop(self) -> None:
        self._stop.set()


def run_worker(body: Callable[[JobContext], JobResult], argv: list[str] | None = None) -> int:
    """Runs `body` on the job folder that the command line names; returns the exit code.

    `body` returns how it ended. A `TitletuiError` ends the job as failed with its sentence;
    anything else as failed with the error's name, the traceback in `log.txt`.
    """
    arguments = sys.argv[1:] if argv is None else argv
    os.umask(0o077)
    folder = Job(Path(arguments[0]))
    try:
        lock = Lock(folder.lock)
    except BlockingIOError:
        print(f"{folder.name}: another worker is at it", file=sys.stderr)
        return EXIT_BUSY
    began = folder.began
    job = JobContext(folder, EventLog(folder.events))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: job.stop())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        ended = body(job)
    except TitletuiError as error:
        ended = JobResult(outcome="failed", code=EXIT_FAILED, reason=str(error))
    except Exception as error:
        traceback.print_exc()
        ended = _unexpected(error)
    job.emit(Ended(outcome=ended.outcome, reason=ended.reason))
    try:
        folder.record_exit(ended, began)
    except OSError as error:
        print(f"exit.json: {error.strerror}", file=sys.stderr)
    lock.release()
    return ended.code


def _unexpected(error: Exception) -> JobResult:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        reason, advice = "the disk is full", "Free some space, then resume."
    elif isinstance(error, OSError) and error.errno in (errno.EROFS, errno.EACCES):
        reason, advice = f"{error.filename} cannot be written", "Make it writable, then resume."
    elif isinstance(error, MemoryError):
        reason, advice = (
            "out of memory",
            "Close other programs or use a smaller batch, then resume.",
        )
    else:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        advice = "log.txt in the job's folder has the details."
    return JobResult(outcome="failed", code=EXIT_FAILED, reason=reason, advice=advice)
