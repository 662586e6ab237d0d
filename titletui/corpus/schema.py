"""The tables of corpus.db, version by version."""

import sqlite3
from collections.abc import Sequence

from titletui.database import Migration
from titletui.tex import tex_to_unicode


def _first(connection: sqlite3.Connection) -> None:
    """Papers, corpora and their members.

    Papers with an arXiv id have the key `arxiv_key(id)`, so that a greater key is a later
    submission; all others have negative keys. Abstracts have a table of their own, so that lists
    of titles are dense on disk. `marks` holds the states of jobs, `aside` the quarantine of
    harvests, `insights` computed statistics.
    """
    for statement in (
        """CREATE TABLE papers (
            key INTEGER PRIMARY KEY, id TEXT NOT NULL, title TEXT NOT NULL,
            categories TEXT NOT NULL, authors TEXT NOT NULL, created TEXT NOT NULL,
            updated TEXT NOT NULL, datestamp TEXT NOT NULL, deleted INTEGER NOT NULL)""",
        "CREATE UNIQUE INDEX other_ids ON papers (id) WHERE key < 0",
        "CREATE TABLE abstracts (key INTEGER PRIMARY KEY, text TEXT NOT NULL)",
        """CREATE VIRTUAL TABLE titles USING fts5 (
            title, content='papers', content_rowid='key', columnsize=0, prefix='2 3 4',
            tokenize='unicode61 remove_diacritics 2')""",
        """CREATE TABLE corpora (
            number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, category TEXT NOT NULL,
            source TEXT NOT NULL, papers INTEGER NOT NULL DEFAULT 0,
            updated TEXT NOT NULL DEFAULT '', changes INTEGER NOT NULL DEFAULT 0,
            hidden INTEGER NOT NULL DEFAULT 0)""",
        """CREATE TABLE members (
            corpus INTEGER NOT NULL, key INTEGER NOT NULL,
            PRIMARY KEY (corpus, key)) WITHOUT ROWID""",
        """CREATE TABLE marks (
            corpus INTEGER NOT NULL, kind TEXT NOT NULL, state BLOB NOT NULL,
            PRIMARY KEY (corpus, kind)) WITHOUT ROWID""",
        """CREATE TABLE aside (
            corpus INTEGER NOT NULL, id TEXT NOT NULL, datestamp TEXT NOT NULL,
            reason TEXT NOT NULL, raw BLOB NOT NULL, PRIMARY KEY (corpus, id)) WITHOUT ROWID""",
        """CREATE TABLE insights (
            corpus INTEGER PRIMARY KEY, changes INTEGER NOT NULL, insight BLOB NOT NULL)""",
    ):
        connection.execute(statement)


def _second(connection: sqlite3.Connection) -> None:
    """Records of imports, so that they can be undone; titles indexed with TeX accents as letters.

    `joined` holds keys as 64-bit integers, `changed` JSON: rows before, and hashes of rows after.
    """
    for statement in (
        """CREATE TABLE imports (
            number INTEGER PRIMARY KEY, corpus INTEGER NOT NULL, source TEXT NOT NULL,
            time TEXT NOT NULL, added INTEGER NOT NULL DEFAULT 0,
            changed INTEGER NOT NULL DEFAULT 0)""",
        """CREATE TABLE import_changes (
            number INTEGER PRIMARY KEY, import INTEGER NOT NULL, joined BLOB NOT NULL,
            changed BLOB NOT NULL)""",
        "CREATE INDEX changes_by_import ON import_changes (import)",
    ):
        connection.execute(statement)
    accented = connection.execute("SELECT key, title FROM papers WHERE instr(title, char(92))")
    for key, title in accented.fetchall():
        letters = tex_to_unicode(title)
        if letters != title:
            connection.execute(
                "INSERT INTO titles (titles, rowid, title) VALUES ('delete', ?, ?)", (key, title)
            )
            connection.execute("INSERT INTO titles (rowid, title) VALUES (?, ?)", (key, letters))


MIGRATIONS: Sequence[Migration] = (_first, _second)
