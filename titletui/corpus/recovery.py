"""A corpus.db that is damaged: found out, remembered, moved aside."""

import contextlib
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from titletui.database import DatabaseDamagedError, find_corruption

_ADVICE = "; start titletui again to set it aside."
_GLANCES = tuple(
    f"SELECT * FROM {table} LIMIT 1"  # noqa: S608
    for table in ("papers", "abstracts", "members", "corpora", "marks", "titles_data")
)


def look_for_damage(connection: sqlite3.Connection, path: Path) -> None:
    """Looks at each table, and at every page where damage was met before.

    Raises:
        sqlite3.DatabaseError, DatabaseDamagedError: there is some.
    """
    for glance in _GLANCES:
        connection.execute(glance).fetchone()
    if _suspicion(path).exists():
        if wrong := find_corruption(connection):
            raise DatabaseDamagedError(f"{path} is damaged ({wrong}).")
        _suspicion(path).unlink(missing_ok=True)


def remembered(error: DatabaseDamagedError, path: Path) -> DatabaseDamagedError:
    """`error` with advice; the next `look_for_damage` looks closely."""
    with contextlib.suppress(OSError):
        _suspicion(path).touch(mode=0o600)
    return DatabaseDamagedError(str(error).removesuffix(_ADVICE).rstrip(".") + _ADVICE)


def move_aside(path: Path, error: DatabaseDamagedError) -> str:
    """Gives a damaged file another name; returns a sentence about it."""
    aside = path.with_name(f"{path.stem}-damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}.db")
    path.replace(aside)
    path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
    _suspicion(path).unlink(missing_ok=True)
    return (
        f"{str(error).removesuffix(_ADVICE).rstrip('.')}; it was moved to {aside.name}, scrape or "
        "import the corpora again."
    )


def is_writable(path: Path) -> bool:
    """Whether the file and its folder, where SQLite keeps its journal, can be written."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def _suspicion(path: Path) -> Path:
    return path.with_name(f"{path.name}-suspicious")
