"""OAI-PMH responses as values."""

from datetime import date

import msgspec

from titletui.corpus.paper import Paper

EARLIEST = "2005-09-16"
"""The first day that arXiv takes as `from`."""


class OaiRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record of a list.

    Attributes:
        id: arXiv id without version; empty where the record has none.
        datestamp: ISO day of its last modification, or empty.
        paper: None where the record holds no usable paper, for `reason`.
        reason: `deleted`, `it has no title`, …; empty where there is a paper.
        raw: the record as it came, where it is repaired or to be quarantined.
        repaired: characters that XML forbids were replaced.
    """

    id: str
    datestamp: str
    paper: Paper | None = None
    reason: str = ""
    raw: bytes = b""
    repaired: bool = False


class OaiResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a list, or an error.

    Attributes:
        day: ISO day of the server's clock.
        token: resumption token for the next page; empty at the end of the list.
        error, message: OAI-PMH error code and the server's words; empty where there is no error.
    """

    day: str
    records: list[OaiRecord] = []
    token: str = ""
    error: str = ""
    message: str = ""


def valid_day(written: str) -> str:
    """The ISO day that `written` begins with; empty where it is no day of the calendar."""
    try:
        return date.fromisoformat(written.strip()[:10]).isoformat()
    except ValueError:
        return ""
