"""What both stores stand on."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from titletui.database import (
    DatabaseBusyError,
    DatabaseDamagedError,
    file_system,
    find_corruption,
    lock_holder,
    network_file_system,
    open_database,
    transaction,
)
from titletui.errors import TitletuiError


def make_table(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE t (x)")


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "a.db", [make_table])) as connection:
        with transaction(connection):
            connection.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(sqlite3.ProgrammingError), transaction(connection):
            connection.executemany("INSERT INTO t VALUES (?)", [(2,), ()])
        assert connection.execute("SELECT x FROM t").fetchall() == [(1,)]
        assert not connection.in_transaction


def test_a_commit_that_is_refused_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with (
        closing(open_database(path, [make_table], timeout=0.1)) as writer,
        closing(sqlite3.connect(path, isolation_level=None)) as reader,
    ):
        with transaction(writer):
            writer.execute("INSERT INTO t VALUES (1)")
        reader.execute("BEGIN")
        assert reader.execute("SELECT x FROM t").fetchall() == [(1,)]
        with pytest.raises(DatabaseBusyError, match="close it and try again"), transaction(writer):
            writer.execute("INSERT INTO t VALUES (2)")
        assert not writer.in_transaction
        reader.execute("COMMIT")
        with transaction(writer):
            writer.execute("INSERT INTO t VALUES (3)")
        assert writer.execute("SELECT x FROM t").fetchall() == [(1,), (3,)]


def test_a_database_is_brought_up_to_date_with_a_copy_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(open_database(path, [make_table])) as connection:
        connection.execute("INSERT INTO t VALUES (1)")
    add = [make_table, lambda connection: connection.execute("ALTER TABLE t ADD y")]
    with closing(open_database(path, add)) as connection:
        assert connection.execute("SELECT x, y FROM t").fetchall() == [(1, None)]
    with closing(open_database(path.with_name("a-before-v2.db"), [make_table])) as connection:
        assert connection.execute("SELECT x FROM t").fetchall() == [(1,)]
    with pytest.raises(TitletuiError, match="newer titletui"):
        open_database(path, [make_table])
    with pytest.raises(TitletuiError, match="newer titletui"):
        open_database(path, [make_table], read_only=True)


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"no database" * 1000)
    for read_only in (False, True):
        with pytest.raises(DatabaseDamagedError, match="is damaged"):
            open_database(path, [make_table], read_only=read_only)
    assert path.read_bytes() == b"no database" * 1000


def test_a_broken_page_is_found_by_the_check(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(open_database(path, [make_table])) as connection:
        rows = [("x" * 500,) for _ in range(200)]
        connection.executemany("INSERT INTO t VALUES (?)", rows)
        assert find_corruption(connection) == ""
    with path.open("r+b") as file:
        file.seek(5 * 4096)
        file.write(bytes(4096))
    with closing(open_database(path, [make_table])) as connection:
        assert find_corruption(connection)


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(TitletuiError, match="cannot be opened"):
        open_database(tmp_path / "missing" / "a.db", [make_table])


def test_nobody_holds_a_lock_on_a_file_at_rest(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    open_database(path, [make_table]).close()
    assert lock_holder(path) is None
    assert lock_holder(tmp_path / "missing") is None


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("nfs", "nfs"),
        ("nfs4", "nfs4"),
        ("lustre", "lustre"),
        ("fuse.sshfs", "fuse.sshfs"),
        ("ceph", "ceph"),
        ("ext4", ""),
        ("fuse.portal", ""),
    ],
)
def test_network_file_systems_are_known_by_their_type(
    tmp_path: Path, kind: str, expected: str
) -> None:
    mounts = tmp_path / "mounts"
    home = tmp_path / "a home"
    escaped = str(home).replace(" ", "\\040")
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nserver:/x {escaped} {kind} rw 0 0\nbroken\n")
    assert network_file_system(home / "library.db", mounts) == expected
    assert file_system(home, mounts) == kind
    assert network_file_system(tmp_path / "library.db", mounts) == ""
    assert network_file_system(home / "library.db", tmp_path / "missing") == ""


def test_what_is_no_database_at_all_is_found_by_the_check(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"this is no database, it is a sentence " * 50)
    with closing(sqlite3.connect(path)) as connection:
        assert "not a database" in find_corruption(connection)


def test_a_check_that_others_keep_from_reading_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as writer,
        closing(sqlite3.connect(path, timeout=0.05)) as connection,
    ):
        make_table(writer)
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            find_corruption(connection)
        writer.execute("ROLLBACK")
        assert find_corruption(connection) == ""
