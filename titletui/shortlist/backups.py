"""Copies of library.db, made in the background, thinned with age, and the way back from them."""

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from titletui.atomic_write import sync_directory
from titletui.database import find_corruption, open_database, translate_errors
from titletui.errors import TitletuiError
from titletui.paths import private_folder
from titletui.shortlist.schema import MIGRATIONS

EVERY = 20
"""Actions on the shortlist after which a copy is made."""

_AGE = 600.0
_NEWEST = 5
_DAYS = 14
_TIMEOUT = 5.0
_STALE = 3600.0
_STAMP = "%Y%m%dT%H%M%S.%f"
_STATE = """SELECT
    (SELECT coalesce(max(id), 0) FROM actions),
    (SELECT total(undone) FROM actions),
    (SELECT coalesce(max(id), 0) FROM candidates),
    (SELECT count(*) FROM favourites)"""
_FAVOURITES = 3


class Backups:
    """The copies of one library.

    Attributes:
        problem: why the last copy could not be made; empty when it could.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self.path = path
        self.folder = folder
        self.problem = ""
        self._actions = 0
        self._thread: threading.Thread | None = None

    def start_session(self) -> None:
        """Makes a copy in the background if one is due; returns at once."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._make, name="backup", daemon=True)
            self._thread.start()

    def count_action(self) -> None:
        """Counts an action on the shortlist; returns at once."""
        self._actions += 1
        if self._actions >= EVERY:
            self._actions = 0
            self.start_session()

    def finish(self, timeout: float = 0.5) -> None:
        """Waits for a copy that is being made."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _make(self) -> None:
        try:
            make_copy(self.path, self.folder)
            self.problem = ""
        except (OSError, sqlite3.Error, TitletuiError) as error:
            self.problem = f"The shortlist could not be backed up: {error}"


def make_copy(path: Path, folder: Path) -> Path | None:
    """Copies the library, if it has changed enough since the newest copy; thins the old ones.

    Whatever `EVERY` actions old, or changed at all and ten minutes old, is due; so is the first
    copy that holds favourites. The copy is checked before it gets its name.

    Raises:
        TitletuiError, OSError, sqlite3.Error: there is no new copy; the old ones are untouched.
    """
    private_folder(folder)
    with contextlib.closing(_open(path)) as source:
        if not _due(_state(source), copies(folder)):
            return None
        _sweep(folder)
        target = folder / f"{path.stem}-{datetime.now(UTC).strftime(_STAMP)}.db"
        part = target.with_suffix(".part")
        try:
            _copy(source, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    sync_directory(folder)
    for old in superseded(copies(folder)):
        old.unlink(missing_ok=True)
    return target


def copies(folder: Path) -> list[Path]:
    """The copies, the newest first."""
    found = [path for path in folder.glob("*-*.db") if made_at(path) is not None]
    return sorted(found, key=lambda path: path.stem.rpartition("-")[2], reverse=True)


def newest_good(folder: Path) -> Path | None:
    """The newest copy that is whole and not of a newer titletui."""
    for path in copies(folder):
        try:
            with contextlib.closing(_open(path)) as copy:
                if not find_corruption(copy):
                    return path
        except (TitletuiError, sqlite3.Error):
            continue
    return None


def made_at(path: Path) -> datetime | None:
    """When a copy was made, from its name."""
    try:
        return datetime.strptime(path.stem.rpartition("-")[2], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def superseded(newest_first: Sequence[Path]) -> list[Path]:
    """The copies that can go: all but the newest five, and the last of each of 14 days."""
    kept = set(newest_first[:_NEWEST])
    days: dict[str, Path] = {}
    for path in newest_first:
        days.setdefault(path.stem.rpartition("-")[2][:8], path)
    kept |= {days[day] for day in sorted(days, reverse=True)[:_DAYS]}
    return [path for path in newest_first if path not in kept]


def _open(path: Path) -> sqlite3.Connection:
    return open_database(path, MIGRATIONS, read_only=True, timeout=_TIMEOUT)


def _state(connection: sqlite3.Connection) -> tuple[int, ...]:
    return tuple(int(value) for value in connection.execute(_STATE).fetchone())


def _due(state: tuple[int, ...], newest_first: Sequence[Path]) -> bool:
    if not any(state):
        return False
    if not newest_first:
        return True
    newest = newest_first[0]
    made = made_at(newest)
    try:
        with contextlib.closing(_open(newest)) as copy:
            copied = _state(copy)
    except (TitletuiError, sqlite3.Error):
        return True
    if state == copied or made is None:
        return state != copied
    if state[_FAVOURITES] and not copied[_FAVOURITES]:
        return True
    age = datetime.now(UTC).timestamp() - made.timestamp()
    return abs(state[0] - copied[0]) >= EVERY or not 0 <= age < _AGE


def _copy(source: sqlite3.Connection, part: Path) -> None:
    """Copies in one go; the writers' lock is waited for by them only as long as that takes."""
    part.touch(mode=0o600)
    with translate_errors(part), contextlib.closing(sqlite3.connect(part)) as copy:
        copy.execute("PRAGMA synchronous = OFF")
        source.backup(copy)
        damage = find_corruption(copy)
    if damage:
        raise TitletuiError(f"the copy is damaged ({damage}).")
    with part.open("rb+") as file:
        os.fsync(file.fileno())


def _sweep(folder: Path) -> None:
    """Removes what copies that were cut off have left."""
    for part in folder.glob("*.part*"):
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > _STALE:
                part.unlink()
