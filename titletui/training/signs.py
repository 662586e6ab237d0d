"""The signs of overfitting in words: what, since when, and what to do."""

from typing import Literal

import msgspec

from titletui.jobs.events import Copying, HeldoutRising, Overfit


class Sign(msgspec.Struct, frozen=True):
    """One sign of overfitting in a run.

    Attributes:
        since: the step from which on it is true; 0 is before the first step.
        text: what it is, and since when, in one sentence.
        advice: what to do about it, in one sentence.
    """

    kind: Literal["memorized", "rising", "copying"]
    since: int
    text: str
    advice: str


def memorized_sign(event: Overfit, floor: float, best: int | None) -> Sign:
    """Of the loss on the training titles.

    Args:
        floor: the loss of a model that has memorized its training set.
        best: the step of the lowest held-out loss.
    """
    margin = event.threshold - floor
    subject = "without dropout, the loss on its titles" if event.probe else "the loss"
    if event.excess is None:
        measured = f"{subject} is {event.average:.3f}, under {event.threshold:g}"
    elif floor < 0.005:
        measured = f"{subject} is {event.excess:.3f}, under {margin:.2g}"
    else:
        measured = (
            f"{subject} is {event.excess:.3f} above the {floor:.2f} that memorizing leaves, under "
            f"{margin:.2g}"
        )
    text = f"The model has memorized its titles since step {event.step}: {measured}."
    return Sign("memorized", event.step, text, _advice(best))


def rising_sign(event: HeldoutRising) -> Sign:
    """Of the held-out loss."""
    losses = ""
    if event.loss is not None and event.best_loss is not None:
        losses = f" ({event.best_loss:.2f}, now {event.loss:.2f})"
    if event.best == 0:
        text = f"Training never improved the held-out loss{losses}: the base model is better."
        advice = "Use the base model, or train on more titles with a lower learning rate."
        return Sign("rising", 0, text, advice)
    text = f"The held-out loss is above its best since step {event.best}{losses}."
    return Sign("rising", event.best, text, _advice(event.best))


def copying_sign(event: Copying, best: int | None) -> Sign:
    """Of the sampled titles."""
    text = (
        f"The model has repeated its titles since step {event.since}: of {event.sampled} sampled "
        f"titles {event.copies:.0%} are copies and {event.near:.0%} near-copies."
    )
    return Sign("copying", event.since, text, _advice(best))


def _advice(best: int | None) -> str:
    if best:
        return f"Use the checkpoint of step {best}, whose held-out loss is the lowest."
    return "Stop earlier, train on more titles, or use a lower learning rate."
