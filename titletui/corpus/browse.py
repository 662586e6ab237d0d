"""Reading a corpus as a person looks at it: page by page, searching as one types."""

import sqlite3
from typing import Any

import msgspec

from titletui.corpus.merge import find_key
from titletui.corpus.paper import plain_id, submission_year
from titletui.corpus.search import match_expression

COUNTED = 10_000
_SMALL = 100_000
_SMALL_SHARE = 8

_NEWEST = """
    SELECT p.key, p.id, p.title FROM members m JOIN papers p ON p.key = m.key
    WHERE m.corpus = ? AND m.key < ? ORDER BY m.key DESC LIMIT ?"""
_ONE = """
    SELECT p.key, p.id, p.title FROM members m JOIN papers p ON p.key = m.key
    WHERE m.corpus = ? AND m.key = ?"""
_IN_ALL = """
    SELECT p.key, p.id, p.title FROM titles f
    CROSS JOIN members m ON m.corpus = ? AND m.key = f.rowid
    CROSS JOIN papers p ON p.key = f.rowid
    WHERE titles MATCH ? AND f.rowid < ? ORDER BY f.rowid DESC LIMIT ?"""
_COUNT_IN_ALL = """
    SELECT count(*) FROM (
        SELECT 1 FROM titles f CROSS JOIN members m ON m.corpus = ? AND m.key = f.rowid
        WHERE titles MATCH ? LIMIT ?)"""
_IN_OWN = """
    SELECT p.key, p.id, p.title FROM own_titles f CROSS JOIN papers p ON p.key = f.rowid
    WHERE own_titles MATCH ? AND f.rowid < ? ORDER BY f.rowid DESC LIMIT ?"""
_COUNT_IN_OWN = """
    SELECT count(*) FROM (SELECT 1 FROM own_titles WHERE own_titles MATCH ? LIMIT ?)"""


class Cursor(msgspec.Struct, frozen=True):
    """Where a page ends."""

    key: int


class Row(msgspec.Struct, frozen=True):
    """One line of a list of papers."""

    key: int
    id: str
    year: int | None
    title: str


class Page(msgspec.Struct, frozen=True):
    """A part of a list of papers, the newest first.

    Attributes:
        next: what to ask for the part after it; None at the end.
        total: papers in the whole list; where `exact` is not set, there are at least so many.
    """

    rows: list[Row]
    next: Cursor | None
    total: int
    exact: bool = True


class Browser:
    """Pages of corpora through one connection, which only one thread uses at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._own: tuple[int, int] | None = None

    def page(
        self,
        corpus: int,
        papers: int,
        changes: int,
        *,
        search: str,
        after: Cursor | None,
        limit: int,
    ) -> Page:
        """A part of the papers of a corpus that match `search`.

        Args:
            papers: how many the corpus has.
            changes: differs whenever its papers do.
        """
        before = after.key if after else 1 << 62
        expression = match_expression(search)
        if not expression:
            return _page(self._all(_NEWEST, corpus, before, limit), limit, papers)
        named = self._all(_ONE, corpus, find_key(self._connection, plain_id(search)))
        if named:
            return _page([] if after else named, limit, 1)
        if self._is_small(papers):
            self._index(corpus, changes)
            rows = self._all(_IN_OWN, expression, before, limit)
        else:
            rows = self._all(_IN_ALL, corpus, expression, before, limit)
        if after is None and len(rows) < limit:
            return _page(rows, limit, len(rows))
        if self._is_small(papers):
            (total,) = self._all(_COUNT_IN_OWN, expression, COUNTED)[0]
        else:
            (total,) = self._all(_COUNT_IN_ALL, corpus, expression, COUNTED)[0]
        return _page(rows, limit, total, exact=total < COUNTED)

    def _is_small(self, papers: int) -> bool:
        """Whether hits of the corpus would be rare among the hits of all titles."""
        (everything,) = self._all("SELECT coalesce(sum(papers), 0) FROM corpora")[0]
        return papers <= _SMALL and papers * _SMALL_SHARE < everything

    def _index(self, corpus: int, changes: int) -> None:
        """Makes an index of the corpus alone, in memory, unless it is there already."""
        if self._own == (corpus, changes):
            return
        self._connection.execute("DROP TABLE IF EXISTS temp.own_titles")
        self._connection.execute(
            "CREATE VIRTUAL TABLE temp.own_titles USING fts5 (title, content='', columnsize=0, "
            "tokenize='unicode61 remove_diacritics 2')"
        )
        self._connection.execute(
            "INSERT INTO temp.own_titles (rowid, title) SELECT p.key, p.title FROM members m "
            "JOIN papers p ON p.key = m.key WHERE m.corpus = ? ORDER BY m.key",
            (corpus,),
        )
        self._own = (corpus, changes)

    def _all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, values).fetchall()


def _page(rows: list[tuple[Any, ...]], limit: int, total: int, *, exact: bool = True) -> Page:
    shown = [Row(key, id_, submission_year(id_), title) for key, id_, title in rows]
    following = Cursor(shown[-1].key) if shown and len(shown) == limit else None
    return Page(shown, following, total, exact)
