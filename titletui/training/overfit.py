"""Tell when a model has begun to repeat its training titles.

The rule: the exponential moving average of the training loss (bias-corrected, factor 0.99, as in
Adam, Kingma and Ba 2015, section 3) is below the run's threshold after at least `MIN_STEPS` steps.
The threshold is the recipe's `overfit_below` (0.1) above the memorization floor: a model that has
memorized N titles still cannot know which one comes, so that titles without prompts leave ln N nats
each (Shannon 1948), 0.46 a token for 3,000 titles of 17 tokens. Where each title has a prompt of
its own, the floor is 0.

Two more signs: the held-out loss has risen for `RISES` evaluations, and the copy rate, the share of
preview titles that are in the training set.
"""

import hashlib
import math
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from titletui.text import fold

FACTOR = 0.99
MIN_STEPS = 10
RISES = 3


class EMA(msgspec.Struct):
    """A bias-corrected exponential moving average."""

    weighted: float = 0.0
    count: int = 0

    def add(self, loss: float) -> float:
        """Add a finite loss; return the average."""
        self.weighted = FACTOR * self.weighted + (1 - FACTOR) * loss
        self.count += 1
        return self.value

    @property
    def value(self) -> float:
        if self.count == 0:
            return math.nan
        return self.weighted / (1 - FACTOR**self.count)


class OverfitMonitor(msgspec.Struct):
    """State of the overfitting rules; a part of each checkpoint.

    Attributes:
        overfit: the step at which the average fell below the threshold, once it has.
        best, best_loss: the step of the lowest held-out loss, and that loss.
        rises: evaluations since then, each above the one before it.
        copies: the copy rate of the newest preview.
    """

    average: EMA = msgspec.field(default_factory=EMA)
    overfit: int | None = None
    best: int | None = None
    best_loss: float | None = None
    last_loss: float | None = None
    rises: int = 0
    copies: float = 0.0

    def add_training_loss(self, step: int, loss: float, threshold: float) -> bool:
        """Add the loss of a step; return whether the run became overfit with it.

        A loss that is not finite is ignored and never trips the rule.
        """
        if not math.isfinite(loss):
            return False
        average = self.average.add(loss)
        if self.overfit is None and self.average.count >= MIN_STEPS and average < threshold:
            self.overfit = step
            return True
        return False

    def add_heldout_loss(self, step: int, loss: float) -> bool:
        """Add a held-out loss; return whether it has now risen `RISES` times in a row."""
        if not math.isfinite(loss):
            return False
        if self.best_loss is None or loss < self.best_loss:
            self.best, self.best_loss, self.rises = step, loss, 0
        elif self.last_loss is not None and loss > self.last_loss:
            self.rises += 1
        else:
            self.rises = 0
        self.last_loss = loss
        return self.rises == RISES


class TrainingTitles:
    """The titles of a training set, as hashes, to recognise copies.

    Attributes:
        hashes: of the folded titles, ascending.
    """

    def __init__(self, hashes: Sequence[int]) -> None:
        self.hashes = hashes

    @classmethod
    def of(cls, titles: Iterable[str]) -> "TrainingTitles":
        return cls(array("Q", sorted(map(_title_hash, titles))))

    def __contains__(self, title: str) -> bool:
        wanted = _title_hash(title)
        index = bisect_left(self.hashes, wanted)
        return index < len(self.hashes) and self.hashes[index] == wanted

    def copy_rate(self, titles: list[str]) -> float:
        """The share of `titles` that are copies, 0…1; 0 for no titles."""
        return sum(title in self for title in titles) / len(titles) if titles else 0.0


def _title_hash(title: str) -> int:
    """A hash that ignores case, space and punctuation."""
    digest = hashlib.blake2b(fold(title).encode(errors="replace"), digest_size=8)
    return int.from_bytes(digest.digest(), "big")


def memorization_floor(pairs: Iterable[tuple[int, int]], tokens: int) -> float:
    """The loss of a model that has memorized its training set, nats per title token.

    This is the entropy of the title, given its prompt, in the training set.

    Args:
        pairs: prompt and title of each example, as hashes.
        tokens: title tokens of all examples.
    """
    counts = Counter(pairs)
    prompts: Counter[int] = Counter()
    for (prompt, _), count in counts.items():
        prompts[prompt] += count
    nats = sum(count * math.log(prompts[prompt] / count) for (prompt, _), count in counts.items())
    return nats / max(1, tokens)
