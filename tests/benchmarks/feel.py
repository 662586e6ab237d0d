"""How quickly the app answers: `python -m tests.benchmarks.feel [rounds] [--against CHECKOUT]`.

Start-up is measured in a 120×40 pty, interleaved with a Textual hello-world: from the start of the
process until its first full frame. A key is measured until the screen has come to rest after it,
quit from the key to the end of the process, `--version` as a whole process. How the app feels while
everything works at once is in `tests.benchmarks.busy`.

`--against` measures another checkout too, in alternating rounds, with this environment's libraries.
"""

import argparse
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parents[2]
READY = 3.0
LIMIT = 1.1
FIRST = "titletui, first frame"
HELLO_FIRST = "hello-world, first frame"
HELLO = """
from textual.app import App
from textual.widgets import Header, Footer, Static
class Hello(App):
    def compose(self):
        yield Header(); yield Static("Hello, world"); yield Footer()
Hello().run()
"""


class Terminal:
    """A process in a 120×40 pty, started in `folder`, whose package it imports."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self.began = time.perf_counter()
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
            os.execvp(command[0], list(command))
        size = struct.pack("HHHH", 40, 120, 0, 0)
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, size)
        self.painted = b""

    def read(self, quiet: float, limit: float = 15.0) -> float:
        """Reads until nothing has come for `quiet` seconds; the time of the last byte."""
        last = time.perf_counter()
        until = last + limit
        while time.perf_counter() < until:
            ready, _, _ = select.select([self.descriptor], [], [], quiet)
            if not ready:
                break
            try:
                data = os.read(self.descriptor, 65536)
            except OSError:
                break
            if not data:
                break
            self.painted += data
            last = time.perf_counter()
        return last

    def first_frame(self, text: bytes) -> float:
        """Seconds until `text` was painted."""
        while text not in self.painted:
            if time.perf_counter() - self.began > 20:
                raise SystemExit(f"{text!r} was not painted")
            if select.select([self.descriptor], [], [], 0.5)[0]:
                self.painted += os.read(self.descriptor, 65536)
        return time.perf_counter() - self.began

    def press(self, keys: bytes) -> None:
        os.write(self.descriptor, keys)

    def ended(self) -> float:
        """Seconds until the process is gone."""
        began = time.perf_counter()
        while os.waitpid(self.pid, os.WNOHANG) == (0, 0):
            if select.select([self.descriptor], [], [], 0.005)[0]:
                try:
                    os.read(self.descriptor, 65536)
                except OSError:
                    time.sleep(0.002)
        os.close(self.descriptor)
        return time.perf_counter() - began

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.descriptor)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=7)
    parser.add_argument("--against", type=Path, help="another checkout")
    arguments = parser.parse_args()
    checkouts = [HERE] if arguments.against is None else [HERE, arguments.against.resolve()]
    rows: list[dict[str, list[float]]] = [{} for _ in checkouts]
    homes = [tempfile.mkdtemp(prefix="titletui-feel-") for _ in checkouts]
    # The first round fills the caches, and does not count.
    for number in range(arguments.rounds + 1):
        for one in sorted(range(len(checkouts)), reverse=number % 2 == 1):
            os.environ.update(TITLETUI_HOME=homes[one], PYTHONPATH=str(checkouts[one]))
            for name, seconds in _round(checkouts[one]).items():
                if number:
                    rows[one].setdefault(name, []).append(seconds)
    if len(rows) == 1:
        _print_times(rows[0])
    else:
        _print_comparison(*rows)
    ratio = statistics.median(rows[0][FIRST]) / statistics.median(rows[0][HELLO_FIRST])
    print(f"first frame: {ratio:.2f} × hello-world (to beat: 2.0)")


def _print_times(rows: dict[str, list[float]]) -> None:
    print(f"{'':34}{'median ms':>10}{'min':>8}{'max':>8}")
    for name, times in rows.items():
        cells = (statistics.median(times), min(times), max(times))
        print(f"{name:34}{cells[0] * 1e3:10.0f}{cells[1] * 1e3:8.0f}{cells[2] * 1e3:8.0f}")


def _print_comparison(here: dict[str, list[float]], there: dict[str, list[float]]) -> None:
    print(f"{'median ms':34}{'here':>8}{'there':>8}{'ratio':>8}")
    for name in here:
        mine, other = statistics.median(here[name]), statistics.median(there[name])
        slower = "  slower" if mine > LIMIT * other else ""
        print(f"{name:34}{mine * 1e3:8.0f}{other * 1e3:8.0f}{mine / other:8.2f}{slower}")


def _round(checkout: Path) -> dict[str, float]:
    measured: dict[str, float] = {}
    hello = Terminal([sys.executable, "-c", HELLO], checkout)
    measured[HELLO_FIRST] = hello.first_frame(b"world")
    hello.kill()

    app = Terminal([sys.executable, "-m", "titletui"], checkout)
    measured[FIRST] = app.first_frame(b"Temperature")
    app.read(READY)
    app.press(b"\x1b")
    app.read(0.3)
    for key, name in ((b"1", "corpus"), (b"2", "train"), (b"4", "shortlist"), (b"3", "generate")):
        began = time.perf_counter()
        app.press(key)
        measured[f"switch to {name}, first visit"] = app.read(0.25) - began
    for key, name in ((b"1", "corpus"), (b"2", "train"), (b"4", "shortlist"), (b"3", "generate")):
        began = time.perf_counter()
        app.press(key)
        measured[f"switch to {name}, again"] = app.read(0.25) - began
    for key, name in ((b"?", "help"), (b",", "settings")):
        began = time.perf_counter()
        app.press(key)
        measured[f"{name} opens"] = app.read(0.25) - began
        app.press(b"\x1b")
        app.read(0.3)
    app.press(b"q")
    measured["quit"] = app.ended()

    app = Terminal([sys.executable, "-m", "titletui"], checkout)
    app.first_frame(b"Temperature")
    app.press(b"Neural\r")
    app.read(0.2, limit=1.0)
    app.press(b"\x1b")
    app.read(0.2, limit=0.5)
    app.press(b"q")
    measured["quit while a model loads"] = app.ended()

    began = time.perf_counter()
    command = [sys.executable, "-m", "titletui", "--version"]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, cwd=checkout)
    measured["titletui --version"] = time.perf_counter() - began
    return measured


if __name__ == "__main__":
    main()
