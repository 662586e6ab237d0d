"""The loss chart as rows of characters, without a terminal."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from titletui.text import display
from titletui.tui.train.loss_chart.braille import CELLS, BrailleCanvas
from titletui.tui.train.loss_chart.downsample import Bucket, Series
from titletui.tui.train.loss_chart.scale import Scale, fit_scale, linear_ticks, tick_label

GUTTER = 6
ZERO = "↓"
BROKEN = "✕"
DASH = "╌"
CURSOR = "│"
MARKS = (("○", "●"), ("◇", "◆"))
AVERAGES = ("average", "second")
_SAMPLES = ("━━", "━ ")
_NAME_WIDTH = 24
_MARK_DISTANCE = 3
_FROM_EDGE = 4

Cell = tuple[str, str]


@dataclass
class Curves:
    """The curves of one run.

    Attributes:
        loss, average: a value a step.
        heldout: (step, loss) of each evaluation.
        best: the step of the evaluation that is marked as the best.
    """

    loss: Series = field(default_factory=Series)
    average: Series = field(default_factory=Series)
    heldout: list[tuple[float, float]] = field(default_factory=list)
    best: float | None = None

    @property
    def ends(self) -> tuple[float, float] | None:
        """The first and the last step that it has a value for."""
        steps = [step for series in (self.loss, self.average) for step in series.xs[:1]]
        steps += [step for series in (self.loss, self.average) for step in series.xs[-1:]]
        steps += [step for step, _ in (*self.heldout[:1], *self.heldout[-1:])]
        return (min(steps), max(steps)) if steps else None


@dataclass(frozen=True)
class View:
    """How the curves are shown.

    Attributes:
        labels: of the threshold, the longest first; the longest that fits is shown.
        window: the share of the steps that is shown.
        back: the share of the steps between the last one shown and the last one of all.
        cursor: the step that the crosshair is on.
    """

    log: bool = True
    threshold: float | None = None
    labels: tuple[str, ...] = ("overfit",)
    window: float = 1.0
    back: float = 0.0
    cursor: float | None = None


def step_range(runs: Mapping[str, Curves], view: View) -> tuple[float, float]:
    """The first and the last step that are shown."""
    ends = [curves.ends for curves in runs.values() if curves.ends]
    first, last = min(end[0] for end in ends), max(end[1] for end in ends)
    first = 0.0 if 0 < first <= last / 20 else first
    end = last - (last - first) * min(view.back, 1 - view.window)
    return end - (last - first) * view.window, end


def render_chart(
    runs: Mapping[str, Curves], width: int, height: int, view: View
) -> list[list[Cell]]:
    """The chart as `height` rows of `width` cells: a character and the name of its style each.

    A style's name ends in `+` in the zone below the threshold.

    Args:
        runs: one or two, by name; the envelope of the loss is drawn where there is one.
    """
    start, end = step_range(runs, view)
    renderer = _Renderer(width - GUTTER, height - 1, start, end, view)
    renderer.measure(runs)
    for index, name in enumerate(runs):
        renderer.draw(index, runs[name])
    renderer.finish()
    if view.cursor is None:
        renderer.place_legend(runs)
    else:
        renderer.place_cursor(runs, view.cursor)
    return [*renderer.rows(), renderer.bottom_row()]


class _Renderer:
    def __init__(self, width: int, height: int, start: float, last: float, view: View) -> None:
        self.width, self.height, self.view = width, height, view
        self.start, self.last = start, last
        self.step = (last - start) / (2 * width - 1) or 1.0
        self.scale = Scale(0.0, 1.0, 4 * height, log=False)
        self.envelope = BrailleCanvas(width, height)
        self.averages = [BrailleCanvas(width, height) for _ in AVERAGES]
        self.layers: list[tuple[str, list[list[int] | None]]] = []
        self.alone = True
        self.marks: list[dict[int, Cell]] = [{} for _ in range(height)]
        self.columns: dict[tuple[int, str], list[Bucket | None]] = {}
        self.non_finite = self.zero = False

    def measure(self, runs: Mapping[str, Curves]) -> None:
        """Reduce the curves to columns and find the scale that fits them."""
        lows: list[float] = []
        highs: list[float] = []
        self.alone = len(runs) == 1
        for index, curves in enumerate(runs.values()):
            for kind, series in (("average", curves.average), ("loss", curves.loss)):
                columns = series.columns(self.start, self.step, 2 * self.width)
                self.columns[index, kind] = columns
                if kind == "average" or self.alone:
                    seen = [bucket for bucket in columns if bucket and bucket.low <= bucket.high]
                    lows += [bucket.low if bucket.low > 0 else bucket.high for bucket in seen]
                    highs += [bucket.high for bucket in seen]
            marks = [y for x, y in curves.heldout if self._is_shown(x) and math.isfinite(y)]
            lows += marks
            highs += marks
        if self.view.log:
            lows = [low for low in lows if low > 0]
        low, high = min(lows, default=self.view.threshold or 0.1), max(highs, default=1.0)
        if not self.view.log and self.alone:
            low = min([low, *(b.low for b in self.columns[0, "loss"] if b and b.low <= b.high)])
        self.scale = fit_scale(
            low, high, 4 * self.height, log=self.view.log, threshold=self.view.threshold
        )

    @property
    def threshold_row(self) -> int | None:
        """The row of the dashed line; None where there is none on the scale."""
        threshold = self.view.threshold
        if threshold is None or not self.scale.holds(threshold):
            return None
        return self.row_of(threshold)

    def draw(self, index: int, curves: Curves) -> None:
        """Draw the `index`-th of the measured runs."""
        losses = self.columns[index, "loss"]
        if self.alone:
            _draw_buckets(self.envelope, losses, self.scale)
        canvas = self.averages[index]
        _draw_buckets(canvas, self.columns[index, "average"], self.scale)
        if index:
            canvas.columns = [0 if at // 2 % 2 else bits for at, bits in enumerate(canvas.columns)]
        self._mark_heldout(index, curves)
        self._mark_odd(losses, index)

    def finish(self) -> None:
        """Turn the dots into cells; what comes later in `layers` hides what came before."""
        drawn = (self.envelope, self.averages[1], self.averages[0])
        kinds = ("envelope", AVERAGES[1], AVERAGES[0])
        self.layers = [(kind, canvas.rows()) for kind, canvas in zip(kinds, drawn, strict=True)]
        self._mark_far_threshold()

    def _mark_far_threshold(self) -> None:
        """Name a threshold outside the scale at the edge, with its distance from the loss."""
        threshold = self.view.threshold
        if threshold is None or self.threshold_row is not None:
            return
        below = threshold < self.scale.low
        loss = next((b.last for b in reversed(self.columns[0, "average"]) if b), math.nan)
        distance = ""
        if math.isfinite(loss):
            distance = f", {abs(loss - threshold):.2g} {'below' if below else 'above'}"
        arrow = "▾" if below else "▴"
        texts = [f"{arrow} {label}{distance}" for label in self.view.labels]
        texts.append(f"{arrow} {self.view.labels[-1]}")
        text = next((text for text in texts if len(text) < self.width), "")
        row = self.height - 1 if below else 0
        places = (self.width - len(text) - _FROM_EDGE, _FROM_EDGE, (self.width - len(text)) // 2, 0)
        last = self.width - len(text)
        free = (
            at for at in places if 0 <= at <= last and self._is_free(row, range(at, at + len(text)))
        )
        self._write(row, next(free, 0), [(text, "threshold")])

    def place_cursor(self, runs: Mapping[str, Curves], step: float) -> None:
        """Draw the crosshair and write the values at its step into the top row."""
        column = self._cell(step)
        for row in range(self.height):
            self.marks[row].setdefault(column, (CURSOR, "axis"))
        entry: list[Cell] = [(f" step {step:g} ", "cursor")]
        for name, curves in runs.items():
            if not self.alone:
                entry.append((f" {_short(display(name))}", "axis"))
            for label, value in (
                ("loss", curves.loss.at(step)),
                ("average", curves.average.at(step)),
                ("held-out", _at_or_before(curves.heldout, step)),
            ):
                if value is not None:
                    entry += [(f" {label} ", "axis"), (f"{value:.4g}", "average")]
        breadth = sum(len(text) for text, _ in entry)
        if breadth <= self.width:
            left = 0 if column > self.width // 2 else self.width - breadth
            self._write(0, left, entry)

    def place_legend(self, runs: Mapping[str, Curves]) -> None:
        """Write what is what into an empty place, if there is one."""
        entries = self._legend(runs)
        breadth = max(sum(len(text) for text, _ in entry) for entry in entries)
        if breadth + 12 > self.width or len(entries) + 3 > self.height:
            return
        edge = self.height if self.threshold_row is None else self.threshold_row
        bottom = min(self.height - 1, edge) - len(entries)
        right, middle = self.width - breadth - 1, (self.height - len(entries)) // 2
        for top, left in ((0, right), (bottom, 2), (middle, right), (middle, 2)):
            area = range(left - 1, left + breadth + 1)
            rows = range(top, top + len(entries))
            if edge not in rows and all(self._is_free(row, area) for row in rows):
                for at, entry in enumerate(entries):
                    self._write(top + at, left, entry)
                return

    def rows(self) -> Iterator[list[Cell]]:
        """The rows from the top, each with its tick."""
        edge = self.threshold_row
        above = edge is None and (self.view.threshold or 0.0) > self.scale.high
        labels = self._tick_rows()
        for row in range(self.height):
            in_zone = above or (edge is not None and row > edge)
            in_zone |= row == edge == self.height - 1
            label = labels.get(row)
            kind = "threshold" if row == edge else "axis"
            gutter = f"{label:>{GUTTER - 1}.{GUTTER - 1}}┤" if label else " " * (GUTTER - 1) + "│"
            cells = self._row(row, "+" if in_zone else "", dashed=row == edge)
            yield [*((char, kind) for char in gutter), *cells]

    def bottom_row(self) -> list[Cell]:
        """The axis of the steps."""
        line = ["─"] * self.width
        end = -1
        for tick in linear_ticks(self.start, self.last, max(2, self.width // 12)):
            if tick != int(tick):
                continue
            text = tick_label(tick)
            at = int((tick - self.start) / self.step) // 2 - len(text) // 2
            at = max(0, min(at, self.width - len(text)))
            if at > end and len(text) <= self.width:
                line[at : at + len(text)] = text
                end = at + len(text)
        return [(char, "axis") for char in (*" " * (GUTTER - 1), "└", *line)]

    def row_of(self, value: float) -> int:
        return self.height - 1 - self.scale.dot(value) // 4

    def _is_shown(self, step: float) -> bool:
        return self.start <= step <= self.last

    def _mark_heldout(self, index: int, curves: Curves) -> None:
        mark, best_mark = MARKS[index]
        taken = -_MARK_DISTANCE
        for at, (step, loss) in enumerate(curves.heldout):
            if not self._is_shown(step) or not math.isfinite(loss):
                continue
            column = self._cell(step)
            best = step == curves.best
            if best or at == len(curves.heldout) - 1 or column - taken >= _MARK_DISTANCE:
                char = best_mark if best else mark
                self.marks[self.row_of(loss)][column] = (char, "heldout")
                taken = column

    def _mark_odd(self, losses: list[Bucket | None], index: int) -> None:
        for at, bucket in enumerate(losses):
            if bucket is None:
                continue
            if bucket.non_finite:
                self.marks[-1][at // 2] = (BROKEN, "broken")
                self.non_finite = True
            elif self.scale.log and bucket.low <= 0:
                self.marks[-1].setdefault(at // 2, (ZERO, AVERAGES[index]))
                self.zero = True

    def _legend(self, runs: Mapping[str, Curves]) -> list[list[Cell]]:
        entries: list[list[Cell]] = []
        for index, (name, curves) in enumerate(runs.items()):
            sample = (f"{_SAMPLES[index]} ", AVERAGES[index])
            text = "average" if self.alone else _short(display(name))
            entries.append([sample, (text, "axis")])
            if curves.heldout and not self.alone:
                entries[-1].append((f" {MARKS[index][0]}", "heldout"))
        if self.alone:
            entries.append([("⣿⣿ ", "envelope"), ("loss", "axis")])
            if any(curves.heldout for curves in runs.values()):
                entries.append(
                    [("○  ", "heldout"), ("held-out ", "axis"), ("●", "heldout"), (" best", "axis")]
                )
        if self.zero:
            entries.append([(f"{ZERO}  ", "average"), ("exactly 0", "axis")])
        if self.non_finite:
            entries.append([(f"{BROKEN}  ", "broken"), ("not a number", "axis")])
        return entries

    def _is_free(self, row: int, columns: Iterable[int]) -> bool:
        inside = [at for at in columns if 0 <= at < self.width]
        cells = [rows[row] for _, rows in self.layers]
        drawn = any(line[at] for line in cells if line is not None for at in inside)
        return not drawn and not any(at in self.marks[row] for at in inside)

    def _write(self, row: int, column: int, entry: list[Cell]) -> None:
        for text, kind in entry:
            for char in text:
                self.marks[row][column] = (char, kind)
                column += 1

    def _tick_rows(self) -> dict[int, str]:
        rows: dict[int, str] = {}
        if self.threshold_row is not None:
            rows[self.threshold_row] = tick_label(self.view.threshold or 0.0)
        for tick in self.scale.ticks():
            row = self.row_of(tick)
            if not {row - 1, row, row + 1} & rows.keys():
                rows[row] = tick_label(tick)
        return rows

    def _row(self, row: int, zone: str, *, dashed: bool) -> list[Cell]:
        cells: list[Cell] = [(DASH, "threshold" + zone) if dashed else (" ", zone)] * self.width
        if dashed:
            at, label = self._place_label(row)
            cells[at : at + len(label)] = [(char, "threshold" + zone) for char in label]
        for kind, rows in self.layers:
            line = rows[row]
            if line is not None:
                style = kind + zone
                for at, cell in enumerate(line):
                    if cell:
                        cells[at] = (CELLS[cell], style)
        for at, (char, kind) in self.marks[row].items():
            cells[at] = (char, kind + zone)
        return cells

    def _place_label(self, row: int) -> tuple[int, str]:
        """The threshold's longest label with room in its line, and its column."""
        for text in (f" {label} " for label in self.view.labels):
            size = len(text)
            for at in ((self.width - size) // 2, _FROM_EDGE, self.width - size - _FROM_EDGE):
                if 0 < at <= self.width - size and self._is_free(row, range(at, at + size)):
                    return at, text
        return 0, ""

    def _cell(self, step: float) -> int:
        return min(self.width - 1, max(0, int((step - self.start) / self.step) // 2))


def _draw_buckets(canvas: BrailleCanvas, columns: list[Bucket | None], scale: Scale) -> None:
    """Draw each bucket as a stroke, and a line wherever strokes do not touch by themselves."""
    before: tuple[int, int, int, float] | None = None
    for at, bucket in enumerate(columns):
        if bucket is None:
            continue
        if bucket.low > bucket.high:
            before = None
            continue
        low = scale.dot(bucket.low)
        high = low if bucket.high == bucket.low else scale.dot(bucket.high)
        canvas.stroke(at, low, high)
        if before is not None and math.isfinite(bucket.first):
            column, below, above, last = before
            if at > column + 1 or low > above + 1 or high < below - 1:
                canvas.line(column, scale.dot(last), at, scale.dot(bucket.first))
        before = (at, low, high, bucket.last) if math.isfinite(bucket.last) else None


def _at_or_before(points: list[tuple[float, float]], step: float) -> float | None:
    values = [y for x, y in points if x <= step and math.isfinite(y)]
    return values[-1] if values else None


def _short(name: str) -> str:
    return name if len(name) <= _NAME_WIDTH else f"{name[: _NAME_WIDTH - 1]}…"
