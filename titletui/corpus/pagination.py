"""Pages of a corpus, filtered by a search."""

import sqlite3
from typing import Any

import msgspec

from titletui.corpus.fts_query import match_expression
from titletui.corpus.paper import paper_year, plain_id
from titletui.corpus.upsert import find_key

MOST_COUNTED = 10_000
"""Matching titles counted at most."""

_SMALL_CORPUS = 20_000
_SMALL_SHARE = 8

_NEWEST = """
    SELECT p.key, p.id, p.title, p.created FROM members m JOIN papers p ON p.key = m.key
    WHERE m.corpus = ? AND m.key < ? ORDER BY m.key DESC LIMIT ?"""
_ONE = """
    SELECT p.key, p.id, p.title, p.created FROM members m JOIN papers p ON p.key = m.key
    WHERE m.corpus = ? AND m.key = ?"""
_BY_KEYS = """
    SELECT p.key, p.id, p.title, p.created FROM json_each(?) j JOIN papers p ON p.key = j.value
    ORDER BY p.key DESC"""
_MATCHES = """
    SELECT p.key, p.id, p.title, p.created FROM titles f
    CROSS JOIN members m ON m.corpus = ? AND m.key = f.rowid
    CROSS JOIN papers p ON p.key = f.rowid
    WHERE titles MATCH ? AND f.rowid < ? ORDER BY f.rowid DESC LIMIT ?"""
_MATCHING_KEYS = """
    SELECT f.rowid, m.key IS NOT NULL FROM titles f
    LEFT JOIN members m ON m.corpus = ? AND m.key = f.rowid
    WHERE titles MATCH ? ORDER BY f.rowid DESC LIMIT ?"""
_OWN_MATCHES = """
    SELECT p.key, p.id, p.title, p.created FROM own_titles f CROSS JOIN papers p ON p.key = f.rowid
    WHERE own_titles MATCH ? AND f.rowid < ? ORDER BY f.rowid DESC LIMIT ?"""
_OWN_MATCHING_KEYS = """
    SELECT rowid, 1 FROM own_titles WHERE own_titles MATCH ? ORDER BY rowid DESC LIMIT ?"""


class Cursor(msgspec.Struct, frozen=True):
    """Where a page begins: after the paper of that key; backwards, it ends before that paper."""

    key: int
    backwards: bool = False


END = Cursor(0, backwards=True)
"""The cursor of the last page."""

_BEGINNING = Cursor(1 << 62)


class ListedPaper(msgspec.Struct, frozen=True):
    """A paper in a list."""

    key: int
    id: str
    year: int | None
    title: str


class Page(msgspec.Struct, frozen=True):
    """One page of a list of papers, the newest first.

    Attributes:
        next: cursor of the page after it; None at the end.
        previous: cursor of the page before it; None at the beginning.
        total: papers in the whole list; at least so many unless `exact`.
    """

    rows: list[ListedPaper]
    next: Cursor | None
    total: int
    exact: bool = True
    previous: Cursor | None = None


class Paginator:
    """Pages of corpora through one connection, for one thread at a time.

    A small corpus in a large store is searched in an index of its own, in memory, because most
    matches in the index of all titles would not be in it.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._indexed: tuple[int, int] | None = None
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
        """One page of the papers of a corpus that match `search`.

        Args:
            papers: how many the corpus has.
            changes: differs whenever its papers do.
        """
        at = after or _BEGINNING
        expression = match_expression(search)
        if not expression:
            return _page(self._rows(_NEWEST, at, corpus, limit=limit), at, limit, papers)
        by_id = self._query(_ONE, corpus, find_key(self._connection, plain_id(search)))
        if by_id:
            return _page(by_id if at in (_BEGINNING, END) else [], _BEGINNING, limit, 1)
        own = self._prefers_own_index(papers)
        if own:
            self._index(corpus, changes)
        search_key = (corpus, changes, expression)
        if after is None or self._counted is None or self._counted[0] != search_key:
            keys, exact = self._matching_keys(corpus, expression, own=own)
            self._counted = (search_key, len(keys), exact)
            if after is None and (exact or len(keys) >= limit):
                wanted = msgspec.json.encode(keys[:limit]).decode()
                return _page(self._query(_BY_KEYS, wanted), at, limit, len(keys), exact=exact)
        _, total, exact = self._counted
        if own:
            rows = self._rows(_OWN_MATCHES, at, expression, limit=limit)
        else:
            rows = self._rows(_MATCHES, at, corpus, expression, limit=limit)
        return _page(rows, at, limit, max(total, len(rows)), exact=exact)

    def _rows(self, query: str, at: Cursor, *values: object, limit: int) -> list[tuple[Any, ...]]:
        """The rows of a newest-first query, after or before `at`."""
        if not at.backwards:
            return self._query(query, *values, at.key, limit)
        reversed_query = query.replace(" < ?", " > ?").replace(" DESC ", " ASC ")
        return self._query(reversed_query, *values, at.key, limit)[::-1]

    def _matching_keys(self, corpus: int, expression: str, *, own: bool) -> tuple[list[int], bool]:
        """The keys of the newest matches in the corpus, and whether these are all."""
        if own:
            found = self._query(_OWN_MATCHING_KEYS, expression, MOST_COUNTED)
        else:
            found = self._query(_MATCHING_KEYS, corpus, expression, MOST_COUNTED)
        return [key for key, member in found if member], len(found) < MOST_COUNTED

    def _prefers_own_index(self, papers: int) -> bool:
        """Whether matches in the corpus would be rare among the matches in all titles."""
        (total,) = self._query("SELECT coalesce(sum(papers), 0) FROM corpora")[0]
        return papers <= _SMALL_CORPUS and papers * _SMALL_SHARE < total

    def _index(self, corpus: int, changes: int) -> None:
        """Index the titles of one corpus in memory, unless that is done already."""
        if self._indexed == (corpus, changes):
            return
        self._connection.execute("DROP TABLE IF EXISTS temp.own_titles")
        self._connection.execute(
            "CREATE VIRTUAL TABLE temp.own_titles USING fts5 (title, content='', columnsize=0, "
            "tokenize='unicode61 remove_diacritics 2')"
        )
        self._connection.execute(
            "INSERT INTO temp.own_titles (rowid, title) "
            "SELECT p.key, tex_to_unicode(p.title) FROM members m "
            "JOIN papers p ON p.key = m.key WHERE m.corpus = ? ORDER BY m.key",
            (corpus,),
        )
        self._indexed = (corpus, changes)

    def _query(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, values).fetchall()


def _page(
    rows: list[tuple[Any, ...]], at: Cursor, limit: int, total: int, *, exact: bool = True
) -> Page:
    shown = [
        ListedPaper(key, id_, paper_year(id_, created), title) for key, id_, title, created in rows
    ]
    if not shown:
        return Page([], None, total, exact)
    full = len(shown) == limit
    following = at != END if at.backwards else full
    leading = full if at.backwards else at != _BEGINNING
    return Page(
        shown,
        Cursor(shown[-1].key) if following else None,
        total,
        exact,
        Cursor(shown[0].key, backwards=True) if leading else None,
    )
