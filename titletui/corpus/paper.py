"""A paper, and the ids of papers."""

import functools
import re
from hashlib import blake2b

import msgspec

_ID = re.compile(
    r"(?:arXiv:)?(?:[a-z-]+(?:\.[A-Z]{2})?/)?(\d{2})(\d{2})\.?\d{3,5}(?:v\d+)?", re.IGNORECASE
)
_YEAR = re.compile(r"(?:1[5-9]|20)\d{2}(?!\d)")
_NEW = re.compile(r"[0-9]{4}\.[0-9]{4,5}")
_OLD = re.compile(r"([a-z-]+)/([0-9]{4})([0-9]{3})")
_ARCHIVES = (
    "acc-phys", "adap-org", "alg-geom", "ao-sci", "astro-ph", "atom-ph", "bayes-an", "chao-dyn",
    "chem-ph", "cmp-lg", "comp-gas", "cond-mat", "cs", "dg-ga", "funct-an", "gr-qc", "hep-ex",
    "hep-lat", "hep-ph", "hep-th", "math", "math-ph", "mtrl-th", "nlin", "nucl-ex", "nucl-th",
    "patt-sol", "physics", "plasm-ph", "q-alg", "q-bio", "quant-ph", "solv-int", "supr-con",
)  # fmt: skip
_WRITTEN = re.compile(
    r"(?:https?://)?(?:[\w-]+\.)*(?:\w+\.[a-z]{2,}/)?"
    r"(?:(?:abs|pdf|html|ps|format|e-print|src|arxiv|paper|papers|journals|corr)/)*"
    r"(?:doi:\s*)?(?:10\.48550/)?(?:oai:)?"
    r"(?:arxiv(?:\.org)?(?:\s+(?:e-?prints?|preprints?))?[:./,\s]\s*)*(?:corr\s+)?(?:abs[/-])?"
    r"(?:(?P<new>\d{4}\.\d{4,5}|(?<=abs-)\d{4}-\d{4,5})|(?P<archive>"
    + "|".join(sorted(_ARCHIVES, key=len, reverse=True))
    + r")(?:\.[a-z-]+)?/?(?P<old>\d{7}))"
    r"(?:v\d+)?(?:\.pdf)?/?(?:[?#]\S*)?(?:\s*\[[\w. -]+\])?",
    re.IGNORECASE,
)
_FLOAT = re.compile(r"(\d{3,4})\.(\d{1,5})")
_ARCHIVE_NUMBER = {name: number for number, name in enumerate(_ARCHIVES)}
_MONTH_BITS = 18
_LONGEST_ID = 200
_OLD_STYLE = 100_000
_FIVE_DIGITS_FROM = 12 * 24
_FIRST_NEW_STYLE = 12 * 16 + 3


class Paper(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One paper.

    Attributes:
        id: arXiv id without version (`2409.04057`, `math/9201239`), another id (a DOI), or one
            made from the title (`x-…`).
        categories: separated by spaces, the primary one first.
        authors: separated by `; `.
        created, updated: ISO dates, or years, or empty. arXiv's `created` is the date of the
            current version, so the year of an arXiv paper comes from its id.
        datestamp: the day on which arXiv last changed the record, or empty; of two versions of a
            paper the one with the later datestamp stands.
        deleted: arXiv has withdrawn the record.
    """

    id: str
    title: str
    abstract: str = ""
    categories: str = ""
    authors: str = ""
    created: str = ""
    updated: str = ""
    datestamp: str = ""
    deleted: bool = False

    @property
    def year(self) -> int | None:
        """The year of submission; of a paper that is not arXiv's, the year in `created`."""
        return paper_year(self.id, self.created)


def paper_year(id_: str, created: str) -> int | None:
    """The year of a paper: of its arXiv id, else the one that `created` begins with."""
    year = submission_year(id_)
    if year is None and _YEAR.match(created):
        return int(created[:4])
    return year


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


def title_id(title: str) -> str:
    """The id of a paper of which only the title is known."""
    return "x-" + blake2b(title.encode(errors="replace"), digest_size=10).hexdigest()


def plain_id(written: str) -> str:
    """The arXiv id in any of its spellings, without version; other ids as they are.

    Spellings are those of links (also to other sites with arXiv's paths), DOIs, `arXiv:…v2
    [cs.CL]`, file names, and numbers that lost their zeros in a spreadsheet.

    >>> plain_id("arXiv:2409.04057v2 [cs.CL]"), plain_id("https://arxiv.org/abs/math.GT/0309136")
    ('2409.04057', 'math/0309136')
    >>> plain_id("10.48550/arXiv.2401.00004"), plain_id("704.001")
    ('2401.00004', '0704.0010')
    """
    if _NEW.fullmatch(written):
        whole = len(written) == 10 or "0704" <= written[:4] < "1501"
        return written if whole else _restored(written)
    written = written.strip()
    match = _WRITTEN.fullmatch(written) if len(written) < _LONGEST_ID else None
    if match is None:
        return _restored(written)
    if match["new"]:
        return match["new"].replace("-", ".")
    return f"{match['archive'].lower()}/{match['old']}"


def _restored(written: str) -> str:
    """An arXiv id that was taken for a number: with the zeros that it lost."""
    match = _FLOAT.fullmatch(written)
    if match is None:
        return written
    month, number = match[1].zfill(4), match[2]
    months = _months(month)
    width = 4 if months < _FIVE_DIGITS_FROM else 5
    if months < _FIRST_NEW_STYLE or len(number) > width:
        return written
    return f"{month}.{number.ljust(width, '0')}"


def arxiv_key(arxiv_id: str) -> int | None:
    """A number for a plain arXiv id: different for different ids, greater for later ones.

    None where the id is not arXiv's.
    """
    if _NEW.fullmatch(arxiv_id):
        month = _months(arxiv_id[:4])
        width = 9 if month < _FIVE_DIGITS_FROM else 10
        number = int(arxiv_id[5:]) if len(arxiv_id) == width else -1
    else:
        match = _OLD.fullmatch(arxiv_id)
        if match is None or match[1] not in _ARCHIVE_NUMBER:
            return None
        month = _months(match[2])
        number = _OLD_STYLE + _ARCHIVE_NUMBER[match[1]] * 1_000 + int(match[3])
    if month < 0 or number < 0:
        return None
    return month << _MONTH_BITS | number


def year_keys(year: int) -> tuple[int, int]:
    """The least key of `year` and the least of the year after."""
    return (year - 1991) * 12 << _MONTH_BITS, (year - 1990) * 12 << _MONTH_BITS


def key_month(key: int) -> str:
    """The month of submission of a paper, from its `arxiv_key`, as `YYYY-MM`."""
    years, month = divmod(key >> _MONTH_BITS, 12)
    return f"{1991 + years}-{month + 1:02}"


@functools.cache
def _months(written: str) -> int:
    """Months since 1991 began, of a YYMM; -1 where it is none."""
    year, month = int(written[:2]), int(written[2:])
    if not 1 <= month <= 12:
        return -1
    return (year - 91 if year >= 91 else year + 9) * 12 + month - 1
