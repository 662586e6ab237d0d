"""The tables of library.db, one migration a released version.

`key` columns hold `text.fold` of a text: what makes two titles the same one.
"""

import sqlite3


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


MIGRATIONS = (_version_1,)
