"""SQLite as both stores open it: safe on NFS, never half migrated, never made older.

WAL corrupts on network file systems, so the journal is a rollback journal and every commit is
synced. Transactions are short and begin with the write lock.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from titletui.errors import TitletuiError

BUSY_TIMEOUT_MS = 30_000

Migration = Callable[[sqlite3.Connection], None]


class DatabaseDamagedError(TitletuiError):
    """The file is no database, or a page of it is broken."""


def open_database(
    path: Path, migrations: Sequence[Migration], *, read_only: bool = False
) -> sqlite3.Connection:
    """Opens `path` and brings its schema to version `len(migrations)`.

    The file is copied beside itself before the first migration of a database that holds data; all
    migrations that it lacks run in one transaction.

    Args:
        migrations: the n-th brings a database of version n to version n + 1; none commits.

    Raises:
        DatabaseDamagedError: see the class.
        TitletuiError: it is of a newer titletui (and left untouched), or cannot be opened.
    """
    try:
        connection = _connect(path, read_only=read_only)
    except sqlite3.OperationalError as error:
        raise TitletuiError(f"{path} cannot be opened ({error}).") from error
    try:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(migrations):
            raise TitletuiError(
                f"{path} was written by a newer titletui (schema {version}, this one knows "
                f"{len(migrations)}); update titletui."
            )
        if version < len(migrations) and not read_only:
            if version:
                _copy(connection, path.with_name(f"{path.stem}-before-v{len(migrations)}.db"))
            _migrate(connection, migrations)
    except sqlite3.DatabaseError as error:
        connection.close()
        if isinstance(error, sqlite3.OperationalError):
            raise TitletuiError(f"{path} cannot be opened ({error}).") from error
        raise DatabaseDamagedError(f"{path} is damaged ({error}).") from error
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All of the block or nothing of it; takes the write lock at once."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def back_up(connection: sqlite3.Connection, folder: Path, stem: str, keep: int) -> Path:
    """Copies the database into `folder` under a name with the time; keeps the newest `keep`."""
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder / f"{stem}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}.db"
    _copy(connection, target)
    for old in sorted(folder.glob(f"{stem}-*.db"))[:-keep]:
        old.unlink(missing_ok=True)
    return target


def _connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    if read_only:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    else:
        if not path.exists():
            path.touch(mode=0o600)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _migrate(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
    connection.execute("PRAGMA journal_mode = DELETE")
    with transaction(connection):
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        for migration in migrations[version:]:
            migration(connection)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")


def _copy(connection: sqlite3.Connection, target: Path) -> None:
    part = target.with_suffix(".part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    with contextlib.closing(sqlite3.connect(part)) as copy:
        connection.backup(copy)
    part.replace(target)
