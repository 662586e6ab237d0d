"""The checkpoints and the finished model of a run."""

from pathlib import Path

from titletui.errors import TitletuiError, UsageError
from titletui.jobs.events import Heldout, Started
from titletui.jobs.job import Job
from titletui.models.card import CARD, read_card

_MAX_LISTED = 8


def checkpoint_steps(job: Job) -> list[int]:
    """The steps of a run's complete checkpoints, ascending."""
    steps = []
    for path in job.checkpoints.glob("step-*"):
        digits = path.name.removeprefix("step-")
        if digits.isdigit() and (path / "MANIFEST.json").exists():
            steps.append(int(digits))
    return sorted(steps)


def best_step(job: Job) -> int | None:
    """The step of a run's lowest held-out loss; None without an evaluation."""
    losses: dict[int, float] = {}
    for event in job.tail().read():
        if isinstance(event, Started):
            # A resumed run repeats the steps after its checkpoint.
            losses = {step: loss for step, loss in losses.items() if step <= event.step}
        elif isinstance(event, Heldout) and event.loss is not None and event.step > 0:
            losses[event.step] = event.loss
    return min(losses, key=lambda step: (losses[step], step)) if losses else None


def latest_model(job: Job) -> Path | None:
    """The folder of a run's finished model, else of its newest checkpoint, else None."""
    if (job.model / CARD).exists():
        return job.model
    steps = checkpoint_steps(job)
    return _folder(job, steps[-1]) if steps else None


def default_model(job: Job) -> Path | None:
    """The folder of a run's checkpoint with the lowest held-out loss, else its latest model."""
    best = best_step(job)
    if best in checkpoint_steps(job) and read_card(job.model).step != best:
        return _folder(job, best)
    return latest_model(job)


def checkpoint_model(job: Job, checkpoint: str) -> Path:
    """The model folder that `checkpoint` names: `last`, `best`, a step; empty is the default.

    Raises:
        UsageError: there is no checkpoint of that step.
        TitletuiError: the run has no checkpoint yet, or no best one.
    """
    steps = checkpoint_steps(job)
    if checkpoint in ("", "last"):
        folder = latest_model(job) if checkpoint else default_model(job)
        if folder is None:
            raise TitletuiError(f"The run {job.name} has no checkpoint yet.")
        return folder
    if checkpoint == "best":
        best = best_step(job)
        if best in steps:
            return _folder(job, best)
        if best is not None and read_card(job.model).step == best:
            return job.model
        raise TitletuiError(f"The run {job.name} has no best checkpoint: nothing was held out.")
    if not checkpoint.isdigit() or int(checkpoint) not in steps:
        known = ", ".join(map(str, steps[-_MAX_LISTED:])) or "none"
        raise UsageError(
            f"The run {job.name} has no checkpoint {checkpoint!r}; there are: {known}."
        )
    return _folder(job, int(checkpoint))


def _folder(job: Job, step: int) -> Path:
    return job.checkpoints / f"step-{step:06d}"
