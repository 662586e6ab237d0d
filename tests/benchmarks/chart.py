"""What a frame of the loss chart costs: `python -m tests.benchmarks.chart [frames]`.

Each widget runs in an app of its own in a 100×20 pty and shows two lines of 10,000 points, to which
one point each is added a frame. Counted are the processor time of the whole process for a frame
(Textual's share included: `nothing` is a text of one line that changes) and the bytes that reach
the terminal. The peers are measured in the same run where they are installed:
`pip install textual-plotext textual-plot`.
"""

import asyncio
import fcntl
import importlib.util
import json
import math
import os
import pty
import random
import select
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

POINTS = 10_000
COLUMNS, ROWS = 100, 20
PEERS = {"textual-plotext": "textual_plotext", "textual-plot": "textual_plot"}
_BETWEEN = 0.05


class Curves:
    """A loss and its average, as a run makes them."""

    def __init__(self) -> None:
        self._random = random.Random(1)
        self.steps: list[float] = []
        self.losses: list[float] = []
        self.averages: list[float] = []
        self._weighted = 0.0
        for _ in range(POINTS):
            self.add()

    def add(self) -> None:
        step = len(self.steps) + 1
        loss = (1 + 7 * math.exp(-step / 2_000)) * math.exp(self._random.gauss(0, 0.2))
        self._weighted = 0.99 * self._weighted + 0.01 * loss
        self.steps.append(float(step))
        self.losses.append(loss)
        self.averages.append(self._weighted / (1 - 0.99**step))


def measure(name: str, frames: int, result: Path) -> None:
    """Runs the widget `name` in this terminal; writes milliseconds a frame to `result`."""
    from textual.app import App, ComposeResult

    widget, draw = _widget(name)

    class Bench(App[None]):
        def compose(self) -> ComposeResult:
            yield widget

        def on_mount(self) -> None:
            self.run_worker(self.count())

        async def count(self) -> None:
            curves = Curves()
            draw(curves)
            await asyncio.sleep(1.0)
            began = time.process_time()
            for _ in range(frames):
                curves.add()
                draw(curves)
                await asyncio.sleep(_BETWEEN)
            spent = (time.process_time() - began) / frames
            result.write_text(json.dumps(1e3 * spent))
            self.exit()

    Bench().run()


def _widget(name: str) -> tuple[Any, Callable[[Curves], None]]:
    if name == "nothing":
        from textual.widgets import Static

        text = Static()
        return text, lambda curves: text.update(str(len(curves.steps)))
    if name == "titletui":
        from titletui.tui.train.loss_chart.widget import LossChart

        chart = LossChart()

        def draw(curves: Curves) -> None:
            chart.set_curves("a", curves.steps, curves.losses, curves.averages)
            chart.redraw()

        return chart, draw
    if name == "textual-plotext":
        return _plotext()
    return _plot()


def _plotext() -> tuple[Any, Callable[[Curves], None]]:
    from textual_plotext import PlotextPlot  # type: ignore[import-not-found]

    plot = PlotextPlot()

    def draw(curves: Curves) -> None:
        plot.plt.clear_data()
        plot.plt.plot(curves.steps, curves.losses, marker="braille")
        plot.plt.plot(curves.steps, curves.averages, marker="braille")
        plot.refresh()

    return plot, draw


def _plot() -> tuple[Any, Callable[[Curves], None]]:
    from textual_plot import HiResMode, PlotWidget  # type: ignore[import-not-found]

    plot = PlotWidget()

    def draw(curves: Curves) -> None:
        plot.clear()
        for line, colour in ((curves.losses, "blue"), (curves.averages, "yellow")):
            plot.plot(x=curves.steps, y=line, line_style=colour, hires_mode=HiResMode.BRAILLE)

    return plot, draw


def in_a_terminal(name: str, frames: int) -> tuple[float, float]:
    """Milliseconds of processor time and bytes a frame."""
    result = Path(tempfile.mkdtemp()) / "result"
    process, descriptor = pty.fork()
    if process == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
        arguments = ["-m", "tests.benchmarks.chart", name, str(frames), str(result)]
        os.execv(sys.executable, [sys.executable, *arguments])
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    painted = first = 0
    started = time.monotonic()
    while not result.exists() and time.monotonic() - started < 300:
        if not select.select([descriptor], [], [], 0.2)[0]:
            first = first or painted
            continue
        try:
            painted += len(os.read(descriptor, 1 << 16))
        except OSError:
            break
    os.close(descriptor)
    os.waitpid(process, 0)
    return float(json.loads(result.read_text())), (painted - first) / frames


def main(frames: int) -> None:
    names = ["nothing", "titletui"]
    names += [name for name, module in PEERS.items() if importlib.util.find_spec(module)]
    missing = [name for name in PEERS if name not in names]
    print(f"two lines of {POINTS:,} points at {COLUMNS}×{ROWS}, {frames} frames each")
    print(f"{'':<18}{'ms a frame':>12}{'without Textual':>18}{'KiB a frame':>14}")
    floor = 0.0
    for name in names:
        try:
            spent, painted = in_a_terminal(name, frames)
        except FileNotFoundError:
            print(f"{name:<18} did not run here")
            continue
        floor = floor or spent
        print(f"{name:<18}{spent:>12.1f}{spent - floor:>18.1f}{painted / 1024:>14.1f}")
    if missing:
        print(f"not installed here: {', '.join(missing)}")


if __name__ == "__main__":
    if len(sys.argv) == 4:
        measure(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
