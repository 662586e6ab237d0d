"""Repair library.db: restore the best backup, and save what can still be read of the damaged file.

Two kinds of damage are told apart. A file that SQLite finds corrupt is replaced by a backup, and
favourites that are newer are copied from what is readable. In an intact file, single favourites
whose checksum is wrong, or that cannot be decoded, are replaced by their copies in the backup.
"""

import contextlib
import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from titletui.atomic_write import sync_directory, write_atomically
from titletui.database import (
    DatabaseDamagedError,
    find_corruption,
    open_database,
    transaction,
    translate_errors,
)
from titletui.shortlist import rows
from titletui.shortlist.backups import best_backup, made_at
from titletui.shortlist.records import BatchSettings, Favourite
from titletui.shortlist.schema import MIGRATIONS

_MIN_SIZE = 512
"""Bytes of the smallest page: SQLite opens anything shorter as an empty database."""


def repair(path: Path, backups: Path, *, timeout: float) -> str:
    """Repair the library at `path` if it is damaged; return what was done, empty for nothing.

    Call it before the library is opened. A missing or empty file counts as damaged if there is a
    backup.

    Raises:
        TitletuiError: the file was written by a newer titletui, is held by another process, or
            there is no space to restore it; it is left where it is.
    """
    if not _damage(path, timeout) and not _damaged_rows(path, timeout):
        return ""
    with _exclusive(path.with_name(f".{path.name}-repair")):
        damage = _damage(path, timeout)
        if damage:
            return _restore(path, backups, damage, timeout)
        return _repair_rows(path, backups, _damaged_rows(path, timeout), timeout)


def _restore(path: Path, backups: Path, damage: str, timeout: float) -> str:
    backup = best_backup(backups)
    lost = not path.exists() or path.stat().st_size < _MIN_SIZE
    if lost and backup is None and not (path.exists() and path.stat().st_size):
        return ""
    restored = path.with_name(f".{path.name}-restored-{os.getpid()}")
    try:
        if backup is not None:
            shutil.copyfile(backup, restored)
        saved, complete = 0, lost
        with contextlib.closing(open_database(restored, MIGRATIONS, timeout=timeout)) as connection:
            if not lost:
                saved, complete = _salvage(path, backup, connection)
            (kept,) = connection.execute("SELECT count(*) FROM favourites").fetchone()
        restored.chmod(0o600)
        aside = _move_aside(path)
        restored.replace(path)
        sync_directory(path.parent)
    finally:
        for left in (restored, restored.with_name(f"{restored.name}-journal")):
            left.unlink(missing_ok=True)
    parts = [f"{path.name} was damaged ({damage})"]
    if aside is not None:
        parts.append(f"it was moved to {aside.name}")
    made = made_at(backup) if backup else None
    if made is None:
        parts.append("there was no backup")
    else:
        parts.append(f"the backup of {made:%Y-%m-%d %H:%M} UTC was put in its place")
    if saved:
        parts.append(f"{_count(saved, 'newer title')} could be saved from it")
    if lost or not complete:
        parts.append("what was starred or edited after that may be missing")
    return f"{'; '.join(parts)}. The shortlist now has {_count(kept, 'title')}."


