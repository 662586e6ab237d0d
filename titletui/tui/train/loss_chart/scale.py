"""The scales of a chart: from values to dots, and where the ticks are."""

import math
from dataclasses import dataclass
from functools import cached_property

_STEPS = (1, 2, 5)
_DECADES = 12
# Room above and below the curves, as a share of what they span.
_MARGIN = 0.06
# A range of at least this ratio has ticks at powers of ten; a smaller one at equal distances.
_WIDE = 20
# The least that a log axis spans, so that noise is not magnified.
_LEAST_RATIO = 1.3
# The threshold is on the scale where the curves keep at least this share of the height.
_CURVES_KEEP = 0.6


@dataclass(frozen=True)
class Scale:
    """A mapping from the values `low`…`high` to the dots 0…`dots` - 1, 0 at the bottom.

    Attributes:
        log: equal ratios have equal heights; then `low` is above 0.
    """

    low: float
    high: float
    dots: int
    log: bool

    def dot(self, value: float) -> int:
        """The dot of a finite `value`; one outside is put on the edge."""
        if value <= self.low:
            return 0
        if value >= self.high:
            return self.dots - 1
        if self.log:
            return min(self.dots - 1, int(math.log(value / self.low) * self._dots_per_e))
        share = (value - self.low) / (self.high - self.low)
        return min(self.dots - 1, int(share * self.dots))

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high

    @cached_property
    def _dots_per_e(self) -> float:
        return self.dots / math.log(self.high / self.low)

    def ticks(self) -> list[float]:
        """Round values on the scale, those that matter most first."""
        if not self.log or self.high / self.low < _WIDE:
            ticks = linear_ticks(self.low, self.high, max(2, self.dots // 8))
            return sorted(ticks, key=lambda tick: len(f"{tick:g}"))
        first = math.floor(math.log10(self.low))
        decades = range(first, min(first + _DECADES, math.ceil(math.log10(self.high)) + 1))
        values = [float(f"{step}e{decade}") for step in _STEPS for decade in decades]
        return [value for value in values if self.holds(value)]


def fit_scale(
    low: float, high: float, dots: int, *, log: bool, threshold: float | None = None
) -> Scale:
    """A scale for curves between `low` and `high`, with the threshold if that is near them."""
    fitted = _fit(low, high, dots, log=log)
    if threshold is None or (log and threshold <= 0):
        return fitted
    with_threshold = _fit(min(low, threshold), max(high, threshold), dots, log=log)
    curves = with_threshold.dot(high) - with_threshold.dot(low)
    return with_threshold if curves >= _CURVES_KEEP * dots else fitted


def _fit(low: float, high: float, dots: int, *, log: bool) -> Scale:
    if log:
        low = max(low, 1e-12) if low > 0 else 0.1
        high = max(high, low)
        middle = math.sqrt(low) * math.sqrt(high)
        half = max(math.log(high / low), math.log(_LEAST_RATIO)) * (0.5 + _MARGIN)
        return Scale(middle / math.exp(half), middle * math.exp(half), dots, log=True)
    span = (high - low) or abs(high) or 1.0
    return Scale(low - _MARGIN * span, high + _MARGIN * span, dots, log=False)


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
