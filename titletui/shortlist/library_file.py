"""The file library.db: repaired when it is opened, shared, and reopened when it is replaced."""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from titletui.database import (
    BUSY_TIMEOUT,
    MOUNTS,
    DatabaseReadOnlyError,
    network_file_system,
    open_database,
    transaction,
    translate_errors,
)
from titletui.paths import Home
from titletui.shortlist import rows
from titletui.shortlist.backups import Backups
from titletui.shortlist.recovery import repair
from titletui.shortlist.schema import MIGRATIONS


class LibraryFile:
    """An open library.db.

    Attributes:
        notices: sentences for a banner about what was found and done while opening.
        read_only: nothing can be starred; a notice says why.
        backups: None if the library was not opened by `open`.
    """

    def __init__(
        self, path: Path, *, read_only: bool = False, timeout: float = BUSY_TIMEOUT
    ) -> None:
        """Open `path`, or create it, without the repair and backup of `open`.

        Args:
            timeout: seconds that a call waits for another process.

        Raises:
            TitletuiError: see `titletui.database.open_database`.
        """
        self.path = path
        self.read_only = read_only
        self.notices: list[str] = []
        self.backups: Backups | None = None
        self._timeout = timeout
        self._lock = threading.RLock()
        self._revision = self._generation = 0
        self._connect()

    @classmethod
    def open(cls, home: Home, *, timeout: float = BUSY_TIMEOUT, mounts: Path = MOUNTS) -> Self:
        """Open the library of this home; repair it if it is damaged; back it up.

        A file that cannot be written is opened read-only. `notices` says what was done.

        Args:
            mounts: the system's mount table.

        Raises:
            TitletuiError: it was written by a newer titletui, or another process holds it.
        """
        path, folder = home.library_db, home.data / "backups"
        if not (os.access(home.data, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))):
            return cls._open_for_reading(path, timeout)
        repaired = repair(path, folder, timeout=timeout)
        library = cls(path, timeout=timeout)
        library.notices += [repaired] if repaired else []
        if network := network_file_system(path, mounts):
            library.notices.append(
                f"{path.name} lies on a network file system ({network}): it is kept without WAL; "
                "if its server does not lock files, use one machine at a time."
            )
        library.backups = Backups(path, folder)
        library.backups.start_session()
        return library

    @classmethod
    def _open_for_reading(cls, path: Path, timeout: float) -> Self:
        if not path.exists():
            raise DatabaseReadOnlyError(
                f"{path.parent} cannot be written, so nothing can be kept; make it writable or "
                "set TITLETUI_HOME to a folder that is."
            )
        library = cls(path, read_only=True, timeout=timeout)
        library.notices.append(
            f"{path} cannot be written: the shortlist is shown, but nothing can be starred."
        )
        return library

    def _connect(self) -> None:
        self._connection = open_database(
            self.path, MIGRATIONS, read_only=self.read_only, timeout=self._timeout
        )
        self._connection.text_factory = rows.decode_text
        if not self.read_only:
            self._connection.execute("PRAGMA synchronous = EXTRA")
        self._glance = open_database(self.path, MIGRATIONS, read_only=True, timeout=self._timeout)
        self._glance.execute("PRAGMA busy_timeout = 0")
        self._file = _identity(self.path)
        self._generation += 1

    def close(self) -> None:
        if self.backups is not None:
            self.backups.finish()
        with self._lock:
            self._connection.close()
            self._glance.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def revision(self) -> int:
        """A number that changes with each change by any process.

        Never blocks; takes about 20 µs, so that a screen can poll it.
        """
        if _identity(self.path) not in (self._file, None):
            return (self._generation + 1) << 32
        with contextlib.suppress(sqlite3.OperationalError):
            ((version,),) = self._glance.execute("PRAGMA data_version").fetchall()
            self._revision = self._generation << 32 | version
        return self._revision

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        if self.read_only:
            raise DatabaseReadOnlyError(
                f"{self.path} is open for reading only: nothing was saved; "
                "make it and its folder writable and start titletui again."
            )
        with self._lock:
            self._reopen()
            with transaction(self._connection):
                yield

    def _reopen(self) -> None:
        """Reopen the file if another instance has replaced it by a restored one."""
        if _identity(self.path) not in (self._file, None) and not self._connection.in_transaction:
            before = self._connection, self._glance
            # If this fails, the next call tries again.
            self._connect()
            for connection in before:
                connection.close()

    def _all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock, translate_errors(self.path):
            self._reopen()
            return self._connection.execute(query, values).fetchall()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino
