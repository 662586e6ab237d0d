"""Tell when a model repeats its training titles, by three signs.

1. *Memorized*: the training loss is within `overfit_below` (0.1 nats a title token) of the
   memorization floor. A model that has memorized N titles still cannot know which one comes, so
   that titles without prompts leave ln N nats each (Shannon 1948), 0.46 a token for 3,000 titles of
   17 tokens; where each title has a prompt of its own, the floor is 0. What is judged is the
   token-weighted mean of the last steps (`LossWindow`), and a probe: the loss of some training
   titles in evaluation mode, which dropout does not raise.
2. *Held-out rising*: no evaluation has improved the held-out loss for `PATIENCE` evaluations. The
   untrained base is a candidate for the best.
3. *Copying*: at least half of the sampled titles of successive previews are copies or near-copies
   of training titles.
"""

import math
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

MIN_STEPS = 10
PATIENCE = 3
COPY_SHARE = 0.5
MIN_PREVIEWS = 2
MIN_SAMPLED = 32


class StepLoss(NamedTuple):
    """The summed loss of some title tokens, and what memorizing leaves of it; in nats."""

    loss: float
    floor: float
    tokens: int


class LossWindow(msgspec.Struct):
    """The token-weighted mean loss of the last steps.

    Batches of short titles have a higher floor per token, so that each step's own is subtracted.
    """

    steps: list[StepLoss] = []

    def add(self, step: StepLoss, size: int) -> None:
        """Add a step and keep the last `size`."""
        self.steps.append(step)
        del self.steps[:-size]

    @property
    def mean(self) -> float:
        """Nats per title token; NaN before the first step."""
        return self._per_token(step.loss for step in self.steps)

    @property
    def excess(self) -> float:
        """The mean above its memorization floor."""
        return self._per_token(step.loss - step.floor for step in self.steps)

    def _per_token(self, nats: Iterable[float]) -> float:
        tokens = sum(step.tokens for step in self.steps)
        return math.fsum(nats) / tokens if tokens else math.nan


def window_size(steps: int, steps_per_epoch: int) -> int:
    """Steps that are averaged: an epoch or 5 % of the run, whichever is shorter, at least ten."""
    return max(MIN_STEPS, min(steps_per_epoch, math.ceil(0.05 * steps)))


class OverfitMonitor(msgspec.Struct):
    """State of the three signs; a part of each checkpoint.

    Each `add_` method returns whether its sign appeared with what was added. A value that is not
    finite is ignored.

    Attributes:
        overfit: the step at which the titles were found memorized.
        base_loss: the held-out loss before the first step.
        best, best_loss: the step of the lowest held-out loss after it, and that loss.
        evaluations: since the held-out loss was last improved.
        copies, near: shares of the newest preview's titles that are copies, or near-copies.
        copying_since: the first of successive previews with at least half copies or near-copies.
        copying_previews, copying_sampled: their number, and titles sampled for them.
    """

    window: LossWindow = msgspec.field(default_factory=LossWindow)
    overfit: int | None = None
    base_loss: float | None = None
    best: int | None = None
    best_loss: float | None = None
    evaluations: int = 0
    copies: float = 0.0
    near: float = 0.0
    copying: int | None = None
    copying_since: int | None = None
    copying_previews: int = 0
    copying_sampled: int = 0

    def add_step(self, step: int, loss: StepLoss, window: int, margin: float) -> bool:
        """Add the training loss of a step.

        Args:
            window: steps that are averaged.
            margin: excess over the floor under which the titles are memorized.
        """
        if not math.isfinite(loss.loss):
            return False
        self.window.add(loss, window)
        enough = len(self.window.steps) >= MIN_STEPS
        return enough and self._judge(step, self.window.excess, margin)

    def add_probe(self, step: int, excess: float, margin: float) -> bool:
        """Add the loss of the probe above its floor."""
        return step > 0 and self._judge(step, excess, margin)

    def _judge(self, step: int, excess: float, margin: float) -> bool:
        if self.overfit is None and excess < margin:
            self.overfit = step
            return True
        return False

    def add_heldout(self, step: int, loss: float) -> bool:
        """Add a held-out loss."""
        if not math.isfinite(loss):
            return False
        lowest = min((x for x in (self.base_loss, self.best_loss) if x is not None), default=None)
        if step == 0:
            self.base_loss = loss
        elif self.best_loss is None or loss < self.best_loss:
            self.best, self.best_loss = step, loss
        if lowest is None or loss < lowest:
            self.evaluations = 0
            return False
        self.evaluations += 1
        return self.evaluations == PATIENCE

    @property
    def best_or_base(self) -> tuple[int, float] | None:
        """The step of the lowest held-out loss, 0 for the untrained base, and that loss."""
        found = [
            (loss, step)
            for step, loss in ((0, self.base_loss), (self.best, self.best_loss))
            if step is not None and loss is not None
        ]
        return (min(found)[1], min(found)[0]) if found else None

    def add_preview(self, step: int, copies: float, near: float, sampled: int) -> bool:
        """Add the copy rates of a preview.

        Args:
            copies, near: shares of the `sampled` titles.
        """
        self.copies, self.near = copies, near
        if not sampled or copies + near < COPY_SHARE:
            self.copying_since, self.copying_previews, self.copying_sampled = None, 0, 0
            return False
        if self.copying_since is None:
            self.copying_since = step
        self.copying_previews += 1
        self.copying_sampled += sampled
        enough = self.copying_previews >= MIN_PREVIEWS and self.copying_sampled >= MIN_SAMPLED
        if self.copying is None and enough:
            self.copying = step
            return True
        return False


def memorization_floors(examples: Iterable[tuple[int, int]]) -> list[float]:
    """The loss of each example in a model that has memorized the training set, nats.

    This is the surprisal of the title, given its prompt, under the training set's frequencies.

    Args:
        examples: the prompt and the title of each, as hashes.
    """
    pairs = list(examples)
    counts = Counter(pairs)
    prompts = Counter(prompt for prompt, _ in pairs)
    return [math.log(prompts[prompt] / counts[prompt, title]) for prompt, title in pairs]
