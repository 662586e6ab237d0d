"""SQLite as both stores open it: safe on NFS, never half migrated, never made older.

WAL corrupts on network file systems, so the journal is a rollback journal and every commit is
synced. Transactions are short and begin with the write lock. What SQLite complains about reaches a
person as one sentence: who holds the lock, that the disk is full, that the file is damaged.
"""

import contextlib
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from titletui.errors import TitletuiError

BUSY_TIMEOUT = 30.0

_PAUSE = 0.002
_SHORT = 1.0

Migration = Callable[[sqlite3.Connection], None]

MOUNTS = Path("/proc/self/mounts")
_NETWORK = re.compile(
    r"nfs\d?|cifs|smb\w*|afs|ncpfs|9p|ceph|lustre|gpfs|beegfs\w*|glusterfs|pvfs2|orangefs|panfs|"
    r"fuse\.(sshfs|ceph\w*|glusterfs|s3fs|rclone|juicefs|davfs2?|beegfs|orangefs)"
)
_LOCKS = Path("/proc/locks")
_FIRST_LOCKED_BYTE = 0x40000000
"""SQLite's locks lie on the 512 bytes from here (sqlite.org/fileformat2.html, the lock page)."""


class DatabaseDamagedError(TitletuiError):
    """The file is no database, or a page of it is broken."""


class DatabaseBusyError(TitletuiError):
    """Another process held the lock for longer than one waits."""


class DatabaseFullError(TitletuiError):
    """There is no room for what was to be written; nothing of it was."""


class DatabaseReadOnlyError(TitletuiError):
    """The file or its folder cannot be written."""


