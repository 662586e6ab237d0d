"""The loss chart as rows of characters, without a terminal: one can read it in a test."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from titletui.text import display
from titletui.tui.train.loss_chart.braille import CELLS, Dots
from titletui.tui.train.loss_chart.downsample import Extent, Trace
from titletui.tui.train.loss_chart.scale import Scale, linear_ticks, scale_for, tick_label

GUTTER = 6
ZERO = "▾"
BROKEN = "✕"
DASH = "╌"
MARKS = (("○", "●"), ("◇", "◆"))
AVERAGES = ("average", "second")
_SAMPLES = ("━━", "━ ")
_NAME = 24
_MARK_DISTANCE = 3
_FROM_EDGE = 4

Cell = tuple[str, str]
Columns = list[Extent | None]


@dataclass
class Line:
    """One run's curve.

    Attributes:
        loss, average: a value a step.
        heldout: (step, loss) of each evaluation.
        best: the step of the evaluation that is marked as the best.
    """

    loss: Trace = field(default_factory=Trace)
    average: Trace = field(default_factory=Trace)
    heldout: list[tuple[float, float]] = field(default_factory=list)
    best: float | None = None

    @property
    def ends(self) -> tuple[float, float] | None:
        """The first and the last step that it has anything to say about."""
        steps = [*self.loss.xs[:1], *self.loss.xs[-1:], *self.average.xs[:1], *self.average.xs[-1:]]
        steps += [step for step, _ in (*self.heldout[:1], *self.heldout[-1:])]
        return (min(steps), max(steps)) if steps else None


def plot_rows(
    lines: Mapping[str, Line],
    width: int,
    height: int,
    *,
    log: bool,
    threshold: float | None,
    word: str = "overfit below",
    window: float = 1.0,
) -> list[list[Cell]]:
    """The chart as `height` rows of `width` cells: a character and the name of its style each.

    A style's name ends in `+` in the zone below the threshold.

    Args:
        lines: one or two, by name; the envelope of the loss is drawn where there is one.
        word: what stands in the threshold's line, where there is room.
        window: the share of the steps that is shown, counted from the last one.
    """
    ends = [line.ends for line in lines.values() if line.ends]
    first, last = min(end[0] for end in ends), max(end[1] for end in ends)
    first = 0.0 if 0 < first <= last / 20 else first
    plot = _Plot(width - GUTTER, height - 1, last - (last - first) * window, last)
    plot.word = f" {word} "
    plot.measure(lines, log=log, threshold=threshold)
    for number, name in enumerate(lines):
        plot.draw(number, lines[name])
    plot.finish()
    plot.place_legend(lines, threshold)
    return [*plot.rows(threshold), plot.bottom_row()]


class _Plot:
    def __init__(self, width: int, height: int, start: float, last: float) -> None:
        self.width, self.height = width, height
        self.word = ""
        self.start, self.last = start, last
        self.step = (last - start) / (2 * width - 1) or 1.0
        self.scale = Scale(0.0, 1.0, 4 * height, log=False)
        self.envelope = Dots(width, height)
        self.averages = [Dots(width, height) for _ in AVERAGES]
        self.layers: list[tuple[str, list[list[int] | None]]] = []
        self.alone = True
        self.marks: list[dict[int, Cell]] = [{} for _ in range(height)]
        self.columns: dict[tuple[int, str], Columns] = {}
        self.broken = self.zero = False

    def measure(self, lines: Mapping[str, Line], *, log: bool, threshold: float | None) -> None:
        """Reduces the lines to columns and finds the scale that holds them."""
        lows: list[float] = []
        highs: list[float] = []
        for number, line in enumerate(lines.values()):
            for kind, trace in (("average", line.average), ("loss", line.loss)):
                columns = trace.columns(self.start, self.step, 2 * self.width)
                self.columns[number, kind] = columns
                if kind == "average" or len(lines) == 1:
                    seen = [extent for extent in columns if extent and extent.low <= extent.high]
                    lows += [extent.low if extent.low > 0 else extent.high for extent in seen]
                    highs += [extent.high for extent in seen]
            marks = [y for x, y in line.heldout if x >= self.start and math.isfinite(y)]
            lows += marks
            highs += marks
        if log:
            lows = [low for low in lows if low > 0]
        low, high = min(lows, default=threshold or 0.1), max(highs, default=1.0)
        self.scale = scale_for(low, high, 4 * self.height, log=log, threshold=threshold)
        self.alone = len(lines) == 1

    def draw(self, number: int, line: Line) -> None:
        """Draws the line that was measured as the `number`-th."""
        losses = self.columns[number, "loss"]
        if self.alone:
            _trace(self.envelope, losses, self.scale)
        dots = self.averages[number]
        _trace(dots, self.columns[number, "average"], self.scale)
        if number:
            for at in range(2 * self.width):
                if at // 2 % 2:
                    dots.columns[at] = 0
        self._mark_heldout(number, line)
        self._mark_odd(losses, number)

    def finish(self) -> None:
        """Turns the dots into cells; what comes later in `layers` hides what came before."""
        drawn = (self.envelope, self.averages[1], self.averages[0])
        kinds = ("envelope", AVERAGES[1], AVERAGES[0])
        self.layers = [(kind, dots.rows()) for kind, dots in zip(kinds, drawn, strict=True)]

    def place_legend(self, lines: Mapping[str, Line], threshold: float | None) -> None:
        """Writes what is what into an empty corner, if there is one."""
        entries = self._legend(lines)
        breadth = max(sum(len(text) for text, _ in entry) for entry in entries)
        if breadth + 12 > self.width or len(entries) + 3 > self.height:
            return
        edge = self.row_of(threshold) if threshold else self.height
        bottom = min(self.height - 1, edge) - len(entries)
        corners = ((0, self.width - breadth - 1), (bottom, 2))
        for top, left in corners:
            area = range(left - 1, left + breadth + 1)
            rows = range(top, top + len(entries))
            if edge not in rows and all(self._is_free(row, area) for row in rows):
                for at, entry in enumerate(entries):
                    self._write(top + at, left, entry)
                return

    def rows(self, threshold: float | None) -> Iterator[list[Cell]]:
        """The rows from the top, each with its tick."""
        edge = self.row_of(threshold) if threshold else self.height
        labels = self._tick_rows(threshold)
        for row in range(self.height):
            zone = "+" if row > edge or (row == edge == self.height - 1) else ""
            label = labels.get(row)
            kind = "threshold" if row == edge else "axis"
            gutter = f"{label:>{GUTTER - 1}.{GUTTER - 1}}┤" if label else " " * (GUTTER - 1) + "│"
            yield [*((char, kind) for char in gutter), *self._row(row, zone, dashed=row == edge)]

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

    def _mark_heldout(self, number: int, line: Line) -> None:
        mark, best_mark = MARKS[number]
        taken = -_MARK_DISTANCE
        for at, (step, loss) in enumerate(line.heldout):
            if step < self.start or not math.isfinite(loss):
                continue
            column = self._cell(step)
            best = step == line.best
            if best or at == len(line.heldout) - 1 or column - taken >= _MARK_DISTANCE:
                char = best_mark if best else mark
                self.marks[self.row_of(loss)][column] = (char, "heldout")
                taken = column

    def _mark_odd(self, losses: Columns, number: int) -> None:
        for at, extent in enumerate(losses):
            if extent is None:
                continue
            if extent.broken:
                self.marks[-1][at // 2] = (BROKEN, "broken")
                self.broken = True
            elif self.scale.log and extent.low <= 0:
                self.marks[-1].setdefault(at // 2, (ZERO, AVERAGES[number]))
                self.zero = True

    def _legend(self, lines: Mapping[str, Line]) -> list[list[Cell]]:
        entries: list[list[Cell]] = []
        for number, (name, line) in enumerate(lines.items()):
            sample = (f"{_SAMPLES[number]} ", AVERAGES[number])
            text = "average" if self.alone else _short(display(name))
            entries.append([sample, (text, "axis")])
            if line.heldout and not self.alone:
                entries[-1].append((f" {MARKS[number][0]}", "heldout"))
        if self.alone:
            entries.append([("⣿⣿ ", "envelope"), ("loss", "axis")])
            if any(line.heldout for line in lines.values()):
                entries.append(
                    [("○  ", "heldout"), ("held-out ", "axis"), ("●", "heldout"), (" best", "axis")]
                )
        if self.zero:
            entries.append([(f"{ZERO}  ", "average"), ("exactly 0", "axis")])
        if self.broken:
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

    def _tick_rows(self, threshold: float | None) -> dict[int, str]:
        rows: dict[int, str] = {}
        if threshold:
            rows[self.row_of(threshold)] = tick_label(threshold)
        for tick in self.scale.ticks():
            row = self.row_of(tick)
            if not {row - 1, row, row + 1} & rows.keys():
                rows[row] = tick_label(tick)
        return rows

    def _row(self, row: int, zone: str, *, dashed: bool) -> list[Cell]:
        cells: list[Cell] = [(DASH, "threshold" + zone) if dashed else (" ", zone)] * self.width
        if dashed and (at := self._place_of_word(row)) is not None:
            cells[at : at + len(self.word)] = [(char, "threshold" + zone) for char in self.word]
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

    def _place_of_word(self, row: int) -> int | None:
        """Where in the threshold's line its word stands and no curve runs through it."""
        size = len(self.word)
        if self.width < 2 * size:
            return None
        places = ((self.width - size) // 2, _FROM_EDGE, self.width - size - _FROM_EDGE)
        return next((at for at in places if self._is_free(row, range(at, at + size))), None)

    def _cell(self, step: float) -> int:
        return min(self.width - 1, max(0, int((step - self.start) / self.step) // 2))


def _trace(dots: Dots, columns: Columns, scale: Scale) -> None:
    """Draws each extent as a stroke, and a line wherever strokes do not touch by themselves."""
    before: tuple[int, int, int, float] | None = None
    for at, extent in enumerate(columns):
        if extent is None:
            continue
        if extent.low > extent.high:
            before = None
            continue
        low = scale.dot(extent.low)
        high = low if extent.high == extent.low else scale.dot(extent.high)
        dots.stroke(at, low, high)
        if before is not None and math.isfinite(extent.first):
            column, below, above, last = before
            if at > column + 1 or low > above + 1 or high < below - 1:
                dots.line(column, scale.dot(last), at, scale.dot(extent.first))
        before = (at, low, high, extent.last) if math.isfinite(extent.last) else None


def _short(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"
