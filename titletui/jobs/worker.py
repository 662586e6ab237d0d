"""The worker process of a job: it holds the lock, writes events, and stops on request."""

import errno
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from titletui.errors import TitletuiError
from titletui.jobs.event_log import EventLog
from titletui.jobs.events import AnyEvent, Ended, Note
from titletui.jobs.job import Job, JobResult
from titletui.jobs.process_lock import Lock

EXIT_FAILED = 1
EXIT_BUSY = 75
_POLL = 0.25

_log = logging.getLogger(__name__)


class JobContext:
    """What the body of a worker uses to report and to be stopped.

    Attributes:
        lost: events that could not be written because the disk is full.
    """

    def __init__(self, folder: Job, log: EventLog) -> None:
        self.folder = folder
        self.lost = 0
        self._log = log
        self._stop = threading.Event()
        self._polled = 0.0

    def emit(self, event: AnyEvent) -> None:
        """Append `event` to the log; count it as lost if the disk is full."""
        try:
            self._log.append(event)
        except OSError as error:
            self.lost += 1
            if self.lost == 1:
                _log.error("events.jsonl: %s", error.strerror)
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
        """Whether the job was asked to stop; reads control.json at most four times a second."""
        now = time.monotonic()
        if not self._stop.is_set() and now - self._polled > _POLL:
            self._polled = now
            if self.folder.stop_requested:
                self._stop.set()
        return self._stop.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep; return True as soon as the job is asked to stop."""
        until = time.monotonic() + seconds
        while not self.stopping and (left := until - time.monotonic()) > 0:
            self._stop.wait(min(left, _POLL))
        return self.stopping

    def stop(self) -> None:
        self._stop.set()


def run_worker(body: Callable[[JobContext], JobResult], argv: list[str] | None = None) -> int:
    """Run `body` on the job folder that the command line names; return the exit code.

    A `TitletuiError` from `body` fails the job with that message; any other exception fails it with
    its name, and the traceback is logged to `log.txt`.
    """
    arguments = sys.argv[1:] if argv is None else argv
    os.umask(0o077)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    folder = Job(Path(arguments[0]))
    began = folder.began
    try:
        lock = Lock(folder.lock, began)
    except BlockingIOError:
        _log.error("%s: another worker is running", folder.name)
        return EXIT_BUSY
    job = JobContext(folder, EventLog(folder.events))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: job.stop())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        ended = body(job)
    except TitletuiError as error:
        ended = JobResult(outcome="failed", code=EXIT_FAILED, reason=str(error))
    except Exception as error:
        _log.exception("%s failed", folder.name)
        ended = _unexpected(error)
    job.emit(Ended(outcome=ended.outcome, reason=ended.reason))
    try:
        folder.record_exit(ended, began)
    except OSError as error:
        _log.error("exit.json: %s", error.strerror)
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
