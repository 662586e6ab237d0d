"""Back up library.db in the background; keep the newest backups and one a day."""

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
"""Changes of the shortlist after which a backup is made."""

_AGE = 600.0
_NEWEST = 5
_DAYS = 14
_TIMEOUT = 5.0
_STALE = 3600.0
_STAMP = "%Y%m%dT%H%M%S.%f"
_STATE = """SELECT
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'actions'), 0),
    (SELECT coalesce(max(id), 0) FROM candidates),
    (SELECT total(undone) FROM actions),
    (SELECT count(*) FROM favourites)"""
_FAVOURITES = 3


class Backups:
    """The backups of one library.

    Attributes:
        problem: why the last backup failed; empty if it succeeded.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self.path = path
        self.folder = folder
        self.problem = ""
        self._actions = 0
        self._thread: threading.Thread | None = None

    def start_session(self) -> None:
        """Back up in a thread if that is due; return at once."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._make, name="backup", daemon=True)
            self._thread.start()

    def count_action(self) -> None:
        """Count a change of the shortlist; return at once."""
        self._actions += 1
        if self._actions >= EVERY:
            self._actions = 0
            self.start_session()

    def finish(self, timeout: float = 0.5) -> None:
        """Wait for a backup in progress."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _make(self) -> None:
        try:
            make_copy(self.path, self.folder)
            self.problem = ""
        except (OSError, sqlite3.Error, TitletuiError) as error:
            self.problem = f"The shortlist could not be backed up: {error}"


def make_copy(path: Path, folder: Path) -> Path | None:
    """Back up the library if it has changed enough since the newest backup; delete old backups.

    A backup is due after `EVERY` changes, after any change if the newest backup is ten minutes old,
    and after the first star. It is checked before it gets its final name.

    Raises:
        TitletuiError, OSError, sqlite3.Error: the backup failed; the old ones are untouched.
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
    """Return the copies, the one with the newest content first.

    Time stamps alone do not decide: the clock may have been wrong.
    """
    found = [path for path in folder.glob("*-*.db") if made_at(path) is not None]
    return sorted(found, key=lambda path: (_content(path), path.stem), reverse=True)


def best_backup(folder: Path) -> Path | None:
    """Return the intact copy with the newest content."""
    for path in copies(folder):
        with (
            contextlib.suppress(TitletuiError, sqlite3.Error),
            contextlib.closing(_open(path)) as copy,
        ):
            if not find_corruption(copy):
                return path
    return None


def made_at(path: Path) -> datetime | None:
    """Return when a backup was made, from its name; None for other files."""
    try:
        return datetime.strptime(path.stem.rpartition("-")[2], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def superseded(newest_first: Sequence[Path]) -> list[Path]:
    """Return the backups to delete: all but the newest five and the last of each of 14 days."""
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


def _content(path: Path) -> tuple[int, ...]:
    """Return the number of the newest action, and more, of a copy; negative if unreadable."""
    try:
        with contextlib.closing(_open(path)) as copy:
            return _state(copy)
    except (TitletuiError, sqlite3.Error):
        return (-1,)


def _due(state: tuple[int, ...], newest_first: Sequence[Path]) -> bool:
    if not any(state):
        return False
    if not newest_first:
        return True
    newest = newest_first[0]
    made = made_at(newest)
    copied = _content(newest)
    if copied == (-1,):
        return True
    if state == copied or made is None:
        return state != copied
    if state[_FAVOURITES] and not copied[_FAVOURITES]:
        return True
    age = datetime.now(UTC).timestamp() - made.timestamp()
    return abs(state[0] - copied[0]) >= EVERY or not 0 <= age < _AGE


def _copy(source: sqlite3.Connection, part: Path) -> None:
    """Copy in one step, which blocks writers only as long as that takes, and check the copy."""
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
    """Delete the partial files of interrupted backups."""
    for part in folder.glob("*.part*"):
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > _STALE:
                part.unlink()
