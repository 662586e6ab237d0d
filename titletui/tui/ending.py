"""How the app ends: asked to, told to, with its terminal gone, or by a fault of its own."""

import asyncio
import contextlib
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from titletui.errors import TitletuiError
from titletui.home import private_folder

DEADLINE = 0.8
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


def on_signals(ended: Callable[[int], None]) -> None:
    """Calls `ended(code)` on SIGHUP and SIGTERM; Textual itself would die without a word.

    The process ends even if the loop never turns again: it waits for a terminal that has stopped
    reading, for one.
    """
    loop = asyncio.get_running_loop()

    def told(number: int, _: object) -> None:
        _end_from_outside(loop, ended, 128 + number)

    for number in (signal.SIGHUP, signal.SIGTERM):
        with contextlib.suppress(ValueError):
            signal.signal(number, told)


def on_hang_up(descriptor: int, ended: Callable[[int], None]) -> None:
    """Calls `ended(code)` when the terminal behind `descriptor` has hung up.

    A closed pseudo-terminal reads as an endless end of file; where SIGHUP is ignored (nohup) the
    app would spin on it.
    """
    loop = asyncio.get_running_loop()
    poll = select.poll()
    poll.register(descriptor, 0)

    def wait() -> None:
        while not any(events & _GONE for _, events in poll.poll()):
            pass
        _end_from_outside(loop, ended, 128 + signal.SIGHUP)

    threading.Thread(target=wait, name="terminal", daemon=True).start()


def _end_from_outside(
    loop: asyncio.AbstractEventLoop, ended: Callable[[int], None], code: int
) -> None:
    leave_by(DEADLINE, code)
    # A loop that is closed has ended already.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(ended, code)


def leave_by(deadline: float, code: int) -> None:
    """Ends the process `deadline` seconds from now, whatever still hangs then.

    All that must last is on disk by the time a key is answered, so nothing is lost by it.
    """

    def end() -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(code)

    timer = threading.Timer(deadline, end)
    timer.daemon = True
    timer.start()


def write_crash(logs: Path, error: BaseException | None) -> Path | None:
    """Writes what went wrong, without the values of variables; returns where, None if it cannot."""
    path = logs / f"crash-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.txt"
    # A worker's failure comes wrapped, without the place where it happened.
    cause = getattr(error, "error", error)
    lines = traceback.format_exception(cause) if cause else ["no exception was recorded\n"]
    try:
        private_folder(logs)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.writelines(lines)
    except (OSError, TitletuiError):
        return None
    return path
