"""What an OAI-PMH server says, taken apart."""

import msgspec

from titletui.corpus.paper import Paper

EARLIEST = "2005-09-16"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One record of a list.

    Attributes:
        paper: None where there is none that can be kept, for the `reason`.
        reason: `deleted`, `it has no title`, ….
        raw: the record as it came, where it is to be kept aside.
        repaired: characters that XML does not allow were replaced.
    """

    id: str
    datestamp: str
    paper: Paper | None = None
    reason: str = ""
    raw: bytes = b""
    repaired: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a list, or an error.

    Attributes:
        day: of the server's clock when it answered.
        token: for the next page; empty at the end of the list.
        error, text: OAI-PMH's code and the server's words; empty where there is no error.
    """

    day: str
    entries: list[Entry] = []
    token: str = ""
    error: str = ""
    text: str = ""
