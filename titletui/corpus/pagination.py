"""Reading a corpus as a person looks at it: page by page, searching as one types."""

import sqlite3
from typing import Any

import msgspec

from titletui.corpus.fts_query import match_expression
from titletui.corpus.paper import plain_id, submission_year
from titletui.corpus.upsert import find_key

LOOKED_AT = 10_000
"""So many titles that match are looked at to tell how many there are."""

_SMALL = 20_000
_SMALL_SHARE = 8

_NEWEST = """
    SELECT p.key, p.id, p.title FROM members m JOIN papers p ON p.key = m.key
    WHERE m.corpus = ? AND m.key < ? ORDER BY m.key DESC LIMIT ?"""
_ONE = """
    SELECT p.key, p.id, p.title FROM members m JOIN papers p ON p.key = m.key
    WHERE m.corpus = ? AND m.key = ?"""
_THESE = """
    SELECT p.key, p.id, p.title FROM json_each(?) j JOIN papers p ON p.key = j.value
    ORDER BY p.key DESC"""
_NEXT_IN_ALL = """
    SELECT p.key, p.id, p.title FROM titles f
    CROSS JOIN members m ON m.corpus = ? AND m.key = f.rowid
    CROSS JOIN papers p ON p.key = f.rowid
    WHERE titles MATCH ? AND f.rowid < ? ORDER BY f.rowid DESC LIMIT ?"""
_FIRST_IN_ALL = """
    SELECT f.rowid, m.key IS NOT NULL FROM titles f
    LEFT JOIN members m ON m.corpus = ? AND m.key = f.rowid
    WHERE titles MATCH ? ORDER BY f.rowid DESC LIMIT ?"""
_NEXT_IN_OWN = """
    SELECT p.key, p.id, p.title FROM own_titles f CROSS JOIN papers p ON p.key = f.rowid
    WHERE own_titles MATCH ? AND f.rowid < ? ORDER BY f.rowid DESC LIMIT ?"""
_FIRST_IN_OWN = """
    SELECT rowid, 1 FROM own_titles WHERE own_titles MATCH ? ORDER BY rowid DESC LIMIT ?"""


class Cursor(msgspec.Struct, frozen=True):
    """Where a page begins: right after the paper of that key, or, backwards, right before it."""

    key: int
    back: bool = False


END = Cursor(0, back=True)
"""The last page of a list."""

_BEGINNING = Cursor(1 << 62)


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
        previous: what to ask for the part before it; None at the beginning.
        total: papers in the whole list; where `exact` is not set, there are at least so many.
    """

    rows: list[Row]
    next: Cursor | None
    total: int
    exact: bool = True
    previous: Cursor | None = None


class Browser:
    """Pages of corpora through one connection, which only one thread uses at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._own: tuple[int, int] | None = None
        self._counted: tuple[tuple[int, int, str], int, bool] | None = None

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
        at = after or _BEGINNING
        expression = match_expression(search)
        if not expression:
            return _page(self._part(_NEWEST, at, corpus, limit=limit), at, limit, papers)
        named = self._all(_ONE, corpus, find_key(self._connection, plain_id(search)))
        if named:
            return _page(named if at in (_BEGINNING, END) else [], _BEGINNING, limit, 1)
        own = self._is_small(papers)
        if own:
            self._index(corpus, changes)
        about = (corpus, changes, expression)
        if after is None or self._counted is None or self._counted[0] != about:
            keys, exact = self._hits(corpus, expression, own=own)
            self._counted = (about, len(keys), exact)
            if after is None and (exact or len(keys) >= limit):
                wanted = msgspec.json.encode(keys[:limit]).decode()
                return _page(self._all(_THESE, wanted), at, limit, len(keys), exact=exact)
        _, total, exact = self._counted
        if own:
            rows = self._part(_NEXT_IN_OWN, at, expression, limit=limit)
        else:
            rows = self._part(_NEXT_IN_ALL, at, corpus, expression, limit=limit)
        return _page(rows, at, limit, max(total, len(rows)), exact=exact)

    def _part(self, query: str, at: Cursor, *values: object, limit: int) -> list[tuple[Any, ...]]:
        """The rows of a query that goes from the newest to the oldest, after or before `at`."""
        if not at.back:
            return self._all(query, *values, at.key, limit)
        upwards = query.replace(" < ?", " > ?").replace(" DESC ", " ASC ")
        return self._all(upwards, *values, at.key, limit)[::-1]

    def _hits(self, corpus: int, expression: str, *, own: bool) -> tuple[list[int], bool]:
        """The keys of the newest papers that match, and whether these are all."""
        if own:
            found = self._all(_FIRST_IN_OWN, expression, LOOKED_AT)
        else:
            found = self._all(_FIRST_IN_ALL, corpus, expression, LOOKED_AT)
        return [key for key, member in found if member], len(found) < LOOKED_AT

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


def _page(
    rows: list[tuple[Any, ...]], at: Cursor, limit: int, total: int, *, exact: bool = True
) -> Page:
    shown = [Row(key, id_, submission_year(id_), title) for key, id_, title in rows]
    if not shown:
        return Page([], None, total, exact)
    full = len(shown) == limit
    following = at != END if at.back else full
    leading = full if at.back else at != _BEGINNING
    return Page(
        shown,
        Cursor(shown[-1].key) if following else None,
        total,
        exact,
        Cursor(shown[0].key, back=True) if leading else None,
    )
