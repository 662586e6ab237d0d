"""A program in a real pseudo-terminal, and what stands on its screen."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

import psutil
import pyte

APP = (sys.executable, "-m", "titletui")
# As the keyboard protocol of newer terminals has it: it cannot be the start of another sequence.
ESCAPE = "\x1b[27u"
ENTER, TAB = "\r", "\t"
# The four modes, also from within an input.
CORPUS, TRAIN, GENERATE, SHORTLIST = "\x1bOQ", "\x1bOR", "\x1bOS", "\x1b[15~"
QUIT = "\x11"
# pyte would draw the ends of these, which switch the keyboard's protocol.
_KEYBOARD = re.compile(rb"\x1b\[[<=>][\d;]*u")
# The beginning of one: the rest comes with the next read.
_CUT = re.compile(rb"\x1b(\[([<=>][\d;]*)?)?$")
_STYLES = re.compile(rb"\x1b\[[\d;]*m")


class Terminal:
    """`command` in a terminal of its own; the session ends with the block.

    Args:
        environment: on top of the test's own; a value of None takes a variable away.
        program: shell words put before the command (`nohup`).

    Attributes:
        painted: every byte that the program wrote.
        before: the terminal's modes before the program had it, as `termios.tcgetattr` gives them.
    """

    def __init__(
        self,
        command: Sequence[str] = APP,
        *,
        columns: int = 80,
        rows: int = 24,
        environment: Mapping[str, str | None] | None = None,
    ) -> None:
        self.painted = b""
        self._held = b""
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._master, self._slave = pty.openpty()
        os.set_blocking(self._master, False)
        self.resize(columns, rows)
        self.before = self.modes
        wanted = {"TERM": "xterm-256color", "COLORTERM": "truecolor", **(environment or {})}
        unwanted = {"COLUMNS", "LINES", *wanted}
        inherited = {name: text for name, text in os.environ.items() if name not in unwanted}
        self.process = subprocess.Popen(
            command,
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env=inherited | {name: text for name, text in wanted.items() if text is not None},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if error is not None:
            error.add_note(f"on the screen:\n{self.text}")
        children = []
        with contextlib.suppress(psutil.Error):
            children = psutil.Process(self.process.pid).children(recursive=True)
        self.kill()
        for child in children:
            # Jobs outlive the app; the next test must not have them beside it.
            with contextlib.suppress(psutil.Error):
                child.kill()
        self.hang_up()

    # --- what is seen

    @property
    def text(self) -> str:
        """The screen's lines."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    @property
    def unread(self) -> int:
        """Bytes that wait to be read."""
        return int.from_bytes(fcntl.ioctl(self._master, termios.FIONREAD, bytes(4)), sys.byteorder)

    @property
    def modes(self) -> list[object]:
        """The terminal's modes."""
        return termios.tcgetattr(self._slave)

    @property
    def alternate(self) -> bool:
        """Whether the program is on the alternate screen."""
        return self.painted.rfind(b"\x1b[?1049h") > self.painted.rfind(b"\x1b[?1049l")

    def read(self, seconds: float = 0.05) -> bool:
        """Takes in what is painted; waits so long for it; returns whether there was anything."""
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        data = self._waiting()
        self.painted += data
        data = self._held + data
        cut = _CUT.search(data)
        self._held = data[cut.start() :] if cut else b""
        self._stream.feed(_KEYBOARD.sub(b"", data.removesuffix(self._held)))
        return bool(data)

    def _waiting(self) -> bytes:
        """What the program has written: the kernel hands it out by 4 KB at most."""
        parts = []
        with contextlib.suppress(OSError):
            for _ in range(64):
                parts.append(os.read(self._master, 1 << 16))
        return b"".join(parts)

    def until(self, true: str | Callable[[], object], seconds: float = 120.0) -> None:
        """Reads until a text stands on the screen, or until `true()`."""
        limit = time.monotonic() + seconds
        while not (true in self.text if isinstance(true, str) else true()):
            if time.monotonic() > limit:
                raise AssertionError(f"{true!r} not within {seconds:g} s")
            self.read()

    def quiet(self, seconds: float = 0.25, most: float = 10.0) -> None:
        """Reads until nothing has been painted for so long."""
        limit = time.monotonic() + most
        while self.read(seconds) and time.monotonic() < limit:
            pass

    def styles(self) -> set[bytes]:
        """All sequences that set a style."""
        return set(_STYLES.findall(self.painted))

    # --- what is done to it

    def press(self, keys: str) -> None:
        """Types."""
        os.write(self._master, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Changes the window's size; the program gets a SIGWINCH."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def hang_up(self) -> None:
        """Closes the terminal, as a dropped SSH connection does."""
        for descriptor in {self._slave, self._master} - {-1}:
            os.close(descriptor)
        self._slave = self._master = -1

    def kill(self) -> None:
        """Ends the program without a word to it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def ended(self, seconds: float = 30.0) -> int:
        """Waits until the program has ended and all it painted is here; its exit code."""
        self.until(lambda: self.process.poll() is not None, seconds)
        while self.read(0):
            pass
        return int(self.process.returncode)

    def hung_up_and_ended(self, seconds: float = 30.0) -> int:
        """The exit code of a program whose terminal is gone."""
        return self.process.wait(seconds)
