"""Which of the papers that arXiv sends are kept."""

import re
from collections.abc import Iterable, Sequence

import msgspec

from titletui.corpus.paper import Paper, submission_month
from titletui.errors import UsageError

KEYS = ("title", "abstract", "author", "category", "submitted")
_SPELLED = {"authors": "author", "categories": "category", "subcats": "category", "cat": "category"}
_SPAN = re.compile(r"(\d{4}(?:-\d{2})?)?(\.\.)?(\d{4}(?:-\d{2})?)?")


class Filter(msgspec.Struct, frozen=True):
    """One condition.

    Attributes:
        key: one of `KEYS`.
        value: for `submitted` a year, a month or a span of them (`2024`, `2024-03`,
            `2023-06..2024-02`, `2024..`), by the month in the arXiv id; for `category` a code, or
            an archive for all its categories; else words to find, in any case.
    """

    key: str
    value: str


def parse_filters(written: Iterable[str]) -> tuple[Filter, ...]:
    """The conditions that `KEY=VALUE` words describe.

    Raises:
        UsageError: a key or a span is unknown.
    """
    filters: list[Filter] = []
    for word in written:
        key, equals, value = word.partition("=")
        key = _SPELLED.get(key.strip().lower(), key.strip().lower())
        if not equals or not value.strip() or key not in KEYS:
            raise UsageError(
                f"{word!r} is no filter; write KEY=VALUE with the key title, abstract, author, "
                "category or submitted."
            )
        if key == "submitted":
            _span(value.strip())
        filters.append(Filter(key, value.strip()))
    return tuple(filters)


def keeps(filters: Sequence[Filter], paper: Paper) -> bool:
    """Whether `paper` meets the conditions: one of each key that is asked for."""
    return all(
        any(_meets(paper, one) for one in filters if one.key == key)
        for key in {one.key for one in filters}
    )


def first_month(filters: Sequence[Filter]) -> str:
    """The first month of submission (`2024-01`) that the conditions let through, or empty."""
    spans = [_span(one.value)[0] for one in filters if one.key == "submitted"]
    return min(spans, default="")


def _meets(paper: Paper, one: Filter) -> bool:
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
            first, last = _span(one.value)
            return month is not None and first <= month <= last


def _span(written: str) -> tuple[str, str]:
    """The first and the last month of a span, both inclusive."""
    match = _SPAN.fullmatch(written)
    if match is None or not (match[1] or match[3]):
        raise UsageError(
            f"{written!r} is no span of months; write 2024, 2024-03, 2023-06..2024-02 or 2024.. "
            "(months of submission)."
        )
    first = match[1] or "0000"
    last = match[3] or ("9999" if match[2] else first)
    first = first if len(first) == 7 else f"{first}-01"
    last = last if len(last) == 7 else f"{last}-12"
    if first > last:
        raise UsageError(f"{written!r} ends before it begins.")
    return first, last
