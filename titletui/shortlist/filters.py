"""What may stand on the shortlist, and how it is filtered and sorted."""

from typing import Literal

from titletui.errors import UsageError
from titletui.shortlist.records import Favourite
from titletui.text import clean

TITLE_LENGTH = 2_000
NOTE_LENGTH = 20_000
TAG_LENGTH = 50

Sort = Literal["added", "order", "title", "model", "perplexity", "novelty"]
SORTS: tuple[Sort, ...] = ("added", "order", "title", "model", "perplexity", "novelty")


def matches(one: Favourite, wanted: str) -> bool:
    """Whether all words of `wanted` stand in its title, original, note, model or prefix.

    A word that begins with `#` is a whole tag; case counts nowhere.
    """
    if not wanted.strip():
        return True
    stands = " ".join((one.text, one.original, one.note, one.model, one.prefix)).casefold()
    return all(
        word[1:] in one.tags if word.startswith("#") and len(word) > 1 else word in stands
        for word in wanted.casefold().split()
    )


def arranged(kept: list[Favourite], sort: Sort) -> list[Favourite]:
    """`kept`, which comes as arranged by hand (`order`), in another order.

    `added` is newest first, `perplexity` lowest first, `novelty` the least similar to any paper
    first; what has no such figure comes last.
    """
    if sort == "added":
        return sorted(kept, key=lambda one: (one.starred, one.id), reverse=True)
    if sort == "title":
        return sorted(kept, key=lambda one: one.text.casefold())
    if sort == "model":
        return sorted(kept, key=lambda one: (one.model == "", one.model))
    if sort == "perplexity":
        return sorted(kept, key=lambda one: _last(one.perplexity))
    if sort == "novelty":
        return sorted(kept, key=lambda one: _last(one.novelty.similarity if one.novelty else None))
    return kept


def checked_title(text: str) -> str:
    """`text` cleaned.

    Raises:
        UsageError: it is empty or has more than `TITLE_LENGTH` characters.
    """
    return _checked(text, "title", TITLE_LENGTH)


def checked_note(text: str) -> str:
    """`text` cleaned; may be empty.

    Raises:
        UsageError: it has more than `NOTE_LENGTH` characters.
    """
    return _checked(text, "note", NOTE_LENGTH) if text.strip() else ""


def checked_tag(name: str) -> str:
    """`name` in lower case, without a leading `#`.

    Raises:
        UsageError: it is empty, has more than `TAG_LENGTH` characters, or is more than a word.
    """
    tag = _checked(name.strip().lstrip("#"), "tag", TAG_LENGTH).casefold()
    if " " in tag or "," in tag:
        raise UsageError(f"A tag is one word, {tag!r} is more.")
    return tag


def _checked(text: str, what: str, length: int) -> str:
    text = clean(text)
    if not text:
        raise UsageError(f"A {what} cannot be empty.")
    if len(text) > length:
        raise UsageError(f"A {what} has at most {length:,} characters, this one has {len(text):,}.")
    return text


def _last(figure: float | None) -> float:
    return float("inf") if figure is None else figure
