"""One paper in JSON, in the spellings that are about."""

import functools

import msgspec

from titletui.corpus.paper import Paper, plain_id
from titletui.errors import UsageError

_MONTHS = {
    name: f"{number:02}"
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}


class RecordError(UsageError):
    """A record that is not one, or not of a paper."""


class _Version(msgspec.Struct, gc=False):
    created: str = ""


class _Record(msgspec.Struct, gc=False):
    """The union of the Kaggle snapshot's fields, arXiv's own, and ours."""

    id: str | int | None = None
    arxiv_id: str | None = None
    title: str | None = None
    abstract: str | None = None
    summary: str | None = None
    categories: str | list[str] | None = None
    authors: str | list[str] | None = None
    created: str | None = None
    published: str | None = None
    updated: str | None = None
    update_date: str | None = None
    datestamp: str | None = None
    versions: list[_Version] = []
    deleted: bool = False


_decoder = msgspec.json.Decoder(_Record)


def decode_record(line: str) -> Paper:
    """The paper that a line of JSON describes.

    Raises:
        RecordError: it is no JSON, no object, or a field has the wrong type.
    """
    try:
        record = _decoder.decode(line)
    except msgspec.MsgspecError as error:
        raise RecordError(f"it is no record ({error})") from error
    versions = record.versions
    created = record.created or record.published or ""
    if not created and versions:
        created = _iso(versions[0].created)
    updated = record.updated or ""
    if not updated and len(versions) > 1:
        updated = _iso(versions[-1].created)
    categories, authors = record.categories or "", record.authors or ""
    written = record.arxiv_id or record.id
    return Paper(
        id="" if written is None else plain_id(str(written)),
        title=record.title or "",
        abstract=record.abstract or record.summary or "",
        categories=categories if isinstance(categories, str) else " ".join(categories),
        authors=authors if isinstance(authors, str) else "; ".join(authors),
        created=created[:10],
        updated=updated[:10],
        datestamp=(record.datestamp or record.update_date or "")[:10],
        deleted=record.deleted,
    )


def _iso(written: str) -> str:
    """The day of a date such as `Mon, 2 Apr 2007 19:18:42 GMT`; empty where it is no such date."""
    return _iso_day(written[:16])


@functools.lru_cache(maxsize=20_000)
def _iso_day(written: str) -> str:
    parts = written.split()
    if len(parts) < 4 or parts[2] not in _MONTHS:
        return ""
    return f"{parts[3]}-{_MONTHS[parts[2]]}-{parts[1]:0>2}"
