"""Putting papers beside those that are there."""

import sqlite3
from typing import Self

import msgspec

from titletui.corpus.normalize import Prepared, Row, Stored, merged
from titletui.corpus.paper import arxiv_key

_FORGET = (
    "DELETE FROM marks WHERE corpus = ?",
    "DELETE FROM aside WHERE corpus = ?",
    "DELETE FROM insights WHERE corpus = ?",
    "DELETE FROM corpora WHERE number = ?",
)


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


class PaperWriter:
    """Writes papers through a connection, inside a transaction of the caller."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def put(self, corpus: int, prepared: Prepared) -> Added:
        """Stores papers as members of a corpus."""
        rows = self._keyed(prepared)
        stored = self._stored(corpus, [row[0] for row in rows])
        if not stored:
            self._insert(rows)
            joining = [(corpus, row[0]) for row in rows]
            updated = members = 0
        else:
            fresh = [row for row in rows if row[0] not in stored]
            self._insert(fresh)
            there = {row[0]: row[1:] for row in rows if row[0] in stored}
            joining, updated, members = self._merge(corpus, there, stored)
            joining = sorted(joining + [(corpus, row[0]) for row in fresh])
        self._connection.executemany("INSERT INTO members VALUES (?, ?)", joining)
        return Added(len(joining), updated, prepared.skipped + members - updated)

    def _merge(
        self, corpus: int, rows: dict[int, Stored], stored: dict[int, tuple[Stored, bool]]
    ) -> tuple[list[tuple[int, int]], int, int]:
        """Brings papers that are there up to date.

        Returns new members, how many old members have changed, and how many old members there are.
        """
        joining: list[tuple[int, int]] = []
        updated = members = 0
        for key, (old, member) in stored.items():
            new = merged(old, rows[key])
            if new != old:
                self._replace(key, old, new)
            if member:
                members += 1
                updated += new != old
            else:
                joining.append((corpus, key))
        return joining, updated, members

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
                "WHERE NOT EXISTS (SELECT 1 FROM corpora c CROSS JOIN members m "
                "ON m.corpus = c.number AND m.key = p.key) ORDER BY p.key",
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

    def _keyed(self, prepared: Prepared) -> list[Row]:
        """All rows with their keys, in order; those whose ids are not arXiv's get keys below 0."""
        if not prepared.others:
            return prepared.rows
        known = dict(
            self._connection.execute(
                "SELECT p.id, p.key FROM json_each(?) j "
                "JOIN papers p ON p.id = j.value AND p.key < 0",
                (msgspec.json.encode([row[0] for row in prepared.others]).decode(),),
            ).fetchall()
        )
        (least,) = self._connection.execute("SELECT min(key) FROM papers").fetchone()
        following = min(least or 0, 0) - 1
        rows: list[Row] = []
        for row in prepared.others:
            key = known.get(row[0])
            if key is None:
                key, following = following, following - 1
            rows.append((key, *row))
        return sorted(rows) + prepared.rows

    def _stored(self, corpus: int, keys: list[int]) -> dict[int, tuple[Stored, bool]]:
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

    def _insert(self, rows: list[Row]) -> None:
        many = self._connection.executemany
        many("INSERT INTO papers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [row[:9] for row in rows])
        abstracts = [(row[0], row[9]) for row in rows if row[9]]
        many("INSERT INTO abstracts VALUES (?, ?)", abstracts)
        many("INSERT INTO titles (rowid, title) VALUES (?, ?)", [(r[0], r[2]) for r in rows])

    def _replace(self, key: int, old: Stored, new: Stored) -> None:
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
