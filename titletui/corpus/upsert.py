"""Inserting and updating papers, and deleting those of a corpus."""

import sqlite3
from typing import NamedTuple, Self

import msgspec

from titletui.corpus.normalize import NormalizedPapers, PaperRow, merge
from titletui.corpus.paper import arxiv_key
from titletui.tex import tex_to_unicode

_DELETE_CORPUS = (
    "DELETE FROM import_changes WHERE import IN (SELECT number FROM imports WHERE corpus = ?)",
    "DELETE FROM imports WHERE corpus = ?",
    "DELETE FROM marks WHERE corpus = ?",
    "DELETE FROM aside WHERE corpus = ?",
    "DELETE FROM insights WHERE corpus = ?",
    "DELETE FROM corpora WHERE number = ?",
)
_UNINDEX = "INSERT INTO titles (titles, rowid, title) VALUES ('delete', ?, ?)"
_INDEX = "INSERT INTO titles (rowid, title) VALUES (?, ?)"
_KNOWN_KEYS = """
    SELECT p.id, p.key FROM json_each(?) j JOIN papers p ON p.id = j.value AND p.key < 0"""
_EXISTING = """
    SELECT m.key IS NOT NULL, p.key, p.id, p.title, p.categories, p.authors, p.created,
    p.updated, p.datestamp, p.deleted, coalesce(a.text, '') FROM json_each(?) j
    JOIN papers p ON p.key = j.value LEFT JOIN abstracts a ON a.key = p.key
    LEFT JOIN members m ON m.corpus = ? AND m.key = p.key"""
_IN_NO_CORPUS = """
    SELECT p.key, p.title FROM json_each(?) j JOIN papers p ON p.key = j.value
    WHERE NOT EXISTS (SELECT 1 FROM corpora c CROSS JOIN members m
    ON m.corpus = c.number AND m.key = p.key) ORDER BY p.key"""
_UPDATE = """
    UPDATE papers SET id = ?, title = ?, categories = ?, authors = ?, created = ?, updated = ?,
    datestamp = ?, deleted = ? WHERE key = ?"""


class Added(msgspec.Struct, frozen=True):
    """What became of papers that were added to a corpus.

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


class Change(NamedTuple):
    """A paper before and after it was changed."""

    before: PaperRow
    after: PaperRow


class PaperWriter:
    """Writes papers through a connection, inside a transaction of the caller.

    Attributes:
        joined: keys of the papers that became members of the corpus.
        changed: the papers that were changed, members or not.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.joined: list[int] = []
        self.changed: list[Change] = []
        self._connection = connection

    def upsert(self, corpus: int, papers: NormalizedPapers) -> Added:
        """Insert or update papers and make them members of a corpus."""
        rows = self._keyed(papers)
        existing = self._existing(corpus, [row.key for row in rows])
        self._insert([row for row in rows if row.key not in existing] if existing else rows)
        joined, updated, members = self.joined, 0, 0
        for row in rows:
            found = existing.get(row.key)
            if found is None:
                joined.append(row.key)
                continue
            old, is_member = found
            new = merge(old, row)
            if new != old:
                self.replace(old, new)
                self.changed.append(Change(old, new))
            if is_member:
                members += 1
                updated += new != old
            else:
                joined.append(row.key)
        self._connection.executemany(
            "INSERT INTO members VALUES (?, ?)", [(corpus, key) for key in joined]
        )
        return Added(len(joined), updated, papers.skipped + members - updated)

    def delete_some(self, corpus: int, count: int) -> bool:
        """Delete up to `count` members of a corpus, then the corpus; False when all are gone."""
        keys = [
            key
            for (key,) in self._connection.execute(
                "SELECT key FROM members WHERE corpus = ? LIMIT ?", (corpus, count)
            )
        ]
        if not keys:
            for statement in _DELETE_CORPUS:
                self._connection.execute(statement, (corpus,))
            return False
        self.leave(corpus, keys)
        return True

    def leave(self, corpus: int, keys: list[int]) -> int:
        """Take papers out of a corpus; return how many were in it.

        Papers that are in no other corpus are deleted.
        """
        many = self._connection.executemany
        gone = many(
            "DELETE FROM members WHERE corpus = ? AND key = ?", [(corpus, key) for key in keys]
        ).rowcount
        orphans = self._connection.execute(_IN_NO_CORPUS, (_json(keys),)).fetchall()
        many(_UNINDEX, [(key, tex_to_unicode(title)) for key, title in orphans])
        orphan_keys = [(key,) for key, _ in orphans]
        many("DELETE FROM papers WHERE key = ?", orphan_keys)
        many("DELETE FROM abstracts WHERE key = ?", orphan_keys)
        return max(gone, 0)

    def _keyed(self, papers: NormalizedPapers) -> list[PaperRow]:
        """All rows by key; those with another id than arXiv's get keys below 0, falling."""
        if not papers.unkeyed:
            return papers.rows
        ids = [row.id for row in papers.unkeyed]
        known = dict(self._connection.execute(_KNOWN_KEYS, (_json(ids),)).fetchall())
        (least,) = self._connection.execute("SELECT min(key) FROM papers").fetchone()
        following = min(least or 0, 0) - 1
        rows: list[PaperRow] = []
        for row in papers.unkeyed:
            key = known.get(row.id)
            if key is None:
                key, following = following, following - 1
            rows.append(row._replace(key=key))
        return sorted(rows) + papers.rows

    def _existing(self, corpus: int, keys: list[int]) -> dict[int, tuple[PaperRow, bool]]:
        """The papers of `keys` that are stored, and whether each is in the corpus."""
        if not keys:
            return {}
        (greatest,) = self._connection.execute("SELECT max(key) FROM papers").fetchone()
        if greatest is None or keys[0] > greatest:
            return {}
        found = self._connection.execute(_EXISTING, (_json(keys), corpus))
        return {row[1]: (PaperRow(*row[1:]), bool(row[0])) for row in found}

    def _insert(self, rows: list[PaperRow]) -> None:
        many = self._connection.executemany
        many("INSERT INTO papers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [row[:9] for row in rows])
        abstracts = [(row.key, row.abstract) for row in rows if row.abstract]
        many("INSERT INTO abstracts VALUES (?, ?)", abstracts)
        many(_INDEX, [(row.key, tex_to_unicode(row.title)) for row in rows])

    def replace(self, old: PaperRow, new: PaperRow) -> None:
        """Write `new` over the stored paper `old` of the same key."""
        execute = self._connection.execute
        if new.title != old.title:
            execute(_UNINDEX, (old.key, tex_to_unicode(old.title)))
            execute(_INDEX, (new.key, tex_to_unicode(new.title)))
        execute(_UPDATE, (*new[1:9], new.key))
        if new.abstract != old.abstract:
            execute("INSERT OR REPLACE INTO abstracts VALUES (?, ?)", (new.key, new.abstract))


def find_key(connection: sqlite3.Connection, plain: str) -> int | None:
    """The key of a plain id; for one that is not arXiv's, None if no paper has it."""
    key = arxiv_key(plain)
    if key is not None:
        return key
    row: tuple[int] | None = connection.execute(
        "SELECT key FROM papers WHERE id = ? AND key < 0", (plain,)
    ).fetchone()
    return None if row is None else row[0]


def _json(values: list[int] | list[str]) -> str:
    return msgspec.json.encode(values).decode()
