"""Papers made ready for the store: cleaned once, keyed, and each only once."""

from collections.abc import Iterable

import msgspec

from titletui.corpus.paper import Paper, arxiv_key, plain_id, title_id
from titletui.text import clean

TITLE_LENGTH = 2_000

Stored = tuple[str, str, str, str, str, str, str, int, str]
"""Id, title, categories, authors, created, updated, datestamp, deleted, abstract."""

Row = tuple[int, str, str, str, str, str, str, str, int, str]
"""The same, with the key in front."""


class Prepared(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Papers as they go into the tables.

    Attributes:
        rows: those with an arXiv id, in order of their keys.
        others: those with another id.
        skipped: without a usable title, or there a second time.
    """

    rows: list[Row]
    others: list[Stored]
    skipped: int


def prepare(papers: Iterable[Paper]) -> Prepared:
    """Cleans papers; of two with the same id the one of the later datestamp stands."""
    rows: dict[int, Row] = {}
    others: dict[str, Stored] = {}
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
        row = (
            -1 if key is None else key,
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
        if key is None:
            other = others.get(id_)
            others[id_] = row[1:] if other is None else merged(other, row[1:])
            skipped += other is not None
        else:
            same = rows.get(key)
            rows[key] = row if same is None else (key, *merged(same[1:], row[1:]))
            skipped += same is not None
    return Prepared([rows[key] for key in sorted(rows)], list(others.values()), skipped)


def merged(old: Stored, new: Stored) -> Stored:
    """The one of the later datestamp, with what it lacks from the other; of two alike the new."""
    first, second = (old, new) if new[6] < old[6] else (new, old)
    id_, title, categories, authors, created, updated, datestamp, deleted, abstract = first
    return (
        id_,
        title,
        categories or second[2],
        authors or second[3],
        created or second[4],
        updated or second[5],
        datestamp,
        deleted,
        abstract or second[8],
    )
