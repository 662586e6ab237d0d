"""Open SQLite files the way both stores need it: safe on NFS, migrated in one transaction.

WAL corrupts on network file systems, so the journal is a rollback journal and every commit is
synced. Transactions are short and begin with the write lock. SQLite's errors become one sentence
each: which process holds the lock, that the disk is full, that the file is damaged.
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
"""SQLite locks byte ranges from here on (sqlite.org/fileformat2.html, "lock-byte page")."""


class DatabaseDamagedError(TitletuiError):
    """The file is not a database, or one of its pages is corrupt."""


class DatabaseBusyError(TitletuiError):
    """Another process held the lock for longer than the timeout."""


class DatabaseFullError(TitletuiError):
    """The disk is full; the transaction was rolled back."""


class DatabaseReadOnlyError(TitletuiError):
    """The file or its folder is not writable."""


def open_database(
    path: Path,
    migrations: Sequence[Migration],
    *,
    read_only: bool = False,
    timeout: float = BUSY_TIMEOUT,
) -> sqlite3.Connection:
    """Open `path` and migrate its schema to version `len(migrations)`.

    A database that holds data is first copied to `<stem>-before-v<N>.db` in the same folder; all
    missing migrations run in one transaction.

    Args:
        migrations: the n-th upgrades a database from version n to n + 1; none commits.
        timeout: seconds to wait for another process's lock, now and at each statement.

    Raises:
        DatabaseDamagedError, DatabaseBusyError, DatabaseFullError, DatabaseReadOnlyError: see the
            classes.
        TitletuiError: the file was written by a newer titletui (it is left untouched), or cannot
            be opened.
    """
    with translate_errors(path):
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
    """Run the block in one transaction that takes the write lock at its start.

    Raises:
        DatabaseBusyError, DatabaseFullError, DatabaseReadOnlyError, DatabaseDamagedError: nothing
            was changed.
    """
    with translate_errors(_path(connection)):
        _begin(connection)
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise


def _begin(connection: sqlite3.Connection) -> None:
    """Take the write lock, polling every few milliseconds up to the connection's timeout.

    SQLite's own busy handler backs off to 100 ms, which starves this process while another one
    writes in a loop.
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
def translate_errors(path: Path) -> Iterator[None]:
    """Raise SQLite's errors about the file `path` as a `TitletuiError` of one sentence."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        explanation = _explanation(error, path)
        if explanation is None:
            raise
        raise explanation from error


def find_corruption(connection: sqlite3.Connection, *, indexes: bool = False) -> str:
    """Return SQLite's description of the first corruption in the file; empty if there is none.

    Reads every page.

    Args:
        indexes: also compare every index with its table (`integrity_check`), which is slower.
    """
    pragma = "integrity_check" if indexes else "quick_check"
    try:
        rows = connection.execute(f"PRAGMA {pragma}(1)").fetchall()
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and _primary(error) != sqlite3.SQLITE_IOERR:
            raise
        return str(error)
    return "" if rows == [("ok",)] else str(rows[0][0]).splitlines()[-1]


def lock_holder(path: Path) -> int | None:
    """Return the pid of the process that holds SQLite's lock on `path`, on Linux; else None.

    Reads /proc/locks: opening and closing the file itself would drop this process's own locks.
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


def file_system(path: Path, mounts: Path = MOUNTS) -> str:
    """Return the type of the file system that holds `path`; empty if that cannot be determined.

    Args:
        mounts: the mount table, in the format of /proc/self/mounts.
    """
    try:
        table = [line.split() for line in mounts.read_text(errors="replace").splitlines()]
    except OSError:
        return ""
    path = path.absolute()
    depth, kind = -1, ""
    for words in table:
        if len(words) < 3:
            continue
        point = Path(re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), words[1]))
        if path.is_relative_to(point) and len(point.parts) >= depth:
            depth, kind = len(point.parts), words[2]
    return kind


def network_file_system(path: Path, mounts: Path = MOUNTS) -> str:
    """Return `file_system(path)` if it is a network file system, else an empty string."""
    kind = file_system(path, mounts)
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
    """Roll back the journal of a killed writer, which a read-only connection cannot do."""
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
