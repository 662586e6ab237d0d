"""The events of a job: one JSON object per line in `events.jsonl`.

A number that is not finite is written as `null`.
"""

import msgspec

from titletui.text import format_bytes


class Event(msgspec.Struct, kw_only=True, tag_field="type", tag=str.lower, omit_defaults=True):
    """Base of all events.

    Attributes:
        t: seconds since the epoch, set when it is appended.
    """

    t: float = 0.0


class Started(Event):
    """A worker started.

    Attributes:
        step: the step that a run resumes from; later steps of an earlier worker are void.
        steps: total steps of a run.
        threshold: the mean loss below which a run is overfit; 0 turns the rule off.
        floor: the part of the threshold that is left when all titles are memorized.
        device: the device, for display.
    """

    pid: int
    step: int = 0
    steps: int = 0
    threshold: float = 0.0
    floor: float = 0.0
    device: str = ""


class Note(Event):
    """A message for the user.

    Attributes:
        level: `info`, `warning` or `error`.
    """

    text: str
    level: str = "info"


class Progress(Event):
    """Progress of a job.

    Attributes:
        done, total: in `unit`; `total` is None if unknown.
        fraction: 0…1; None if unknown.
        eta: estimated seconds until the end.
        day: the day that a harvest has reached.
        waiting: what the job is waiting for; empty if nothing.
        counts: other counters (new, updated, skipped, …).
    """

    done: int
    total: int | None = None
    unit: str = "papers"
    fraction: float | None = None
    eta: float | None = None
    day: str = ""
    waiting: str = ""
    counts: dict[str, int] = {}

    @property
    def amount(self) -> str:
        """`1,200 of 3,064 papers`, `2 MB of 3 MB`"""
        if self.unit == "bytes":
            return format_bytes(self.done) + (
                f" of {format_bytes(self.total)}" if self.total else ""
            )
        return f"{self.done:,}" + (f" of {self.total:,}" if self.total else "") + f" {self.unit}"


class Step(Event):
    """One optimizer step.

    Attributes:
        loss: mean cross-entropy of the step, nats per title token.
        average: token-weighted mean loss of the last steps.
        excess: that mean above the memorization floor; None in logs of 0.1.0.
        rate: learning rate.
        norm: gradient norm before clipping.
        tokens: title tokens in the step.
        speed: title tokens per second, averaged.
        eta: estimated seconds until the last step.
        memory: bytes in use on the GPU, or resident without one.
    """

    step: int
    loss: float | None
    average: float | None
    rate: float
    excess: float | None = None
    norm: float | None = None
    tokens: int = 0
    speed: float = 0.0
    eta: float | None = None
    memory: int = 0


class Heldout(Event):
    """The loss on the held-out papers.

    Attributes:
        loss: nats per title token.
        bits: bits per character, counting the end as one.
    """

    step: int
    loss: float | None
    bits: float | None = None


class Probe(Event):
    """The loss of some training titles in evaluation mode.

    Attributes:
        loss: nats per title token.
        excess: the loss above the memorization floor of these titles.
    """

    step: int
    loss: float
    excess: float


class Preview(Event):
    """Titles sampled during training.

    Attributes:
        titles: the first of them.
        copies: share of them that are copies of training titles, 0…1.
        near: share of them that are near-copies.
        sampled: their number; 0 in logs of 0.1.0, where it is that of `titles`.
    """

    step: int
    titles: list[str]
    copies: float = 0.0
    near: float = 0.0
    sampled: int = 0


class Saved(Event):
    """A checkpoint is complete."""

    step: int


class Overfit(Event):
    """The training titles are memorized: the loss fell below the threshold.

    Attributes:
        average: the mean loss of the last steps.
        excess: the loss above the memorization floor, of the probe where that fell below first.
        probe: it was the probe, not the mean.
    """

    step: int
    average: float
    threshold: float
    copies: float = 0.0
    excess: float | None = None
    probe: bool = False


class HeldoutRising(Event, tag="rising"):
    """The held-out loss was not improved for several evaluations.

    Attributes:
        loss: the newest one.
        best: the step with the lowest one; 0 is the untrained base.
        best_loss: the lowest one.
    """

    step: int
    best: int
    loss: float | None = None
    best_loss: float | None = None


class Copying(Event):
    """Half or more of the sampled titles repeat training titles, in successive previews.

    Attributes:
        since: the step of the first of these previews.
        copies, near, sampled: of the newest preview.
    """

    step: int
    since: int
    copies: float
    near: float
    sampled: int


class Diverged(Event):
    """The loss is not finite."""

    step: int


class Evaluated(Event):
    """Metrics of the finished model.

    Attributes:
        figures: `rouge1`, `rouge2`, `rougeL`, the same with `baseline_`, `unique`, ….
        words: most frequent words of the `corpus` and of the `samples`, with counts.
    """

    step: int
    figures: dict[str, float] = {}
    words: dict[str, list[tuple[str, int]]] = {}


class Ended(Event):
    """The worker ended; see `titletui.jobs.job.JobResult`."""

    outcome: str
    reason: str = ""


AnyEvent = (
    Started
    | Note
    | Progress
    | Step
    | Heldout
    | Probe
    | Preview
    | Saved
    | Overfit
    | HeldoutRising
    | Copying
    | Diverged
    | Evaluated
    | Ended
)
