"""What the app and the generation server say to each other: one JSON object a line."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Generate(msgspec.Struct, kw_only=True, tag="generate"):
    """Write `count` titles.

    Attributes:
        id: chosen by the client; every answer to it carries it.
        model: `starter`, a run's name (`eess-as-1`, or `eess-as-1@200` for a checkpoint), a folder
            or a hub id.
        prefix: the beginning that each title keeps.
        abstract: the title is to be of this abstract.
        year: the title is to be of this year, for models of the task `year-to-title`.
        temperature: 0 takes the likeliest token each time.
        top_k: 0 means all.
        length: most new tokens.
        seed: the same seed, model and knobs give the same titles; None draws one.
    """

    id: int
    model: str = "starter"
    prefix: str = ""
    abstract: str = ""
    year: int | None = None
    count: Annotated[int, Meta(ge=1, le=1000)] = 10
    temperature: Annotated[float, Meta(ge=0, le=5)] = 0.8
    top_p: Annotated[float, Meta(gt=0, le=1)] = 0.95
    top_k: Annotated[int, Meta(ge=0)] = 0
    length: Annotated[int, Meta(ge=1, le=1024)] = 48
    seed: int | None = None


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


class Candidate(msgspec.Struct, kw_only=True, tag="candidate"):
    """One title, sent the moment it ends.

    Attributes:
        index: its row, 0…count-1; rows end in any order.
        text: with its prefix, without markers.
        perplexity: exp of the mean cross-entropy of its own tokens under the model (at temperature
            1, untruncated), the end included, the prompt excluded.
        tokens: how many of its own tokens.
        seed: of the request.
        whole: it ended by itself, not at the length limit.
    """

    id: int
    index: int
    text: str
    perplexity: float
    tokens: int
    seed: int
    whole: bool = True


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
Answer = Loading | Loaded | Candidate | Finished | Failed