def open_database(
    path: Path,
    migrations: Sequence[Migration],
    *,
    read_only: bool = False,
    timeout: float = BUSY_TIMEOUT,
) -> sqlite3.Connection:
    """Opens `path` and brings its schema to version `len(migrations)`.

    The file is copied beside itself before the first migration of a database that holds data; all
    migrations that it lacks run in one transaction.

    Args:
        migrations: the n-th brings a database of version n to version n + 1; none commits.
        timeout: seconds to wait for another process's lock, now and at each statement.

    Raises:
        DatabaseDamagedError, DatabaseBusyError, DatabaseFullError, DatabaseReadOnlyError: see the
            classes.
        TitletuiError: it is of a newer titletui (and left untouched), or cannot be opened.
    """
    with explained(path):
        if read_only and os.access(path.parent, os.W_OK):
            _roll_back(path, timeout)
        connection = _connect(path, read_only=read_only, timeout=timeout)
        try:
            version = _version(connection)
            _refuse_newer(path, version, len(migrations))
            if version < len(migrations) and not read_only:
                if version:
                    _copy(connection, path.with_name(f"{path.stem}-before-v{len(migrations)}.db"))
                _migrate(path, connection, migrations)
        except BaseException:
            connection.close()
            raise
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All of the block or nothing of it; takes the write lock at once.

    Raises:
        DatabaseBusyError, DatabaseFullError, DatabaseReadOnlyError, DatabaseDamagedError: nothing
            was changed.
    """
    with explained(_path(connection)):
        _begin(connection)
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise


def _begin(connection: sqlite3.Connection) -> None:
    """Takes the write lock as soon as it is free, for as long as the connection's timeout says.

    SQLite itself sleeps longer and longer, up to 100 ms, and whoever writes again and again gets
    in first each time.
    """
    ((timeout,),) = connection.execute("PRAGMA busy_timeout").fetchall()
    began = time.monotonic()
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                waited = time.monotonic() - began
                if _primary(error) != sqlite3.SQLITE_BUSY or waited >= timeout / 1000:
                    raise
            time.sleep(_PAUSE if waited < _SHORT else 10 * _PAUSE)
    finally:
        connection.execute(f"PRAGMA busy_timeout = {timeout}")


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns SQLite's errors about the file `path` into sentences; lets all others through."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        explanation = _explanation(error, path)
        if explanation is None:
            raise
        raise explanation from error


def check(connection: sqlite3.Connection) -> str:
    """What is wrong with the file's structure, in SQLite's words; empty when nothing is.

    Reads every page, so it takes as long as reading the file.
    """
    try:
        rows = connection.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and _primary(error) != sqlite3.SQLITE_IOERR:
            raise
        return str(error)
    return "" if rows == [("ok",)] else str(rows[0][0]).splitlines()[-1]


def lock_holder(path: Path) -> int | None:
    """The process that holds SQLite's lock on `path`, where the system tells (Linux).

    The file itself is not opened: closing it would drop this process's own locks.
    """
    try:
        inode = str(path.stat().st_ino)
        lines = _LOCKS.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        words = line.split()
        if "->" in words or len(words) < 8 or words[5].rpartition(":")[2] != inode:
            continue
        pid = int(words[4])
        if int(words[6]) >= _FIRST_LOCKED_BYTE and pid not in (0, os.getpid()):
            return pid
    return None


def network_file_system(path: Path, mounts: Path = MOUNTS) -> str:
    """The type of the network file system that `path` lies on; empty on a local one.

    Args:
        mounts: the table of mounted file systems, as Linux gives it.
    """
    try:
        table = [line.split() for line in mounts.read_text(errors="replace").splitlines()]
    except OSError:
        return ""
    here = path.absolute().parent
    depth, kind = -1, ""
    for words in table:
        if len(words) < 3:
            continue
        point = Path(re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), words[1]))
        if (here == point or point in here.parents) and len(point.parts) >= depth:
            depth, kind = len(point.parts), words[2]
    return kind if _NETWORK.fullmatch(kind) else ""


def _connect(path: Path, *, read_only: bool, timeout: float) -> sqlite3.Connection:
    if read_only:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    else:
        if not path.exists():
            with contextlib.suppress(OSError):
                path.touch(mode=0o600)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout = {round(timeout * 1000)}")
    if not read_only:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _roll_back(path: Path, timeout: float) -> None:
    """Takes back what a killed writer left half done; a reader is not allowed to."""
    if path.exists() and path.with_name(f"{path.name}-journal").exists():
        with contextlib.closing(_connect(path, read_only=False, timeout=timeout)) as connection:
            _version(connection)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _refuse_newer(path: Path, version: int, known: int) -> None:
    if version > known:
        raise TitletuiError(
            f"{path} was written by a newer titletui (schema {version}, this one knows "
            f"{known}); update titletui."
        )


def _migrate(path: Path, connection: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
    with transaction(connection):
        version = _version(connection)
        _refuse_newer(path, version, len(migrations))
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


def _path(connection: sqlite3.Connection) -> Path:
    return Path(connection.execute("PRAGMA database_list").fetchone()[2])


def _primary(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _explanation(error: sqlite3.DatabaseError, path: Path) -> TitletuiError | None:
    code = _primary(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return DatabaseBusyError(_who_holds(path))
    if code == sqlite3.SQLITE_FULL:
        return DatabaseFullError(
            f"The disk that holds {path} is full: nothing was saved; free some space and try again."
        )
    if code == sqlite3.SQLITE_READONLY:
        return DatabaseReadOnlyError(
            f"{path} cannot be written: nothing was saved; make it and its folder writable."
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return DatabaseDamagedError(f"{path} is damaged ({error}).")
    if code == sqlite3.SQLITE_IOERR:
        return TitletuiError(
            f"{path} could not be read or written ({error}): nothing was saved; "
            "check the disk and its quota."
        )
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return TitletuiError(f"{path} cannot be opened ({error}); check its folder and the disk.")
    return None


def _who_holds(path: Path) -> str:
    pid = lock_holder(path)
    if pid is None:
        return f"Another program, perhaps on another machine, holds {path}; close it and try again."
    try:
        import psutil

        name = f", {psutil.Process(pid).name()}"
    except psutil.Error:
        name = ""
    return f"{path} is held by another process (pid {pid}{name}); close it and try again."
