"""A paper, as arXiv's metadata describes it."""

import re

import msgspec

_ID = re.compile(
    r"(?:arXiv:)?(?:[a-z-]+(?:\.[A-Z]{2})?/)?(\d{2})(\d{2})\.?\d{3,5}(?:v\d+)?", re.IGNORECASE
)


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """One paper.

    Attributes:
        id: arXiv id without version (`2409.04057`, `math/9201239`); a paper from a plain list of
            titles has one made from its title (`x-…`).
        categories: separated by spaces, the primary one first.
        authors: separated by `; `.
        created, updated: ISO dates as arXiv gives them, or empty. `created` is the date of the
            current version, so the year of a paper comes from its id.
    """

    id: str
    title: str
    abstract: str = ""
    categories: str = ""
    authors: str = ""
    created: str = ""
    updated: str = ""

    @property
    def year(self) -> int | None:
        return submission_year(self.id)


def submission_year(arxiv_id: str) -> int | None:
    """The year of the first submission: the YYMM that every arXiv id carries.

    >>> submission_year("2409.04057"), submission_year("math/9201239"), submission_year("x-1")
    (2024, 1992, None)
    """
    month = submission_month(arxiv_id)
    return int(month[:4]) if month else None


def submission_month(arxiv_id: str) -> str | None:
    """The month of the first submission as `YYYY-MM`; None where the id is not arXiv's."""
    match = _ID.fullmatch(arxiv_id)
    if match is None or not 1 <= int(match[2]) <= 12:
        return None
    year = int(match[1])
    return f"{1900 + year if year >= 91 else 2000 + year}-{match[2]}"
