"""What the library keeps: batches, their candidates, and the favourites among them."""

from typing import Any

import msgspec

from titletui.candidate import Novelty


class BatchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch was asked for; all empty for a title that was typed.

    Attributes:
        against: the corpus that its candidates were compared with; None means all papers.
        group: shared by batches that were written side by side; empty for a single one.
        column: the place of the batch in its group, from 0.
        note: what the model could not do of what was asked; empty for nothing.
    """

    model: str = ""
    prefix: str = ""
    abstract: str = ""
    year: int | None = None
    count: int = 0
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = msgspec.field(default=None, name="length")
    seed: int | None = None
    against: str | None = None
    group: str = ""
    column: int = 0
    note: str = ""

    @classmethod
    def of(
        cls, request: Any, against: str | None = None, group: str = "", column: int = 0
    ) -> "BatchSettings":
        """The settings of a `titletui.generation.protocol.Generate`."""
        asked = msgspec.structs.asdict(request) | msgspec.structs.asdict(request.sampling)
        names = {name: asked[name] for name in cls.__struct_fields__ if name in asked}
        return cls(**names, against=against, group=group, column=column)


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What was generated at once.

    Attributes:
        created: UTC, ISO 8601.
        candidates: how many there are.
    """

    id: int
    created: str
    settings: BatchSettings
    candidates: int = 0


class Favourite(msgspec.Struct, frozen=True, kw_only=True):
    """A starred title.

    Attributes:
        text: as it reads now.
        original: as it was starred.
        tags: lower case, sorted.
        order: its place on the shortlist when that is sorted by hand, from 0.
        starred: UTC, ISO 8601.
        settings: of its batch; empty for a title that was typed.
        seed: of its batch, drawn or given.
    """

    id: int
    text: str
    original: str
    note: str = ""
    tags: tuple[str, ...] = ()
    order: int = 0
    starred: str = ""
    settings: BatchSettings = BatchSettings()
    seed: int | None = None
    perplexity: float | None = None
    tokens: int = 0
    novelty: Novelty | None = None

    @property
    def edited(self) -> bool:
        return self.text != self.original

    @property
    def model(self) -> str:
        return self.settings.model

    @property
    def prefix(self) -> str:
        return self.settings.prefix

    @property
    def temperature(self) -> float | None:
        return self.settings.temperature


class Change(msgspec.Struct, frozen=True):
    """One favourite before and after an action; None where it was not there."""

    before: Favourite | None
    after: Favourite | None


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done to the shortlist and can be undone.

    Attributes:
        what: in the past tense, for a person: `starred "…"`.
    """

    id: int
    at: str
    what: str
    changes: tuple[Change, ...]
