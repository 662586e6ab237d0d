"""Filters on the papers of a harvest."""

import re
from collections.abc import Iterable, Sequence

import msgspec

from titletui.corpus.paper import Paper, submission_month
from titletui.errors import UsageError

KEYS = ("title", "abstract", "author", "category", "submitted")
_ALIASES = {"authors": "author", "categories": "category", "subcats": "category", "cat": "category"}
_RANGE = re.compile(r"(\d{4}(?:-\d{2})?)?(\.\.)?(\d{4}(?:-\d{2})?)?")


class Filter(msgspec.Struct, frozen=True):
    """One condition.

    Attributes:
        key: one of `KEYS`.
        value: for `submitted` a year, a month or a range of them (`2024`, `2024-03`,
            `2023-06..2024-02`, `2024..`), compared with the month in the arXiv id; for `category`
            a code, or an archive for all its categories; else text to find, in any case.
    """

    key: str
    value: str


def parse_filters(written: Iterable[str]) -> tuple[Filter, ...]:
    """Parse filters of the form `KEY=VALUE`.

    Raises:
        UsageError: a key is unknown, or a range of months is malformed.
    """
    filters: list[Filter] = []
    for word in written:
        key, equals, value = word.partition("=")
        key = _ALIASES.get(key.strip().lower(), key.strip().lower())
        if not equals or not value.strip() or key not in KEYS:
            raise UsageError(
                f"{word!r} is no filter; write KEY=VALUE with the key title, abstract, author, "
                "category or submitted."
            )
        if key == "submitted":
            _month_range(value.strip())
        filters.append(Filter(key, value.strip()))
    return tuple(filters)


def keeps(filters: Sequence[Filter], paper: Paper) -> bool:
    """Whether `paper` matches at least one filter of each key."""
    return all(
        any(_matches(paper, one) for one in filters if one.key == key)
        for key in {one.key for one in filters}
    )


def first_month(filters: Sequence[Filter]) -> str:
    """The first month of submission (`2024-01`) that the filters let through, or empty."""
    ranges = [_month_range(one.value)[0] for one in filters if one.key == "submitted"]
    return min(ranges, default="")


def _matches(paper: Paper, one: Filter) -> bool:
    wanted = one.value.casefold()
    match one.key:
        case "title":
            return wanted in paper.title.casefold()
        case "abstract":
            return wanted in paper.abstract.casefold()
        case "author":
            return wanted in paper.authors.casefold()
        case "category":
            codes = paper.categories.casefold().split()
            return any(code == wanted or code.startswith(f"{wanted}.") for code in codes)
        case _:
            month = submission_month(paper.id)
            first, last = _month_range(one.value)
            return month is not None and first <= month <= last


def _month_range(written: str) -> tuple[str, str]:
    """The first and the last month of a range, both inclusive."""
    match = _RANGE.fullmatch(written)
    if match is None or not (match[1] or match[3]):
        raise UsageError(
            f"{written!r} is no range of months; write 2024, 2024-03, 2023-06..2024-02 or 2024.. "
            "(months of submission)."
        )
    first = match[1] or "0000"
    last = match[3] or ("9999" if match[2] else first)
    first = first if len(first) == 7 else f"{first}-01"
    last = last if len(last) == 7 else f"{last}-12"
    if first > last:
        raise UsageError(f"{written!r} ends before it begins.")
    return first, last
