"""When a model has begun to repeat its training titles: the rule and the signs beside it.

The rule: the average of the training loss (bias-corrected exponential average with factor 0.99,
as in Adam, Kingma and Ba 2015, section 3) is below the run's threshold, after at least `FEWEST`
steps. The threshold is the recipe's `overfit_below` (0.1) above the loss that is left to a model
which knows every title by heart and nothing else: it still cannot know which one comes, so that N
titles without prompts leave ln N nats a title (Shannon 1948), 0.46 a token for 3,000 titles of 17
tokens. Where each title has a prompt of its own, nothing is left and the threshold is 0.1.

Beside it: the held-out loss has risen for `RISES` evaluations, and the copy rate, the share of the
preview titles that stand in the training set.
"""

import hashlib
import math
import re
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from titletui.jobs.events import Heldout, Started
from titletui.jobs.job import Job

FACTOR = 0.99
FEWEST = 10
RISES = 3
_LETTERS = re.compile(r"[\W_]+")


class Average(msgspec.Struct):
    """The bias-corrected exponential average of the losses so far."""

    weighted: float = 0.0
    count: int = 0

    def add(self, loss: float) -> float:
        """Takes one finite loss in; returns the average."""
        self.weighted = FACTOR * self.weighted + (1 - FACTOR) * loss
        self.count += 1
        return self.value

    @property
    def value(self) -> float:
        if self.count == 0:
            return math.nan
        return self.weighted / (1 - FACTOR**self.count)


class OverfitMonitor(msgspec.Struct):
    """What the rules remember from step to step; a part of each checkpoint.

    Attributes:
        overfit: the step at which the average fell below the threshold, once it has.
        best, best_loss: the step of the lowest held-out loss, and that loss.
        rises: evaluations since then, each above the one before it.
    """

    average: Average = msgspec.field(default_factory=Average)
    overfit: int | None = None
    best: int | None = None
    best_loss: float | None = None
    last_loss: float | None = None
    rises: int = 0
    copies: float = 0.0

    def trained(self, step: int, loss: float, threshold: float) -> bool:
        """Takes the loss of a step in; returns whether the run became overfit with it.

        A loss that is not finite is not taken in and never trips the rule.
        """
        if not math.isfinite(loss):
            return False
        average = self.average.add(loss)
        if self.overfit is None and self.average.count >= FEWEST and average < threshold:
            self.overfit = step
            return True
        return False

    def evaluated(self, step: int, loss: float) -> bool:
        """Takes a held-out loss in; returns whether it has risen `RISES` times, with this one."""
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
    """The titles that a model is trained on, to tell copies by.

    Attributes:
        hashes: of the normalised titles, ascending.
    """

    def __init__(self, titles: Iterable[str]) -> None:
        self.hashes: Sequence[int] = array("Q", sorted(map(title_hash, titles)))

    @classmethod
    def of(cls, hashes: Sequence[int]) -> "TrainingTitles":
        """The titles of which these are the hashes, ascending."""
        found = cls(())
        found.hashes = hashes
        return found

    def __contains__(self, title: str) -> bool:
        sought = title_hash(title)
        place = bisect_left(self.hashes, sought)
        return place < len(self.hashes) and self.hashes[place] == sought

    def copies(self, titles: list[str]) -> float:
        """The share of `titles` that are copies, 0…1; 0 of none."""
        return sum(title in self for title in titles) / len(titles) if titles else 0.0


def title_hash(title: str) -> int:
    """The same for titles that differ in case, space and punctuation alone."""
    digest = hashlib.blake2b(normalised(title).encode(errors="replace"), digest_size=8)
    return int.from_bytes(digest.digest(), "big")


def normalised(title: str) -> str:
    """`title` with its letters and digits only, in lower case: what makes two titles the same."""
    return _LETTERS.sub(" ", title).strip().casefold()


def by_heart(pairs: Iterable[tuple[int, int]], tokens: int) -> float:
    """The loss of a model that knows its training set by heart, nats per title token.

    The entropy of the title, given its prompt, in the training set.

    Args:
        pairs: prompt and title of each example, as hashes.
        tokens: title tokens of all examples.
    """
    together = Counter(pairs)
    prompts: Counter[int] = Counter()
    for (prompt, _), count in together.items():
        prompts[prompt] += count
    left = sum(count * math.log(prompts[prompt] / count) for (prompt, _), count in together.items())
    return left / max(1, tokens)


def best_step(job: Job) -> int | None:
    """The step of a run's lowest held-out loss; None where nothing was measured."""
    losses: dict[int, float] = {}
    for event in job.tail().read():
        if isinstance(event, Started):
            losses = {step: loss for step, loss in losses.items() if step <= event.step}
        elif isinstance(event, Heldout) and event.loss is not None and event.step > 0:
            losses[event.step] = event.loss
    return min(losses, key=lambda step: (losses[step], step)) if losses else None
