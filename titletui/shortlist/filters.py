"""Check, filter and sort favourites."""

from titletui.errors import UsageError
from titletui.settings import ShortlistSort
from titletui.shortlist.records import Favourite
from titletui.text import clean

TITLE_LENGTH = 2_000
NOTE_LENGTH = 20_000
TAG_LENGTH = 50


def matches(one: Favourite, query: str) -> bool:
    """Whether all words of `query` are in its title, original, note, model or prefix.

    A word that begins with `#` is a whole tag; case is ignored.
    """
    if not query.strip():
        return True
    searched = " ".join((one.text, one.original, one.note, one.model, one.prefix)).casefold()
    return all(
        word[1:] in one.tags if word.startswith("#") and len(word) > 1 else word in searched
        for word in query.casefold().split()
    )


def sort_favourites(favourites: list[Favourite], sort: ShortlistSort) -> list[Favourite]:
    """Sort favourites, which are in manual order (`order`).

    `added` is newest first, `perplexity` lowest first, `novelty` least similar to any paper first;
    favourites without a value come last.
    """
    if sort == "added":
        return sorted(favourites, key=lambda one: (one.starred, one.id), reverse=True)
    if sort == "title":
        return sorted(favourites, key=lambda one: one.text.casefold())
    if sort == "model":
        return sorted(favourites, key=lambda one: (one.model == "", one.model))
    if sort == "perplexity":
        return sorted(favourites, key=lambda one: _last(one.perplexity))
    if sort == "novelty":
        return sorted(favourites, key=_similarity)
    return favourites


def checked_title(text: str) -> str:
    """Return `text`, cleaned.

    Raises:
        UsageError: it is empty or has more than `TITLE_LENGTH` characters.
    """
    return _checked(text, "title", TITLE_LENGTH)


def checked_note(text: str) -> str:
    """Return `text`, cleaned; may be empty.

    Raises:
        UsageError: it has more than `NOTE_LENGTH` characters.
    """
    return _checked(text, "note", NOTE_LENGTH) if text.strip() else ""


def checked_tag(name: str) -> str:
    """Return `name` in lower case, without a leading `#`.

    Raises:
        UsageError: it is empty, has more than `TAG_LENGTH` characters, or is more than a word.
    """
    tag = _checked(name.strip().lstrip("#"), "tag", TAG_LENGTH).casefold()
    if " " in tag or "," in tag:
        raise UsageError(f"A tag is one word without commas, not {tag!r}.")
    return tag


def _checked(text: str, what: str, length: int) -> str:
    text = clean(text)
    if not text:
        raise UsageError(f"A {what} cannot be empty.")
    if len(text) > length:
        raise UsageError(f"A {what} has at most {length:,} characters, this one has {len(text):,}.")
    return text


def _similarity(one: Favourite) -> float:
    return _last(one.novelty.similarity if one.novelty else None)


def _last(figure: float | None) -> float:
    return float("inf") if figure is None else figure
