"""The scales of a plot: from values to dots, and where the ticks stand."""

import math
from dataclasses import dataclass
from functools import cached_property

_STEPS = (1, 2, 5)
_DECADES = 12
_ZONE = 6


@dataclass(frozen=True)
class Scale:
    """A mapping from the values `low`…`high` to the dots 0…`dots` - 1, 0 at the bottom.

    Attributes:
        log: equal ratios take equal room; then `low` is above 0.
    """

    low: float
    high: float
    dots: int
    log: bool

    def dot(self, value: float) -> int:
        """The dot of a finite `value`; what lies outside is put on the edge."""
        if value <= self.low:
            return 0
        if value >= self.high:
            return self.dots - 1
        if self.log:
            return min(self.dots - 1, int(math.log(value / self.low) * self._dots_an_e))
        share = (value - self.low) / (self.high - self.low)
        return min(self.dots - 1, int(share * self.dots))

    @cached_property
    def _dots_an_e(self) -> float:
        return self.dots / math.log(self.high / self.low)

    def ticks(self) -> list[float]:
        """Round values on the scale, those that matter most first."""
        if not self.log:
            return linear_ticks(self.low, self.high, max(2, self.dots // 8))
        first = math.floor(math.log10(self.low))
        decades = range(first, min(first + _DECADES, math.ceil(math.log10(self.high)) + 1))
        values = [float(f"{step}e{decade}") for step in _STEPS for decade in decades]
        return [value for value in values if self.low <= value <= self.high]


def scale_for(
    low: float, high: float, dots: int, *, log: bool, threshold: float | None = None
) -> Scale:
    """A scale that holds `low`…`high`, the threshold, and some room below it."""
    if log:
        floor = min([value for value in (low, threshold) if value is not None and value > 0] or [1])
        top = max(high * 1.1, floor * 5)
        share = min(0.5, _ZONE / dots)
        below = max(math.log(1.5), math.log(top / floor) * share / (1 - share))
        return Scale(max(floor / math.exp(below), 1e-12), top, dots, log=True)
    top = max(high, threshold or 0.0) * 1.05
    return Scale(min(0.0, low), top if top > min(0.0, low) else 1.0, dots, log=False)


def linear_ticks(low: float, high: float, most: int) -> list[float]:
    """At most `most` multiples of 1, 2 or 5 times a power of ten between `low` and `high`.

    >>> linear_ticks(0, 212, 4)
    [0.0, 100.0, 200.0]
    """
    if not high > low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / max(1, most)))
    for factor in (1, 2, 5, 10, 20, 50):
        step = factor * power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            break
    return [round(number * step, 12) for number in range(first, last + 1)]


def tick_label(value: float) -> str:
    """`value` in at most six characters: `0.005`, `20`, `50k`, `2e-5`."""
    size = abs(value)
    if size and (size < 0.001 or size >= 1e9):
        return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
    if size >= 1e6:
        return f"{value / 1e6:g}M"
    if size >= 10_000:
        return f"{value / 1e3:g}k"
    return f"{value:.4g}"
