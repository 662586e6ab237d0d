"""What the app and the generation server say to each other: one JSON object a line."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from titletui.candidate import Candidate
from titletui.sampling_params import SamplingParams


class Generate(msgspec.Struct, frozen=True, kw_only=True, tag="generate"):
    """Generate `count` titles.

    Attributes:
        id: chosen by the client; every answer carries it.
        model: `starter`, a run's name (`eess-as-1`, or `eess-as-1@200` for a checkpoint), a folder
            or a hub id.
        prefix: the beginning of every title.
        abstract: the abstract that the titles are for.
        year: the year that the titles are for, for models of the task `year-to-title`.
    """

    id: int
    model: str = "starter"
    prefix: str = ""
    abstract: str = ""
    year: int | None = None
    count: Annotated[int, Meta(ge=1, le=1000)] = 10
    sampling: SamplingParams = SamplingParams()


class Prepare(msgspec.Struct, kw_only=True, tag="prepare"):
    """Load `model`, so that a request finds it there."""

    id: int
    model: str = "starter"


class Cancel(msgspec.Struct, kw_only=True, tag="cancel"):
    """Stop the request `id` before its next token."""

    id: int


class Unload(msgspec.Struct, kw_only=True, tag="unload"):
    """Give the model's memory back."""

    id: int = 0


class Loading(msgspec.Struct, kw_only=True, tag="loading"):
    """The model is being loaded; `what` says what is waited for."""

    id: int
    what: str


class Loaded(msgspec.Struct, kw_only=True, tag="loaded"):
    """The model is there.

    Attributes:
        device: `cpu`, `cuda:0`, … and how it computes, for a person.
        task: what it was trained for, or empty when that is not known.
        note: something that a person should know (an abstract that was cut, a task that does not
            fit).
    """

    id: int
    model: str
    device: str
    task: str = ""
    parameters: int = 0
    note: str = ""


class Generated(msgspec.Struct, kw_only=True, tag="candidate"):
    """One candidate, sent as soon as it ends; candidates of a request end in any order."""

    id: int
    candidate: Candidate


class Finished(msgspec.Struct, kw_only=True, tag="finished"):
    """The request is over.

    Attributes:
        reason: `done`, `cancelled`.
    """

    id: int
    reason: Literal["done", "cancelled"] = "done"
    seconds: float = 0.0


class Failed(msgspec.Struct, kw_only=True, tag="failed"):
    """The request cannot be done; `error` is one sentence for a person."""

    id: int
    error: str


Request = Generate | Prepare | Cancel | Unload
Answer = Loading | Loaded | Generated | Finished | Failed


def with_seed(request: Generate, seed: int | None) -> Generate:
    """`request` with another seed."""
    sampling = msgspec.structs.replace(request.sampling, seed=seed)
    return msgspec.structs.replace(request, sampling=sampling)
