"""A damaged library.db: moved aside, its newest good backup put in its place, the rest saved."""

import contextlib
import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from titletui.atomic_write import sync_directory
from titletui.database import (
    DatabaseDamagedError,
    find_corruption,
    open_database,
    transaction,
    translate_errors,
)
from titletui.shortlist import rows
from titletui.shortlist.backups import made_at, newest_good
from titletui.shortlist.records import Favourite
from titletui.shortlist.schema import MIGRATIONS

_SCANS = ("ORDER BY id", "ORDER BY id DESC")


def repair(path: Path, backups: Path, *, timeout: float) -> str:
    """Makes `path` a whole library again if it is not; returns what was done, empty for nothing.

    To be called before the library is opened. A file that is missing or empty counts as damaged
    where there is a backup. Favourites that can still be read in the damaged file, and are newer
    than the backup, are taken over.

    Raises:
        TitletuiError: the file is of a newer titletui, held by another process, or there is no
            room to restore it; it stays where it is.
    """
    if not _damage(path, timeout):
        return ""
    with _alone(path.with_name(f".{path.name}-repair")):
        damage = _damage(path, timeout)
        return _repair(path, backups, damage, timeout) if damage else ""


def _repair(path: Path, backups: Path, damage: str, timeout: float) -> str:
    backup = newest_good(backups)
    lost = not path.exists() or path.stat().st_size == 0
    if lost and backup is None:
        return ""
    restored = path.with_name(f".{path.name}-restored-{os.getpid()}")
    try:
        if backup is not None:
            shutil.copyfile(backup, restored)
        saved = 0
        with contextlib.closing(open_database(restored, MIGRATIONS, timeout=timeout)) as connection:
            if not lost:
                saved = _salvage(path, connection)
            (kept,) = connection.execute("SELECT count(*) FROM favourites").fetchone()
        restored.chmod(0o600)
        aside = None if lost else _move_aside(path)
        restored.replace(path)
        sync_directory(path.parent)
    finally:
        for left in (restored, restored.with_name(f"{restored.name}-journal")):
            left.unlink(missing_ok=True)
    return _told(path, damage, aside, backup, saved, kept)


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Lets one instance at a time mend a library."""
    with os.fdopen(os.open(lock, os.O_RDWR | os.O_CREAT, 0o600), "w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield


def _damage(path: Path, timeout: float) -> str:
    if not path.exists():
        return "it is missing"
    if path.stat().st_size == 0:
        return "it is empty"
    try:
        opened = open_database(path, MIGRATIONS, read_only=True, timeout=timeout)
        with contextlib.closing(opened) as connection, translate_errors(path):
            return find_corruption(connection)
    except DatabaseDamagedError as error:
        return str(error.__cause__)


def _salvage(damaged: Path, connection: sqlite3.Connection) -> int:
    """Takes over favourites that the backup lacks or has in an older form; returns how many."""
    there = {
        one.id: one
        for one in map(
            rows.favourite,
            connection.execute(f"SELECT {rows.FAVOURITE} FROM favourites"),  # noqa: S608
        )
    }
    newer = {number: one for number, one in _readable(damaged).items() if there.get(number) != one}
    with transaction(connection):
        for one in newer.values():
            rows.put_favourite(connection, one)
    return len(newer)


def _readable(damaged: Path) -> dict[int, Favourite]:
    """What can be read from both ends of the table, up to the page that is broken."""
    found: dict[int, Favourite] = {}
    with contextlib.closing(sqlite3.connect(f"{damaged.as_uri()}?mode=ro", uri=True)) as connection:
        for scan in _SCANS:
            with contextlib.suppress(sqlite3.DatabaseError):
                query = f"SELECT {rows.FAVOURITE} FROM favourites NOT INDEXED {scan}"  # noqa: S608
                for row in connection.execute(query):
                    with contextlib.suppress(msgspec.MsgspecError, TypeError, ValueError):
                        one = msgspec.convert(rows.favourite(row), Favourite)
                        found[one.id] = one
    return found


def _move_aside(path: Path) -> Path:
    aside = path.with_name(f"{path.stem}-damaged-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}.db")
    with contextlib.suppress(FileNotFoundError):
        path.with_name(f"{path.name}-journal").replace(aside.with_name(f"{aside.name}-journal"))
    path.replace(aside)
    return aside


def _told(
    path: Path, damage: str, aside: Path | None, backup: Path | None, saved: int, kept: int
) -> str:
    parts = [f"{path.name} was damaged ({damage})"]
    if aside is not None:
        parts.append(f"it was moved to {aside.name}")
    made = made_at(backup) if backup else None
    if made is None:
        parts.append("there was no backup")
    else:
        parts.append(f"the backup of {made:%Y-%m-%d %H:%M} UTC was put in its place")
    if saved:
        parts.append(f"{saved} newer {'title' if saved == 1 else 'titles'} could be saved from it")
    return f"{'; '.join(parts)}. The shortlist now has {kept} {'title' if kept == 1 else 'titles'}."
