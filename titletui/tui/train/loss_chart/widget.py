"""The loss of one run, or of two, as it falls."""

import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.reactive import reactive
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from titletui.text import display
from titletui.tui.train.loss_chart.render import GUTTER, Cell, Line, plot_rows

FRAME = 0.25


class LossChart(Widget):
    """Losses over steps: a dim envelope of the loss under a bold average, held-out losses as marks.

    The zone below `threshold` is tinted under a dashed line. A loss that is not finite leaves a gap
    and a cross at the bottom; one of exactly 0, which a log axis has no place for, a small triangle
    there. Of two runs the second is drawn dotted, and the envelopes are left out.

    At most one frame is drawn in `FRAME` seconds, however often `put` is called.
    """

    DEFAULT_CSS = """
    LossChart {
        height: 1fr;
        min-height: 4;
        & > .loss-chart--average { color: $primary; text-style: bold; }
        & > .loss-chart--second { color: $secondary; text-style: bold; }
        & > .loss-chart--envelope { color: $primary 45%; }
        & > .loss-chart--heldout { color: $accent; text-style: bold; }
        & > .loss-chart--axis { color: $foreground 55%; }
        & > .loss-chart--threshold { color: $warning; }
        & > .loss-chart--broken { color: $error; text-style: bold; }
        & > .loss-chart--zone { background: $warning 14%; }
        & > .loss-chart--empty { color: $foreground 60%; }
    }
    LossChart:nocolor > .loss-chart--envelope, LossChart:ansi > .loss-chart--envelope {
        text-style: dim;
    }
    LossChart:ansi {
        & > .loss-chart--axis, & > .loss-chart--empty { color: ansi_default; text-style: dim; }
        & > .loss-chart--zone { background: ansi_default; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "loss-chart--average",
        "loss-chart--second",
        "loss-chart--envelope",
        "loss-chart--heldout",
        "loss-chart--axis",
        "loss-chart--threshold",
        "loss-chart--broken",
        "loss-chart--zone",
        "loss-chart--empty",
    }

    log_axis = reactive(True)
    window = reactive(1.0)
    threshold: reactive[float | None] = reactive(0.1)
    threshold_word: reactive[str] = reactive("overfit below")
    empty = reactive("no step yet")

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._lines: dict[str, Line] = {}
        self._strips: list[Strip] | None = None
        self._drawn = 0.0
        self._due: Timer | None = None

    def put(
        self,
        name: str,
        steps: Sequence[float],
        losses: Sequence[float],
        averages: Sequence[float],
        heldout: Sequence[tuple[float, float]] = (),
        best: float | None = None,
    ) -> None:
        """Sets the curve called `name` to what it is now; only what was added costs time.

        Args:
            best: the step whose held-out loss is marked as the best.
        """
        line = self._lines.setdefault(name, Line())
        changed = line.loss.update(steps, losses)
        changed |= line.average.update(steps, averages)
        marks = list(heldout)
        if marks != line.heldout or best != line.best:
            line.heldout, line.best, changed = marks, best, True
        if changed:
            self._draw_soon()

    def show_only(self, *names: str) -> None:
        """Drops all curves but these."""
        kept = {name: self._lines[name] for name in names if name in self._lines}
        if list(kept) != list(self._lines):
            self._lines = kept
            self.redraw()

    def redraw(self) -> None:
        """Draws anew with the next refresh."""
        self._strips = None
        self.refresh()

    def watch_log_axis(self) -> None:
        self.redraw()

    def watch_window(self) -> None:
        self.redraw()

    def watch_threshold(self) -> None:
        self.redraw()

    def watch_threshold_word(self) -> None:
        self.redraw()

    def watch_empty(self) -> None:
        self.redraw()

    def notify_style_update(self) -> None:
        self._strips = None
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        strips = self._strips
        if strips is None or len(strips) != height or strips[0].cell_length != width:
            self._drawn = time.monotonic()
            strips = self._strips = self._paint(self.cells())
        return strips[y] if y < len(strips) else Strip.blank(width)

    def cells(self) -> list[list[Cell]]:
        """What is drawn now, as rows of (character, name of its style)."""
        width, height = self.size
        lines = {name: line for name, line in self._lines.items() if line.ends}
        if not lines or width < GUTTER + 8 or height < 3:
            return _message(self.empty, width, height)
        return plot_rows(
            lines,
            width,
            height,
            log=self.log_axis,
            threshold=self.threshold,
            word=self.threshold_word,
            window=self.window,
        )

    def _draw_soon(self) -> None:
        wait = self._drawn + FRAME - time.monotonic()
        if wait <= 0 or not self.is_running:
            self.redraw()
        elif self._due is None:
            self._due = self.set_timer(wait, self._draw_now)

    def _draw_now(self) -> None:
        self._due = None
        self.redraw()

    def _paint(self, rows: list[list[Cell]]) -> list[Strip]:
        styles: dict[str, Style] = {}
        ground = self.background_colors[1]
        zone = ground + self.get_component_styles("loss-chart--zone").background

        def style(name: str) -> Style:
            found = styles.get(name)
            if found is None:
                back = zone if name.endswith("+") else ground
                found = Style(bgcolor=back.rich_color)
                if kind := name.rstrip("+"):
                    own = self.get_component_styles(f"loss-chart--{kind}")
                    found += Style(color=(back + own.color).rich_color) + own.text_style
                styles[name] = found
            return found

        return [Strip(_segments(row, style), len(row)) for row in rows]


def _segments(row: list[Cell], style: Callable[[str], Style]) -> list[Segment]:
    """Cells of one style together; blanks go with what is before them on the same ground."""
    segments: list[Segment] = []
    text, name = "", row[0][1]
    for char, own in row:
        if own != name and (char != " " or own.endswith("+") != name.endswith("+")):
            segments.append(Segment(text, style(name)))
            text, name = "", own
        text += char
    segments.append(Segment(text, style(name)))
    return segments


def _message(text: str, width: int, height: int) -> list[list[Cell]]:
    line = f"{display(text)[:width]:^{width}}"
    return [
        [(char, "empty") for char in (line if row == height // 2 else " " * width)]
        for row in range(height)
    ]
