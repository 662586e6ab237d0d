"""A line of very many points, reduced to the few that a plot has room for.

Points are folded by eights into extents, those by eights again, and so on, each once: a frame
reads only as many extents as it has columns, however long the line is.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

FAN = 8


@dataclass(slots=True)
class Extent:
    """What a stretch of a line covers.

    Attributes:
        first, last: the values at its ends; NaN where they are not finite.
        low, high: among its finite values; `low > high` where there is none.
        broken: it holds a value that is not finite.
    """

    first: float
    last: float
    low: float
    high: float
    broken: bool


class _Level:
    """Extents of equal length, one after the other, as columns."""

    def __init__(self) -> None:
        self.starts: list[float] = []
        self.first: list[float] = []
        self.last: list[float] = []
        self.low: list[float] = []
        self.high: list[float] = []
        self.broken: list[bool] = []


class Trace:
    """The points (x, y) of a line, x never falling. A `y` that is not finite is a gap."""

    def __init__(self) -> None:
        self.xs: list[float] = []
        self.ys: list[float] = []
        self._levels: list[_Level] = []

    def update(self, xs: Sequence[float], ys: Sequence[float]) -> bool:
        """Takes the whole line as it is now; returns whether anything changed.

        Only what was added is worked on; a line that was cut back or replaced is taken anew.
        """
        have, size = len(self.xs), min(len(xs), len(ys))
        if have > size or (have and not self._goes_on(xs, ys, have)):
            self.xs, self.ys, self._levels, have = [], [], [], 0
        elif have == size:
            return False
        self.xs += xs[have:size]
        self.ys += ys[have:size]
        self._fold()
        return True

    def columns(self, start: float, width: float, count: int) -> list[Extent | None]:
        """The extents of `count` columns, each `width` wide, the first from `start` on."""
        end = start + width * count
        lower, upper = bisect_left(self.xs, start), bisect_left(self.xs, end)
        coarsest = self._coarsest((upper - lower) / max(1, count))
        columns: list[Extent | None] = [None] * count
        edges = [start + width * n for n in range(count + 1)]
        done = lower
        for number in range(coarsest, -1, -1):
            level, size = self._levels[number], FAN ** (number + 1)
            _read(level, -(-done // size), edges, columns)
            done = max(done, len(level.starts) * size)
        _read_points(self.xs, self.ys, (done, upper), (start, width), columns)
        return columns

    def _goes_on(self, xs: Sequence[float], ys: Sequence[float], have: int) -> bool:
        old, new = self.ys[-1], ys[have - 1]
        same = old == new or (old != old and new != new)
        return same and self.xs[-1] == xs[have - 1] and self.xs[0] == xs[0]

    def _coarsest(self, points_a_column: float) -> int:
        number = -1
        while number + 1 < len(self._levels) and FAN ** (number + 2) <= points_a_column:
            number += 1
        return number

    def _fold(self) -> None:
        number = 0
        while True:
            below = len(self.xs) if number == 0 else len(self._levels[number - 1].starts)
            if number == len(self._levels):
                if below < FAN * FAN:
                    return
                self._levels.append(_Level())
            level = self._levels[number]
            for at in range(len(level.starts) * FAN, below - FAN + 1, FAN):
                if number == 0:
                    _fold_points(level, self.xs[at], self.ys[at : at + FAN])
                else:
                    _fold_extents(level, self._levels[number - 1], at)
            number += 1


def _fold_points(level: _Level, start: float, values: list[float]) -> None:
    level.starts.append(start)
    level.first.append(values[0])
    level.last.append(values[-1])
    broken = not math.isfinite(sum(values))
    level.broken.append(broken)
    if broken:
        values = [value for value in values if math.isfinite(value)]
    level.low.append(min(values, default=math.inf))
    level.high.append(max(values, default=-math.inf))


def _fold_extents(level: _Level, below: _Level, at: int) -> None:
    end = at + FAN
    level.starts.append(below.starts[at])
    level.first.append(below.first[at])
    level.last.append(below.last[end - 1])
    level.low.append(min(below.low[at:end]))
    level.high.append(max(below.high[at:end]))
    level.broken.append(True in below.broken[at:end])


def _read(level: _Level, at: int, edges: list[float], columns: list[Extent | None]) -> None:
    starts, size = level.starts, len(level.starts)
    number = max(0, bisect_right(edges, starts[at]) - 1) if at < size else len(columns)
    for column in range(number, len(columns)):
        end = bisect_left(starts, edges[column + 1], at)
        if end > at:
            low, high = min(level.low[at:end]), max(level.high[at:end])
            broken = True in level.broken[at:end]
            extent = columns[column]
            if extent is None:
                columns[column] = Extent(level.first[at], level.last[end - 1], low, high, broken)
            else:
                extent.last = level.last[end - 1]
                extent.low, extent.high = min(extent.low, low), max(extent.high, high)
                extent.broken |= broken
            at = end


def _read_points(
    xs: list[float],
    ys: list[float],
    span: tuple[int, int],
    place: tuple[float, float],
    columns: list[Extent | None],
) -> None:
    start, width = place
    for at in range(*span):
        number = min(len(columns) - 1, int((xs[at] - start) / width))
        y = ys[at]
        finite = math.isfinite(y)
        extent = columns[number]
        if extent is None:
            low, high = (y, y) if finite else (math.inf, -math.inf)
            columns[number] = Extent(y, y, low, high, not finite)
            continue
        extent.last = y
        if finite:
            extent.low, extent.high = min(extent.low, y), max(extent.high, y)
        else:
            extent.broken = True
