"""The history of a run, read from its event log while it is written."""

import math
from typing import Literal

from titletui.errors import TitletuiError
from titletui.jobs.events import (
    AnyEvent,
    Copying,
    Diverged,
    Ended,
    Evaluated,
    Heldout,
    HeldoutRising,
    Note,
    Overfit,
    Preview,
    Probe,
    Progress,
    Saved,
    Started,
    Step,
)
from titletui.jobs.job import Job, State
from titletui.training.run_spec import RunSpec
from titletui.training.signs import Sign, copying_sign, memorized_sign, rising_sign


class RunView:
    """A run's history; `refresh()` reads the events that were added to its log.

    Args:
        last: read only so many bytes from the end of the log.

    Attributes:
        spec: None where `spec.json` cannot be read; `problem` then says why.
        steps_done, losses, averages: one entry a step; NaN where the loss was not finite.
        heldout_steps, heldout: the held-out losses.
        last: the newest step with a finite loss.
        excess: the newest average above the memorization floor; None in runs of 0.1.0.
        floor: the loss of a model that has memorized the training set.
        probes: the loss of some training titles in evaluation mode, the newest last.
        overfit, rising, copying, diverged: the events, once they happened.
        progress: what the worker does before its first step.
        checkpoints: steps of the checkpoints that were written.
    """

    def __init__(self, job: Job, *, last: int | None = None) -> None:
        self.job = job
        self.spec: RunSpec | None = None
        self.problem = ""
        try:
            self.spec = job.work(RunSpec)
        except TitletuiError as error:
            self.problem = str(error)
        self._tail = job.tail()
        if last is not None:
            self._tail.skip_to_last(last)
        self._clear()

    def _clear(self) -> None:
        self.steps_done: list[int] = []
        self.losses: list[float] = []
        self.averages: list[float] = []
        self.heldout_steps: list[int] = []
        self.heldout: list[float] = []
        self.bits: float | None = None
        self.probes: list[Probe] = []
        self.previews: list[Preview] = []
        self.notes: list[Note] = []
        self.checkpoints: list[int] = []
        self.last: Step | None = None
        self.overfit: Overfit | None = None
        self.rising: HeldoutRising | None = None
        self.copying: Copying | None = None
        self.diverged: Diverged | None = None
        self.evaluated: Evaluated | None = None
        self.progress: Progress | None = None
        self.ended: Ended | None = None
        self.device = ""
        self._steps: int | None = None
        self._threshold: float | None = None
        self.excess: float | None = None
        self.floor = 0.0

    @property
    def name(self) -> str:
        return self.job.name

    @property
    def state(self) -> State:
        return self.job.state

    @property
    def step(self) -> int:
        return self.steps_done[-1] if self.steps_done else 0

    @property
    def steps(self) -> int | None:
        """Steps of the whole run; None while that is not known.

        Runs of 0.1.0 did not record it at their start; a finished one ended at its last step.
        """
        known = self._steps or (self.spec.recipe.steps if self.spec else None)
        done = self.ended is not None and self.ended.outcome == "done"
        return known or (self.step if done and self.step else None)

    @property
    def threshold(self) -> float | None:
        """The average loss under which the run is overfit; None where the rule is off."""
        if self._threshold is None:
            return self.margin or None
        return self._threshold or None

    @property
    def margin(self) -> float:
        """The excess over the memorization floor under which the run is overfit; 0 turns it off."""
        return self.spec.recipe.overfit_below if self.spec else 0.0

    @property
    def loss(self) -> float | None:
        """The newest average training loss."""
        return _finite(self.averages[-1]) if self.averages else None

    @property
    def heldout_loss(self) -> float | None:
        """The newest held-out loss."""
        return _finite(self.heldout[-1]) if self.heldout else None

    @property
    def perplexity(self) -> float | None:
        """Per token, on the held-out papers."""
        loss = self.heldout_loss
        return math.exp(min(loss, 700)) if loss is not None else None

    @property
    def signs(self) -> list[Sign]:
        """The signs of overfitting, those of the training loss first."""
        best = self.best[0] if self.best else None
        found = [memorized_sign(self.overfit, self.floor, best)] if self.overfit else []
        found += [copying_sign(self.copying, best)] if self.copying else []
        return found + ([rising_sign(self.rising)] if self.rising else [])

    @property
    def best(self) -> tuple[int, float] | None:
        """The step of the lowest held-out loss after the start, and that loss."""
        finite = [
            (loss, step)
            for step, loss in zip(self.heldout_steps, self.heldout, strict=True)
            if step > 0 and math.isfinite(loss)
        ]
        return (min(finite)[1], min(finite)[0]) if finite else None

    @property
    def eta(self) -> float | None:
        """Seconds until the last step, while it runs."""
        return self.last.eta if self.last and self.state == State.RUNNING else None

    @property
    def preview(self) -> Preview | None:
        return self.previews[-1] if self.previews else None

    @property
    def copies(self) -> float:
        """The share of copies and near-copies among the titles of the newest preview."""
        return self.preview.copies + self.preview.near if self.preview else 0.0

    @property
    def bad_lines(self) -> int:
        """Lines of the log that could not be decoded."""
        return self._tail.bad

    @property
    def condition(self) -> Literal["", "overfit", "diverged"]:
        if self.diverged:
            return "diverged"
        return "overfit" if self.overfit else ""

    @property
    def unread(self) -> int:
        """Bytes of the log that are not read yet."""
        return self._tail.unread

    def refresh(self, most: int | None = None) -> bool:
        """Read the events that were added to the log; return whether there were any.

        Args:
            most: bytes to read, by the megabyte; None for all.
        """
        events = self._tail.read(most)
        for event in events:
            self._add(event)
        return bool(events)

    def _add(self, event: AnyEvent) -> None:
        if isinstance(event, Step):
            self._add_step(event)
        elif isinstance(event, Heldout):
            self.heldout_steps.append(event.step)
            self.heldout.append(math.nan if event.loss is None else event.loss)
            self.bits = event.bits
        elif isinstance(event, Probe):
            self.probes.append(event)
        elif isinstance(event, Preview):
            self.previews.append(event)
        elif isinstance(event, Started):
            self._rewind(event.step)
            self.device = event.device
            self._steps = event.steps or None
            self._threshold = event.threshold
            # Logs of 0.1.0 have the threshold alone.
            known = event.floor or not event.threshold
            self.floor = event.floor if known else max(0.0, event.threshold - self.margin)
            self.ended = None
        elif isinstance(event, Saved):
            self.checkpoints.append(event.step)
        elif isinstance(event, Note):
            self.notes.append(event)
        elif isinstance(event, Progress):
            self.progress = event
        elif isinstance(event, Overfit):
            self.overfit = event
        elif isinstance(event, HeldoutRising):
            self.rising = event
        elif isinstance(event, Copying):
            self.copying = event
        elif isinstance(event, Diverged):
            self.diverged = event
        elif isinstance(event, Evaluated):
            self.evaluated = event
        else:
            self.ended = event

    def _add_step(self, event: Step) -> None:
        self.steps_done.append(event.step)
        self.losses.append(math.nan if event.loss is None else event.loss)
        self.averages.append(math.nan if event.average is None else event.average)
        if event.loss is not None:
            self.last, self.excess = event, event.excess
        self.progress = None

    def _rewind(self, step: int) -> None:
        """Drop events of steps that a resumed worker repeats."""
        while self.steps_done and self.steps_done[-1] > step:
            for series in (self.steps_done, self.losses, self.averages):
                series.pop()
        while self.heldout_steps and self.heldout_steps[-1] > step:
            self.heldout_steps.pop()
            self.heldout.pop()
        # At step 0 the held-out loss is measured again.
        if step == 0:
            self.heldout_steps.clear()
            self.heldout.clear()
        self.previews = [event for event in self.previews if event.step <= step]
        self.probes = [event for event in self.probes if event.step <= step and step]
        self.checkpoints = [number for number in self.checkpoints if number <= step]
        self.overfit = self.overfit if self.overfit and self.overfit.step <= step else None
        self.rising = self.rising if self.rising and self.rising.step <= step else None
        self.copying = self.copying if self.copying and self.copying.step <= step else None
        self.diverged = None
        self.evaluated = None
        self.progress = None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
