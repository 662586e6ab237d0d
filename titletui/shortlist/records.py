"""What the library keeps: batches, their candidates, and the favourites among them."""

import msgspec


class BatchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch was asked for; the names are those of `generation.messages.Generate`.

    `BatchSettings.of(request)` takes them from there.
    """

    model: str = ""
    prefix: str = ""
    abstract: str = ""
    year: int | None = None
    count: int = 0
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    length: int | None = None
    seed: int | None = None
    against: str | None = None

    @classmethod
    def of(cls, request: object, **changes: object) -> "BatchSettings":
        """The settings that `request` has under the same names, and `changes`."""
        taken = {
            name: getattr(request, name) for name in cls.__struct_fields__ if hasattr(request, name)
        }
        return msgspec.convert(taken | changes, cls)


class Novelty(msgspec.Struct, frozen=True, kw_only=True):
    """How a candidate stands to a corpus; the names are those of `generation.novelty.Verdict`.

    Attributes:
        kind: `new`, `near` or `copy`.
        similarity: to the nearest paper's title, 0…1.
        id, title, year: of that paper.
    """

    kind: str
    similarity: float = 0.0
    id: str = ""
    title: str = ""
    year: int | None = None

    @classmethod
    def of(cls, verdict: object) -> "Novelty":
        return msgspec.convert(verdict, cls, from_attributes=True)


class NewCandidate(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate as it arrives; see `generation.messages.Candidate`.

    Attributes:
        index: its place in the batch.
        perplexity: exp of the mean cross-entropy of its own tokens; None where nobody scored it.
    """

    text: str
    index: int = 0
    perplexity: float | None = None
    tokens: int = 0
    seed: int | None = None
    whole: bool = True
    novelty: Novelty | None = None


class Candidate(NewCandidate, frozen=True, kw_only=True):
    """A candidate as the library keeps it.

    Attributes:
        starred: its text is on the shortlist, edited or not.
    """

    id: int
    batch: int
    starred: bool = False


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
