"""A series of very many points, reduced to the few that a chart has room for.

Points are folded by eights into buckets, those by eights again, and so on, each once: a frame
reads only as many buckets as it has columns, however long the series is.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

FAN = 8


@dataclass(slots=True)
class Bucket:
    """What a stretch of a series covers.

    Attributes:
        first, last: the values at its ends; NaN where they are not finite.
        low, high: of its finite values; `low > high` where there is none.
        non_finite: whether it holds a value that is not finite.
    """

    first: float
    last: float
    low: float
    high: float
    non_finite: bool

    @classmethod
    def of(cls, value: float) -> "Bucket":
        """One point."""
        finite = math.isfinite(value)
        low, high = (value, value) if finite else (math.inf, -math.inf)
        return cls(value, value, low, high, not finite)

    @classmethod
    def merge(cls, buckets: Sequence["Bucket"]) -> "Bucket":
        """Buckets that follow one another."""
        return cls(
            buckets[0].first,
            buckets[-1].last,
            min([bucket.low for bucket in buckets]),
            max([bucket.high for bucket in buckets]),
            True in [bucket.non_finite for bucket in buckets],
        )


class _Level:
    """Buckets of equal length, one after the other, and where they start."""

    def __init__(self) -> None:
        self.starts: list[float] = []
        self.buckets: list[Bucket] = []


class Series:
    """Points (x, y), x never falling. A `y` that is not finite is a gap."""

    def __init__(self) -> None:
        self.xs: list[float] = []
        self.ys: list[float] = []
        self._levels: list[_Level] = []

    def update(self, xs: Sequence[float], ys: Sequence[float]) -> bool:
        """Take the whole series as it is now; return whether anything changed.

        Only what was added costs time; a series that was cut back or replaced is read again.
        """
        have, size = len(self.xs), min(len(xs), len(ys))
        if have > size or (have and not self._continues(xs, ys, have)):
            self.xs, self.ys, self._levels, have = [], [], [], 0
        elif have == size:
            return False
        self.xs += xs[have:size]
        self.ys += ys[have:size]
        self._fold()
        return True

    def columns(self, start: float, width: float, count: int) -> list[Bucket | None]:
        """The buckets of `count` columns, each `width` wide, the first from `start` on."""
        end = start + width * count
        lower, upper = bisect_left(self.xs, start), bisect_left(self.xs, end)
        columns: list[list[Bucket]] = [[] for _ in range(count)]
        edges = [start + width * index for index in range(count + 1)]
        done = lower
        for number in range(self._coarsest((upper - lower) / max(1, count)), -1, -1):
            level, size = self._levels[number], FAN ** (number + 1)
            _read_level(level, -(-done // size), edges, columns)
            done = max(done, len(level.starts) * size)
        for at in range(done, upper):
            column = min(count - 1, int((self.xs[at] - start) / width))
            columns[column].append(Bucket.of(self.ys[at]))
        return [Bucket.merge(parts) if parts else None for parts in columns]

    def at(self, x: float) -> float | None:
        """The last finite value at or before `x`."""
        at = bisect_right(self.xs, x) - 1
        return self.ys[at] if at >= 0 and math.isfinite(self.ys[at]) else None

    def _continues(self, xs: Sequence[float], ys: Sequence[float], have: int) -> bool:
        old, new = self.ys[-1], ys[have - 1]
        same = old == new or (old != old and new != new)
        return same and self.xs[-1] == xs[have - 1] and self.xs[0] == xs[0]

    def _coarsest(self, points_per_column: float) -> int:
        number = -1
        while number + 1 < len(self._levels) and FAN ** (number + 2) <= points_per_column:
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
                    level.starts.append(self.xs[at])
                    level.buckets.append(_fold_points(self.ys[at : at + FAN]))
                else:
                    finer = self._levels[number - 1]
                    level.starts.append(finer.starts[at])
                    level.buckets.append(Bucket.merge(finer.buckets[at : at + FAN]))
            number += 1


def _fold_points(values: list[float]) -> Bucket:
    finite = values if math.isfinite(sum(values)) else list(filter(math.isfinite, values))
    low, high = min(finite, default=math.inf), max(finite, default=-math.inf)
    return Bucket(values[0], values[-1], low, high, len(finite) < len(values))


def _read_level(level: _Level, at: int, edges: list[float], columns: list[list[Bucket]]) -> None:
    if at >= len(level.starts):
        return
    for column in range(max(0, bisect_right(edges, level.starts[at]) - 1), len(columns)):
        end = bisect_left(level.starts, edges[column + 1], at)
        columns[column] += level.buckets[at:end]
        at = end
