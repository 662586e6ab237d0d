"""Putting papers beside those that are there."""

import sqlite3
from collections.abc import Sequence
from typing import Self

import msgspec

from titletui.corpus.paper import Paper, arxiv_key, plain_id, title_id
from titletui.text import clean

TITLE_LENGTH = 2_000
_FORGET = (
    "DELETE FROM marks WHERE corpus = ?",
    "DELETE FROM aside WHERE corpus = ?",
    "DELETE FROM insights WHERE corpus = ?",
    "DELETE FROM corpora WHERE number = ?",
)

_Stored = tuple[str, str, str, str, str, str, str, int, str]
_Row = tuple[int, str, str, str, str, str, str, str, int, str]


class Added(msgspec.Struct, frozen=True):
    """What became of the papers that were put into a corpus.

    Attributes:
        new: were not in the corpus.
        updated: were, and have changed.
        skipped: were there as they are, or cannot be kept (no title, one of over 2,000
            characters, or a second time in the same batch).
    """

    new: int = 0
    updated: int = 0
    skipped: int = 0

    def __add__(self, other: Self) -> "Added":
        return Added(
            self.new + other.new, self.updated + other.updated, self.skipped + other.skipped
        )


class Keeper:
    """Writes papers through a connection, inside a transaction of the caller."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def put(self, corpus: int, papers: Sequence[Paper]) -> Added:
        """Stores papers as members of a corpus."""
        rows, skipped = self._rows(papers)
        keys = sorted(rows)
        stored = self._stored(corpus, keys)
        fresh = [(key, *rows[key]) for key in keys if key not in stored]
        self._insert(fresh)
        updated = members = 0
        joining = [(corpus, row[0]) for row in fresh]
        for key, (old, member) in stored.items():
            merged = _merged(old, rows[key])
            changed = merged != old
            if changed:
                self._replace(key, old, merged)
            if member:
                members += 1
                updated += changed
            else:
                joining.append((corpus, key))
        joining.sort()
        self._connection.executemany("INSERT INTO members VALUES (?, ?)", joining)
        return Added(len(joining), updated, skipped + members - updated)

    def drop_some(self, corpus: int, count: int) -> bool:
        """Removes up to `count` members of a corpus, then the corpus; False when all is gone."""
        keys = [
            key
            for (key,) in self._connection.execute(
                "SELECT key FROM members WHERE corpus = ? LIMIT ?", (corpus, count)
            )
        ]
        if not keys:
            for forget in _FORGET:
                self._connection.execute(forget, (corpus,))
            return False
        self._connection.executemany(
            "DELETE FROM members WHERE corpus = ? AND key = ?", [(corpus, key) for key in keys]
        )
        lonely = [
            (key, title)
            for key, title in self._connection.execute(
                "SELECT p.key, p.title FROM json_each(?) j JOIN papers p ON p.key = j.value "
                "WHERE NOT EXISTS (SELECT 1 FROM corpora c "
                "JOIN members m ON m.corpus = c.number AND m.key = p.key)",
                (msgspec.json.encode(keys).decode(),),
            )
        ]
        self._connection.executemany(
            "INSERT INTO titles (titles, rowid, title) VALUES ('delete', ?, ?)", lonely
        )
        gone = [(key,) for key, _ in lonely]
        self._connection.executemany("DELETE FROM papers WHERE key = ?", gone)
        self._connection.executemany("DELETE FROM abstracts WHERE key = ?", gone)
        return True

    def _rows(self, papers: Sequence[Paper]) -> tuple[dict[int, _Stored], int]:
        rows: dict[int, _Stored] = {}
        others: dict[str, _Stored] = {}
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
            if key is not None:
                old = rows.get(key)
                rows[key] = row if old is None else _merged(old, row)
            else:
                old = others.get(id_)
                others[id_] = row if old is None else _merged(old, row)
            skipped += old is not None
        for key, id_ in self._other_keys(list(others)):
            rows[key] = others[id_]
        return rows, skipped

    def _other_keys(self, ids: list[str]) -> list[tuple[int, str]]:
        if not ids:
            return []
        known = dict(
            self._connection.execute(
                "SELECT p.id, p.key FROM json_each(?) j "
                "JOIN papers p ON p.id = j.value AND p.key < 0",
                (msgspec.json.encode(ids).decode(),),
            ).fetchall()
        )
        (least,) = self._connection.execute("SELECT min(key) FROM papers").fetchone()
        following = min(least or 0, 0) - 1
        keys: list[tuple[int, str]] = []
        for id_ in ids:
            key = known.get(id_)
            if key is None:
                key, following = following, following - 1
            keys.append((key, id_))
        return keys

    def _stored(self, corpus: int, keys: list[int]) -> dict[int, tuple[_Stored, bool]]:
        if not keys:
            return {}
        (greatest,) = self._connection.execute("SELECT max(key) FROM papers").fetchone()
        if greatest is None or keys[0] > greatest:
            return {}
        found = self._connection.execute(
            "SELECT p.key, m.key, p.id, p.title, p.categories, p.authors, p.created, p.updated, "
            "p.datestamp, p.deleted, coalesce(a.text, '') FROM json_each(?) j "
            "JOIN papers p ON p.key = j.value LEFT JOIN abstracts a ON a.key = p.key "
            "LEFT JOIN members m ON m.corpus = ? AND m.key = p.key",
            (msgspec.json.encode(keys).decode(), corpus),
        )
        return {row[0]: (row[2:], row[1] is not None) for row in found}

    def _insert(self, rows: list[_Row]) -> None:
        self._connection.executemany(
            "INSERT INTO papers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [row[:9] for row in rows]
        )
        self._connection.executemany(
            "INSERT INTO abstracts VALUES (?, ?)", [(row[0], row[9]) for row in rows if row[9]]
        )
        self._connection.executemany(
            "INSERT INTO titles (rowid, title) VALUES (?, ?)", [(row[0], row[2]) for row in rows]
        )

    def _replace(self, key: int, old: _Stored, new: _Stored) -> None:
        execute = self._connection.execute
        if new[1] != old[1]:
            execute(
                "INSERT INTO titles (titles, rowid, title) VALUES ('delete', ?, ?)", (key, old[1])
            )
            execute("INSERT INTO titles (rowid, title) VALUES (?, ?)", (key, new[1]))
        execute(
            "UPDATE papers SET id = ?, title = ?, categories = ?, authors = ?, created = ?, "
            "updated = ?, datestamp = ?, deleted = ? WHERE key = ?",
            (*new[:8], key),
        )
        if new[8] != old[8]:
            execute("INSERT OR REPLACE INTO abstracts VALUES (?, ?)", (key, new[8]))


def find_key(connection: sqlite3.Connection, plain: str) -> int | None:
    """The key of the paper with that plain id; of one that is not arXiv's, if it is there."""
    key = arxiv_key(plain)
    if key is not None:
        return key
    row: tuple[int] | None = connection.execute(
        "SELECT key FROM papers WHERE id = ? AND key < 0", (plain,)
    ).fetchone()
    return None if row is None else row[0]


def _merged(old: _Stored, new: _Stored) -> _Stored:
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
