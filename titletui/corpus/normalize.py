"""Papers normalized for the store: cleaned, keyed, and each only once."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from titletui.corpus.paper import Paper, arxiv_key, plain_id, title_id
from titletui.text import clean

TITLE_LENGTH = 2_000
NO_KEY = -1


class PaperRow(NamedTuple):
    """A paper as a row of the tables `papers` (all but the abstract) and `abstracts`.

    Attributes:
        key: `arxiv_key(id)`; `NO_KEY` until a paper with another id is given one.
    """

    key: int
    id: str
    title: str
    categories: str
    authors: str
    created: str
    updated: str
    datestamp: str
    deleted: int
    abstract: str


class NormalizedPapers(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Papers ready for the tables.

    Attributes:
        rows: those with an arXiv id, by key.
        unkeyed: those with another id.
        skipped: without a usable title, or there a second time.
    """

    rows: list[PaperRow]
    unkeyed: list[PaperRow]
    skipped: int


def normalize(papers: Iterable[Paper]) -> NormalizedPapers:
    """Clean and key papers; of two with the same id the later datestamp wins (see `merge`)."""
    rows: dict[int, PaperRow] = {}
    unkeyed: dict[str, PaperRow] = {}
    skipped = 0
    for paper in papers:
        title = clean(paper.title)
        if not title or len(title) > TITLE_LENGTH:
            skipped += 1
            continue
        id_ = paper.id
        key = arxiv_key(id_)
        if key is None:
            id_ = plain_id(clean(id_)) or title_id(title)
            key = arxiv_key(id_)
        row = PaperRow._make(
            (
                NO_KEY if key is None else key,
                id_,
                title,
                clean(paper.categories),
                clean(paper.authors),
                paper.created,
                paper.updated,
                paper.datestamp,
                int(paper.deleted),
                clean(paper.abstract),
            )
        )
        if key is None:
            same = unkeyed.get(id_)
            unkeyed[id_] = row if same is None else merge(same, row)
        else:
            same = rows.get(key)
            rows[key] = row if same is None else merge(same, row)
        skipped += same is not None
    return NormalizedPapers([rows[key] for key in sorted(rows)], list(unkeyed.values()), skipped)


def merge(old: PaperRow, new: PaperRow) -> PaperRow:
    """The row of the later datestamp, with what it lacks from the other; of equals the new one."""
    first, second = (old, new) if new.datestamp < old.datestamp else (new, old)
    return first._replace(
        key=old.key,
        categories=first.categories or second.categories,
        authors=first.authors or second.authors,
        created=first.created or second.created,
        updated=first.updated or second.updated,
        abstract=first.abstract or second.abstract,
    )
