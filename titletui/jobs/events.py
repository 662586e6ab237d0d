"""What a job says while it works: one JSON object a line in `events.jsonl`.

A number that is not finite is written as `null`.
"""

import msgspec

from titletui.text import format_bytes

JOB_KINDS = ("harvest", "import", "run")


class Event(msgspec.Struct, kw_only=True, tag_field="type", tag=str.lower, omit_defaults=True):
    """Something that happened.

    Attributes:
        t: seconds since the epoch, set when it is written.
    """

    t: float = 0.0


class Started(Event):
    """A worker began.

    Attributes:
        step: the step that it goes on from; whatever an earlier worker said of later steps was
            undone.
        steps: how many there will be in all, for a run.
        threshold: the average loss under which a run is overfit; 0 where none is.
        device: what it computes on, as a person would say it.
    """

    pid: int
    step: int = 0
    steps: int = 0
    threshold: float = 0.0
    device: str = ""


class Note(Event):
    """Something that a person should read.

    Attributes:
        level: `info`, `warning` or `error`.
    """

    text: str
    level: str = "info"


class Progress(Event):
    """How far a job is.

    Attributes:
        done: what is done, in `unit`.
        total: what there is to do, where that is known.
        fraction: 0…1, where it is known.
        eta: seconds until the end, where they can be guessed.
        day: the day that a harvest has reached.
        waiting: what is being waited for, as a sentence; empty when nothing is.
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
    def far(self) -> str:
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
        average: bias-corrected exponential average of the losses so far.
        rate: the learning rate.
        norm: the gradient's norm before clipping.
        tokens: title tokens in the step.
        speed: title tokens a second, averaged.
        eta: seconds until the last step.
        memory: bytes in use, on the GPU where there is one, else resident.
    """

    step: int
    loss: float | None
    average: float | None
    rate: float
    norm: float | None = None
    tokens: int = 0
    speed: float = 0.0
    eta: float | None = None
    memory: int = 0


class Heldout(Event):
    """The loss on the papers that are kept from training.

    Attributes:
        loss: nats per title token.
        bits: bits per character, the end counted as one character.
    """

    step: int
    loss: float | None
    bits: float | None = None


class Preview(Event):
    """Titles that the model writes by now.

    Attributes:
        copies: the share of them that stand in the training set, 0…1.
    """

    step: int
    titles: list[str]
    copies: float = 0.0


class Saved(Event):
    """A checkpoint was written whole."""

    step: int


class Overfit(Event):
    """The average loss fell below the threshold."""

    step: int
    average: float
    threshold: float
    copies: float = 0.0


class HeldoutRising(Event, tag="rising"):
    """The held-out loss has risen for several evaluations.

    Attributes:
        best: the step at which it was lowest.
    """

    step: int
    best: int


class Diverged(Event):
    """The loss was not finite."""

    step: int


class Evaluated(Event):
    """Figures about the finished model.

    Attributes:
        figures: name → value: `rouge1`, `rouge2`, `rougeL`, the same with `baseline_`, `unique`, ….
        words: frequent words, most frequent first, of the `corpus` and of the `samples`.
    """

    step: int
    figures: dict[str, float] = {}
    words: dict[str, list[tuple[str, int]]] = {}


class Ended(Event):
    """The worker is done, for the reason in `outcome` (see `titletui.jobs.job.JobResult`)."""

    outcome: str
    reason: str = ""


AnyEvent = (
    Started
    | Note
    | Progress
    | Step
    | Heldout
    | Preview
    | Saved
    | Overfit
    | HeldoutRising
    | Diverged
    | Evaluated
    | Ended
)
