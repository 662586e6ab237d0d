"""A corpus in a list of corpora."""

import sqlite3

import msgspec

from titletui.corpus.paper import key_month

SUMMARIES = "SELECT number, name, papers, category, source, updated FROM corpora WHERE NOT hidden"
_KEY_RANGE = """
    SELECT (SELECT min(key) FROM members WHERE corpus = ?1 AND key >= 0),
    (SELECT max(key) FROM members WHERE corpus = ?1 AND key >= 0)"""


class CorpusSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A corpus in a list.

    Attributes:
        source: `arXiv` or the name of the file.
        earliest, latest: months of submission (`2024-01`), from the ids; empty without arXiv ids.
        updated: when papers were last added, ISO 8601 in UTC.
    """

    name: str
    papers: int
    category: str = ""
    source: str = ""
    earliest: str = ""
    latest: str = ""
    updated: str = ""


def summary_of(
    connection: sqlite3.Connection, row: tuple[int, str, int, str, str, str]
) -> CorpusSummary:
    """The summary of a row of `SUMMARIES`."""
    number, name, papers, category, source, updated = row
    least, greatest = connection.execute(_KEY_RANGE, (number,)).fetchone()
    return CorpusSummary(
        name=name,
        papers=papers,
        category=category,
        source=source,
        earliest="" if least is None else key_month(least),
        latest="" if greatest is None else key_month(greatest),
        updated=updated,
    )
