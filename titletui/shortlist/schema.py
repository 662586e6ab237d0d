"""The tables of library.db, one migration for each version of the schema.

Columns named `key` contain `text.fold` of a text: titles with the same key are the same title.
"""

import sqlite3

from titletui.shortlist import rows


def _version_1(connection: sqlite3.Connection) -> None:
    for statement in (
        """CREATE TABLE batches (
            id INTEGER PRIMARY KEY,
            created TEXT NOT NULL,
            settings TEXT NOT NULL
        )""",
        """CREATE TABLE candidates (
            id INTEGER PRIMARY KEY,
            batch INTEGER NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            key TEXT NOT NULL,
            text TEXT NOT NULL,
            perplexity REAL,
            tokens INTEGER NOT NULL,
            seed INTEGER,
            whole INTEGER NOT NULL,
            novelty TEXT
        )""",
        "CREATE INDEX candidates_batch ON candidates (batch, position)",
        "CREATE INDEX candidates_key ON candidates (key)",
        """CREATE TABLE favourites (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            original_key TEXT NOT NULL UNIQUE,
            key TEXT NOT NULL,
            text TEXT NOT NULL,
            original TEXT NOT NULL,
            note TEXT NOT NULL,
            tags TEXT NOT NULL,
            position INTEGER NOT NULL,
            starred TEXT NOT NULL,
            settings TEXT NOT NULL,
            seed INTEGER,
            perplexity REAL,
            tokens INTEGER NOT NULL,
            novelty TEXT
        )""",
        "CREATE INDEX favourites_key ON favourites (key)",
        """CREATE TABLE actions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at TEXT NOT NULL,
            what TEXT NOT NULL,
            changes TEXT NOT NULL,
            undone INTEGER NOT NULL DEFAULT 0
        )""",
    ):
        connection.execute(statement)


def _version_2(connection: sqlite3.Connection) -> None:
    """A checksum for each favourite."""
    connection.execute("ALTER TABLE favourites ADD COLUMN checksum INTEGER")
    query = f"SELECT {rows.FAVOURITE} FROM favourites"  # noqa: S608
    connection.text_factory = rows.decode_text
    for row in connection.execute(query).fetchall():
        connection.execute(
            "UPDATE favourites SET checksum = ? WHERE id = ?", (rows.checksum(row), row[0])
        )


MIGRATIONS = (_version_1, _version_2)
