"""A damaged corpus.db: detected, marked as suspect, quarantined under another name."""

import contextlib
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from titletui.database import DatabaseDamagedError, find_corruption

_ADVICE = "; start titletui again to set it aside."
_FIRST_ROWS = tuple(
    f"SELECT * FROM {table} LIMIT 1"  # noqa: S608
    for table in ("papers", "abstracts", "members", "corpora", "marks", "titles_data")
)


def check_database(connection: sqlite3.Connection, path: Path) -> None:
    """Read a row of each table, and every page if the file is marked as suspect.

    Raises:
        sqlite3.DatabaseError, DatabaseDamagedError: the file is damaged.
    """
    for query in _FIRST_ROWS:
        connection.execute(query).fetchone()
    if _suspect_mark(path).exists():
        if wrong := find_corruption(connection):
            raise DatabaseDamagedError(f"{path} is damaged ({wrong}).")
        _suspect_mark(path).unlink(missing_ok=True)


def mark_suspect(error: DatabaseDamagedError, path: Path) -> DatabaseDamagedError:
    """Let the next `check_database` read every page; return `error` with advice."""
    with contextlib.suppress(OSError):
        _suspect_mark(path).touch(mode=0o600)
    return DatabaseDamagedError(str(error).removesuffix(_ADVICE).rstrip(".") + _ADVICE)


def quarantine_database(path: Path, error: DatabaseDamagedError) -> str:
    """Rename a damaged file, and return a sentence that says so."""
    quarantined = path.with_name(f"{path.stem}-damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}.db")
    path.replace(quarantined)
    path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
    _suspect_mark(path).unlink(missing_ok=True)
    return (
        f"{str(error).removesuffix(_ADVICE).rstrip('.')}; it was moved to {quarantined.name}, "
        "scrape or import the corpora again."
    )


def is_writable(path: Path) -> bool:
    """Whether the file and its folder, where SQLite keeps its journal, can be written."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def _suspect_mark(path: Path) -> Path:
    return path.with_name(f"{path.name}-suspicious")
