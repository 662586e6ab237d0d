"""A widget that draws the losses of one run, or of two."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.reactive import reactive
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from titletui.text import display
from titletui.tui.train.loss_chart.render import (
    GUTTER,
    Cell,
    Curves,
    View,
    render_chart,
    step_range,
)

FRAME = 0.25
_NARROWEST = 0.02


class LossChart(Widget):
    """Losses over steps: a dim envelope of the loss under a bold average, held-out losses as marks.

    The zone below the threshold is tinted under a dashed line. A loss that is not finite leaves a
    gap and a cross at the bottom; one of exactly 0, for which a log axis has no place, a small
    triangle there. Of two runs the second is drawn dotted, and the envelopes are left out.

    At most one frame is drawn in `FRAME` seconds, however often `set_curves` is called.

    Attributes:
        empty: shown while there is no step.
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
        & > .loss-chart--cursor { color: $foreground; text-style: reverse; }
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
        "loss-chart--cursor",
    }

    view: reactive[View] = reactive(View())
    empty = reactive("no step yet")

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._runs: dict[str, Curves] = {}
        self._strips: list[Strip] | None = None
        self._drawn = 0.0
        self._due: Timer | None = None

    def set_curves(
        self,
        name: str,
        steps: Sequence[float],
        losses: Sequence[float],
        averages: Sequence[float],
        heldout: Sequence[tuple[float, float]] = (),
        best: float | None = None,
    ) -> None:
        """Set the curves of the run `name`; only what was added costs time.

        Args:
            best: the step whose held-out loss is marked as the best.
        """
        curves = self._runs.setdefault(name, Curves())
        changed = curves.loss.update(steps, losses)
        changed |= curves.average.update(steps, averages)
        marks = list(heldout)
        if marks != curves.heldout or best != curves.best:
            curves.heldout, curves.best, changed = marks, best, True
        if changed:
            self._draw_soon()

    def keep_only(self, *names: str) -> None:
        """Drop all runs but these."""
        kept = {name: self._runs[name] for name in names if name in self._runs}
        if list(kept) != list(self._runs):
            self._runs = kept
            self.redraw()

    def change_view(self, **changes: Any) -> None:
        """Change how the curves are shown."""
        self.view = replace(self.view, **changes)

    # --- looking closer

    def move_cursor(self, columns: int) -> None:
        """Move the crosshair, which starts at the last step, by columns; it keeps in view."""
        if not self._shown_runs:
            return
        start, end = step_range(self._shown_runs, self.view)
        column = (end - start) / max(1, self.size.width - GUTTER - 1)
        at = end if self.view.cursor is None else self.view.cursor + columns * column
        step = self._nearest_step(min(end, max(start, at)), columns)
        self.change_view(cursor=step)

    def zoom(self, factor: float) -> None:
        """Show `factor` times as many steps, around the crosshair if it is shown."""
        if not self._shown_runs:
            return
        whole_start, whole_end = step_range(self._shown_runs, View())
        start, end = step_range(self._shown_runs, self.view)
        window = min(1.0, max(_NARROWEST, self.view.window * factor))
        middle = self.view.cursor if self.view.cursor is not None else end
        share = (end - middle) / ((end - start) or 1.0)
        length = (whole_end - whole_start) or 1.0
        back = (whole_end - middle - share * window * length) / length
        self.change_view(window=window, back=max(0.0, min(1 - window, back)))

    def pan(self, share: float) -> None:
        """Show earlier (`share` < 0) or later steps, by a share of those that are shown."""
        window = self.view.window
        back = self.view.back - share * window
        self.change_view(back=max(0.0, min(1 - window, back)), cursor=None)

    def _nearest_step(self, at: float, direction: int) -> float:
        steps = [step for curves in self._shown_runs.values() for step in curves.loss.xs]
        if not steps:
            return at
        nearest = min(steps, key=lambda step: abs(step - at))
        if direction and nearest == self.view.cursor:
            beyond = [step for step in steps if (step - nearest) * direction > 0]
            return min(beyond, key=lambda step: abs(step - nearest), default=nearest)
        return nearest

    @property
    def _shown_runs(self) -> dict[str, Curves]:
        return {name: curves for name, curves in self._runs.items() if curves.ends}

    # --- drawing

    def redraw(self) -> None:
        """Draw again with the next refresh."""
        self._strips = None
        self.refresh()

    def watch_view(self) -> None:
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
        runs = self._shown_runs
        if not runs or width < GUTTER + 8 or height < 3:
            return _message(self.empty, width, height)
        return render_chart(runs, width, height, self.view)

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
