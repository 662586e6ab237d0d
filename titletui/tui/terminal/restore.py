"""How the app ends: asked to, told to, with its terminal gone, or by a fault of its own."""

import asyncio
import contextlib
import os
import select
import signal
import sys
import termios
import threading
import time
from collections.abc import Callable
from typing import Any

DEADLINE = 0.7
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL
_DRAIN = 0.15
_WRITE = 0.5
# Ignored by who does not ask for it.
_WAKE = signal.SIGURG
# Mouse, focus, paste, keyboard protocol and resizes as they were; then the screen and the cursor.
_AS_BEFORE = (
    b"\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[?2048l"
    b"\x1b[<u\x1b[?2026l\x1b[0m\x1b[?1049l\x1b[?7h\x1b[?25h"
)


class TerminalRestorer:
    """The terminal as it was before the app had it, to be given back when the app cannot.

    To be made before the app starts.

    Attributes:
        descriptor: of the terminal.
    """

    def __init__(self) -> None:
        self.descriptor = sys.__stdin__.fileno() if sys.__stdin__ else 0
        self._under_way = threading.Lock()
        self._modes: list[Any] | None = None
        with contextlib.suppress(termios.error, ValueError):
            self._modes = termios.tcgetattr(self.descriptor)

    def __call__(self) -> None:
        """Gives it back; takes less than a second, whether or not anybody reads."""
        with self._under_way:
            self._give()

    def wait(self) -> None:
        """Returns when no other thread is giving it back.

        What the app waited for is dropped by that, so that it may end by itself in the middle.
        """
        with self._under_way:
            pass

    def _give(self) -> None:
        if self._modes is None:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
            return
        # A process in the background would be stopped for touching the terminal.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(self.descriptor, termios.TCSANOW, self._modes)
            self._drop_what_waits()
            # Nobody may be reading even now, and then this waits for ever.
            last = threading.Thread(
                target=os.write, args=(self.descriptor, _AS_BEFORE), daemon=True
            )
            last.start()
            last.join(_WRITE)

    def _drop_what_waits(self) -> None:
        """Frames that were painted and not read; what is painted from now on goes nowhere."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for painted in (1, 2):
            if os.isatty(painted):
                os.dup2(nowhere, painted)
        until = time.monotonic() + _DRAIN
        while time.monotonic() < until:
            termios.tcflush(self.descriptor, termios.TCOFLUSH)
            _interrupt_writes()
            time.sleep(0.01)


def _interrupt_writes() -> None:
    """Has every other thread begin anew what it waits for.

    A pseudo-terminal that is flushed does not wake who waits to write to it, and he keeps all
    others from writing; when he tries again, what he writes to is another file.
    """
    for thread in threading.enumerate():
        if thread.ident is not None and thread is not threading.current_thread():
            with contextlib.suppress(OSError):
                signal.pthread_kill(thread.ident, _WAKE)


def on_signals(ended: Callable[[int], None], terminal: TerminalRestorer) -> None:
    """Calls `ended(code)` on SIGHUP and SIGTERM; Textual itself would die without a word.

    The process ends even if the loop never turns again: it waits for a terminal that has stopped
    reading, for one.
    """
    loop = asyncio.get_running_loop()
    # Without a handler it would interrupt nothing.
    with contextlib.suppress(ValueError):
        signal.signal(_WAKE, lambda *_: None)

    def told(number: int, _: object) -> None:
        _end_from_outside(loop, ended, 128 + number, terminal)

    for number in (signal.SIGHUP, signal.SIGTERM):
        with contextlib.suppress(ValueError):
            signal.signal(number, told)


def on_hang_up(ended: Callable[[int], None], terminal: TerminalRestorer) -> None:
    """Calls `ended(code)` when the terminal has hung up.

    A closed pseudo-terminal reads as an endless end of file; where SIGHUP is ignored (nohup) the
    app would spin on it.
    """
    loop = asyncio.get_running_loop()
    poll = select.poll()
    poll.register(terminal.descriptor, 0)

    def wait() -> None:
        while not any(events & _GONE for _, events in poll.poll()):
            pass
        _end_from_outside(loop, ended, 128 + signal.SIGHUP, terminal)

    threading.Thread(target=wait, name="terminal", daemon=True).start()


def _end_from_outside(
    loop: asyncio.AbstractEventLoop,
    ended: Callable[[int], None],
    code: int,
    terminal: TerminalRestorer,
) -> None:
    exit_after(DEADLINE, code, terminal)
    # A loop that is closed has ended already.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(ended, code)


def exit_after(deadline: float, code: int, terminal: TerminalRestorer) -> None:
    """Ends the process about `deadline` seconds from now, whatever still hangs then.

    All that must last is on disk by the time a key is answered, so nothing is lost by it.
    """

    def end() -> None:
        terminal()
        os._exit(code)

    timer = threading.Timer(deadline, end)
    timer.daemon = True
    timer.start()