@contextlib.contextmanager
def _exclusive(lock: Path) -> Iterator[None]:
    """Let one process at a time repair a library."""
    with os.fdopen(os.open(lock, os.O_RDWR | os.O_CREAT, 0o600), "w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield


def _damage(path: Path, timeout: float) -> str:
    """Describe what is wrong with the file as a whole; empty for nothing."""
    if not path.exists():
        return "it is missing"
    size = path.stat().st_size
    if size < _MIN_SIZE:
        return f"it has only {size} bytes" if size else "it is empty"
    try:
        opened = open_database(path, MIGRATIONS, read_only=True, timeout=timeout)
        with contextlib.closing(opened) as connection, translate_errors(path):
            return find_corruption(connection)
    except DatabaseDamagedError as error:
        return str(error.__cause__)


def _salvage(
    damaged: Path, backup: Path | None, connection: sqlite3.Connection
) -> tuple[int, bool]:
    """Copy favourites that the backup lacks or has in an older form.

    Returns how many, and whether all favourites of the damaged file could be read.
    """
    found, complete = _readable(damaged)
    if not complete and backup is not None:
        patched = damaged.with_name(f".{damaged.name}-patched-{os.getpid()}")
        try:
            _copy_with_first_page(damaged, backup, patched)
            more, complete = _readable(patched)
            found = more | found
        finally:
            patched.unlink(missing_ok=True)
    known, _ = _read(connection)
    newer = {number: one for number, one in found.items() if known.get(number) != one}
    with transaction(connection):
        for one in newer.values():
            rows.put_favourite(connection, one)
    return len(newer), complete


def _copy_with_first_page(damaged: Path, backup: Path, target: Path) -> None:
    """Copy `damaged` with the first page of the backup, which has the header and the schema."""
    shutil.copyfile(damaged, target)
    with backup.open("rb") as source, target.open("r+b") as file:
        header = source.read(100)
        size = int.from_bytes(header[16:18], "big")
        source.seek(0)
        file.write(source.read(65_536 if size == 1 else size))
        # The number of pages in the header counts only if these two counters are equal.
        file.seek(92)
        file.write(bytes(4))


def _readable(path: Path) -> tuple[dict[int, Favourite], bool]:
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return _read(connection)


def _read(connection: sqlite3.Connection) -> tuple[dict[int, Favourite], bool]:
    """Read favourites from both ends of the table, up to a corrupt page.

    Returns them by id, and whether all could be read.
    """
    connection.text_factory = rows.decode_text
    found: dict[int, Favourite] = {}
    complete = True
    for order in ("id", "id DESC"):
        query = f"SELECT {rows.FAVOURITE} FROM favourites NOT INDEXED ORDER BY {order}"  # noqa: S608
        try:
            for row in connection.execute(query):
                try:
                    found[row[0]] = rows.favourite(row)
                except rows.DECODE_ERRORS:
                    complete = False
        except sqlite3.DatabaseError:
            complete = False
    return found, complete


def _move_aside(path: Path) -> Path | None:
    """Rename the file and its journal, which SQLite would otherwise apply to the restored file."""
    aside = path.with_name(f"{path.stem}-damaged-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}.db")
    with contextlib.suppress(FileNotFoundError):
        path.with_name(f"{path.name}-journal").replace(aside.with_name(f"{aside.name}-journal"))
    if not path.exists() or path.stat().st_size == 0:
        return None
    path.replace(aside)
    return aside


def _damaged_rows(path: Path, timeout: float) -> list[tuple[Any, ...]]:
    """Return the favourites whose checksum is wrong or that cannot be decoded."""
    if not path.exists():
        return []
    with (
        contextlib.closing(
            open_database(path, MIGRATIONS, read_only=True, timeout=timeout)
        ) as connection,
        translate_errors(path),
    ):
        return [row for row, one in _checked(connection) if one is None]


def _checked(
    connection: sqlite3.Connection,
) -> Iterator[tuple[tuple[Any, ...], Favourite | None]]:
    """Yield each row with its favourite, or with None if it is damaged."""
    connection.text_factory = rows.decode_text
    names = {name for _, name, *_ in connection.execute("PRAGMA table_info(favourites)")}
    if not names:
        return
    checksum = "checksum" if "checksum" in names else "NULL"
    query = f"SELECT {rows.FAVOURITE}, {checksum} FROM favourites"  # noqa: S608
    for *columns, expected in connection.execute(query).fetchall():
        row = tuple(columns)
        try:
            one = rows.favourite(row)
        except rows.DECODE_ERRORS:
            yield row, None
        else:
            intact = expected is None or expected == rows.checksum(row)
            yield row, one if intact else None


def _repair_rows(path: Path, backups: Path, damaged: list[tuple[Any, ...]], timeout: float) -> str:
    if not damaged:
        return ""
    backup = best_backup(backups)
    copies: dict[int, Favourite] = {}
    if backup is not None:
        opened = open_database(backup, MIGRATIONS, read_only=True, timeout=timeout)
        with contextlib.closing(opened) as connection:
            copies = {one.id: one for _, one in _checked(connection) if one is not None}
    aside = path.with_name(f"{path.stem}-damaged-rows-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}.jsonl")
    write_atomically(aside, b"".join(msgspec.json.encode(row) + b"\n" for row in damaged))
    restored: list[str] = []
    doubtful: list[str] = []
    lost = 0
    with (
        contextlib.closing(open_database(path, MIGRATIONS, timeout=timeout)) as connection,
        transaction(connection),
    ):
        for row in damaged:
            connection.execute("DELETE FROM favourites WHERE id IS ?", (row[0],))
            one = copies.get(row[0]) or _decode_leniently(row)
            if one is None:
                lost += 1
                continue
            rows.put_favourite(connection, one)
            (restored if row[0] in copies else doubtful).append(f"“{one.text}”")
        connection.execute("REINDEX favourites")
    parts = [f"{_count(len(damaged), 'title')} of the shortlist had been damaged on the disk"]
    if restored and backup is not None:
        made = made_at(backup)
        when = f" of {made:%Y-%m-%d %H:%M} UTC" if made else ""
        parts.append(f"{', '.join(restored)} restored from the backup{when}")
    if doubtful:
        parts.append(f"{', '.join(doubtful)} kept, check how it reads")
    if lost:
        parts.append(f"{_count(lost, 'title')} could not be read")
    return f"{'; '.join(parts)}. What was in the file is in {aside.name}."


def _decode_leniently(row: tuple[Any, ...]) -> Favourite | None:
    """Decode a damaged row, with defaults for what cannot be; None if it has no text."""
    number, text, original = row[:3]
    if not isinstance(number, int) or not isinstance(text, str) or not text.strip():
        return None
    with contextlib.suppress(*rows.DECODE_ERRORS):
        return rows.favourite(row)
    settings = BatchSettings()
    with contextlib.suppress(*rows.DECODE_ERRORS):
        settings = msgspec.json.decode(row[7], type=BatchSettings)
    return Favourite(
        id=number,
        text=text,
        original=original if isinstance(original, str) and original.strip() else text,
        note=row[3] if isinstance(row[3], str) else "",
        order=row[5] if isinstance(row[5], int) else 0,
        starred=row[6] if isinstance(row[6], str) else "",
        settings=settings,
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun if number == 1 else f'{noun}s'}"
