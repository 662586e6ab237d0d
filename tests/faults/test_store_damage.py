"""A full disk, a damaged file, a folder that cannot be written, schemas old and new."""

import contextlib
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.disks import read_only_folder, small_disk
from titletui.candidate import Candidate
from titletui.database import DatabaseFullError, DatabaseReadOnlyError, open_database
from titletui.errors import TitletuiError
from titletui.paths import Home
from titletui.shortlist.backups import copies, make_copy
from titletui.shortlist.library import Library
from titletui.shortlist.records import BatchSettings
from titletui.shortlist.schema import MIGRATIONS

REPOSITORY = Path(__file__).parents[2]
SCHEMAS = Path(__file__).parent / "schemas"
BACKED_UP = 30
SINCE = 5


def home_in(folder: Path) -> Home:
    folder.mkdir(exist_ok=True)
    return Home(folder, folder, folder, folder)


def titles(library: Library) -> list[str]:
    return [one.text for one in library.favourites(sort="order")]


def sound(path: Path) -> bool:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        rows: list[tuple[str]] = connection.execute("PRAGMA integrity_check").fetchall()
    return rows == [("ok",)]


@pytest.mark.fault("F58")
@pytest.mark.parametrize("full", ["a small disk", "no page left"])
def test_on_a_full_disk_a_star_is_refused_and_works_again_later(tmp_path: Path, full: str) -> None:
    if full == "a small disk":
        with small_disk(tmp_path / "disk", 1024) as disk:
            filler = disk / "filler"

            def fill() -> None:
                with filler.open("wb", 0) as file, contextlib.suppress(OSError):
                    while file.write(b"x" * 4096):
                        continue

            _star_on_a_full_disk(disk / "library.db", lambda _: fill(), lambda _: filler.unlink())
    else:
        _star_on_a_full_disk(
            tmp_path / "library.db",
            lambda library: library._connection.execute("PRAGMA max_page_count = 1"),
            lambda library: library._connection.execute("PRAGMA max_page_count = 100000"),
        )


def _star_on_a_full_disk(
    path: Path, fill: Callable[[Library], object], free: Callable[[Library], object]
) -> None:
    with Library(path) as library:
        kept = [library.star(f"Title {number}").text for number in range(10)]
        fill(library)
        refused = ""
        for number in range(10, 500):
            try:
                kept.append(library.star(f"Title {number} " + "long " * 300).text)
            except DatabaseFullError as error:
                refused = str(error)
                break
        assert "is full: nothing was saved; free some space" in refused
        assert titles(library) == kept
        free(library)
        kept.append(library.star("Afterwards").text)
        assert titles(library) == kept
    assert sound(path)
    with Library(path) as again:
        assert titles(again) == kept


def zero_the_shortlist(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = 'favourites'"
        (page,) = connection.execute(query).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(size))


def zero_the_first_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(4096))


def halve(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def replace_by_text(path: Path) -> None:
    path.write_text("This is no database.\n" * 500)


def remove(path: Path) -> None:
    path.unlink()


def library_with_a_backup(home: Home) -> None:
    """30 titles that are backed up, and 5 since; many candidates, so that the file is large."""
    with Library(home.library_db) as library:
        for number in range(BACKED_UP):
            library.star(f"Title {number}")
        batch = library.start_batch(BatchSettings(model="m"))
        library.add_candidates(
            batch,
            [Candidate(text=f"Candidate {i} " + "long " * 20, index=i) for i in range(500)],
        )
        assert make_copy(home.library_db, home.data / "backups")
        for number in range(BACKED_UP, BACKED_UP + SINCE):
            library.star(f"Title {number}")


@pytest.mark.fault("F59")
@pytest.mark.parametrize(
    "damage", [zero_the_shortlist, zero_the_first_page, halve, empty, replace_by_text, remove]
)
def test_a_damaged_library_is_moved_aside_and_its_backup_restored(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    home = home_in(tmp_path / "home")
    library_with_a_backup(home)
    damage(home.library_db)
    damaged = home.library_db.read_bytes() if home.library_db.exists() else b""
    with Library.open(home) as library:
        (notice,) = library.notices
        assert "library.db was damaged" in notice
        assert "the backup of 20" in notice
        assert "UTC was put in its place" in notice
        assert set(titles(library)) >= {f"Title {number}" for number in range(BACKED_UP)}
        library.star("Afterwards")
    aside = list(home.data.glob("library-damaged-*.db"))
    assert [one.read_bytes() for one in aside] == ([damaged] if damaged else [])
    assert all(one.name in notice for one in aside)
    assert sound(home.library_db)
    assert stat.S_IMODE(home.library_db.stat().st_mode) == 0o600
    with Library.open(home) as again:
        assert again.notices == []
        assert "Afterwards" in titles(again)


@pytest.mark.fault("F59")
def test_titles_starred_since_the_backup_are_saved_from_the_damaged_file(tmp_path: Path) -> None:
    home = home_in(tmp_path / "home")
    library_with_a_backup(home)
    with Library(home.library_db) as library:
        library.edit(library.favourites(sort="order")[0].id, "Title 0, edited")
    with contextlib.closing(sqlite3.connect(home.library_db)) as connection:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = 'candidates'"
        (page,) = connection.execute(query).fetchone()
    with home.library_db.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(bytes(4096))
    with Library.open(home) as library:
        assert titles(library) == [
            "Title 0, edited",
            *(f"Title {number}" for number in range(1, BACKED_UP + SINCE)),
        ]
        assert f"{SINCE + 1} newer titles could be saved from it" in library.notices[0]


@pytest.mark.fault("F59")
def test_a_damaged_backup_is_passed_over_for_an_older_one(tmp_path: Path) -> None:
    home = home_in(tmp_path / "home")
    library_with_a_backup(home)
    (older,) = copies(home.data / "backups")
    newer = older.with_name("library-29990101T000000.000000.db")
    newer.write_bytes(older.read_bytes())
    zero_the_shortlist(newer)
    replace_by_text(home.library_db)
    with Library.open(home) as library:
        assert len(titles(library)) == BACKED_UP
        assert "2999" not in library.notices[0]


@pytest.mark.fault("F59")
def test_without_a_backup_a_damaged_library_starts_anew_and_says_so(tmp_path: Path) -> None:
    home = home_in(tmp_path / "home")
    replace_by_text(home.library_db)
    with Library.open(home) as library:
        assert "there was no backup" in library.notices[0]
        library.star("A Title")
    assert len(list(home.data.glob("library-damaged-*.db"))) == 1


@pytest.mark.fault("F59")
def test_an_instance_that_is_open_follows_the_restored_file(tmp_path: Path) -> None:
    home = home_in(tmp_path / "home")
    library_with_a_backup(home)
    with Library(home.library_db) as open_all_the_while:
        before = open_all_the_while.revision
        replace_by_text(home.library_db)
        with Library.open(home) as other:
            assert open_all_the_while.revision != before
            open_all_the_while.star("From the first")
            assert "From the first" in titles(other)


@pytest.mark.fault("F60")
def test_a_folder_that_cannot_be_written_is_shown_and_not_changed(tmp_path: Path) -> None:
    home = home_in(tmp_path / "home")
    with Library.open(home) as library:
        library.star("A Title")
    with read_only_folder(home.data) as folder, Library.open(home_in(folder)) as library:
        assert library.read_only
        assert "cannot be written" in library.notices[0]
        assert titles(library) == ["A Title"]
        assert library.revision
        with pytest.raises(DatabaseReadOnlyError, match="nothing was saved"):
            library.star("Another")
        with pytest.raises(DatabaseReadOnlyError):
            library.undo()


@pytest.mark.fault("F60")
def test_on_a_network_file_system_the_library_is_never_kept_in_wal(tmp_path: Path) -> None:
    home = home_in(tmp_path / "home")
    with contextlib.closing(sqlite3.connect(home.library_db)) as connection:
        assert connection.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
        connection.execute("CREATE TABLE t (x)")
        connection.execute("DROP TABLE t")
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nserver:/home {tmp_path} nfs4 rw,relatime 0 0\n")
    with Library.open(home, mounts=mounts) as library:
        assert "network file system (nfs4)" in library.notices[0]
        library.star("A Title")
        names = {path.name for path in home.data.iterdir()}
        assert not {name for name in names if name.endswith(("-wal", "-shm"))}
    with contextlib.closing(sqlite3.connect(home.library_db)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    mounts.write_text(f"server:/home / nfs4 rw 0 0\n/dev/vda {tmp_path} ext4 rw 0 0\n")
    with Library.open(home, mounts=mounts) as library:
        assert library.notices == []


@pytest.mark.fault("F61")
def test_a_migration_that_is_killed_is_taken_back_and_can_be_run_again(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    with Library(path) as library:
        library.star("A Title")
    killed = subprocess.run(
        [sys.executable, "-m", "tests.support.store_writers", "migrate", str(path)], cwd=REPOSITORY
    )
    assert killed.returncode == -signal.SIGKILL
    assert path.with_name("library.db-journal").exists()
    with Library(path) as library:
        (favourite,) = library.favourites()
        assert (favourite.text, favourite.note) == ("A Title", "")
    newer = len(MIGRATIONS) + 1
    with contextlib.closing(sqlite3.connect(path.with_name(f"library-before-v{newer}.db"))) as copy:
        assert copy.execute("SELECT text FROM favourites").fetchall() == [("A Title",)]

    def next_version(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE favourites SET note = 'migrated'")

    with contextlib.closing(open_database(path, [*MIGRATIONS, next_version])) as connection:
        assert connection.execute("SELECT note FROM favourites").fetchall() == [("migrated",)]
        assert connection.execute("PRAGMA user_version").fetchone() == (newer,)


@pytest.mark.fault("F61")
def test_a_library_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    home = home_in(tmp_path / "home")
    with Library.open(home) as library:
        library.star("A Title")
    with contextlib.closing(sqlite3.connect(home.library_db)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = home.library_db.read_bytes()
    with pytest.raises(TitletuiError, match="newer titletui"):
        Library.open(home)
    assert home.library_db.read_bytes() == before
    assert not list(home.data.glob("library-damaged-*"))


@pytest.mark.fault("F61")
@pytest.mark.parametrize(
    "schema", sorted(SCHEMAS.glob("library-v*.sql")), ids=lambda path: path.stem
)
def test_a_library_of_each_released_version_is_opened(tmp_path: Path, schema: Path) -> None:
    home = home_in(tmp_path / "home")
    with contextlib.closing(sqlite3.connect(home.library_db)) as connection:
        connection.executescript(schema.read_text())
    with Library.open(home) as library:
        assert library.notices == []
        first, second = library.favourites(sort="order")
        assert (first.text, first.original) == ("Neural Vocoding, Revisited", "Neural Vocoding")
        assert (first.note, first.tags) == ("for ICASSP?", ("asr", "speech"))
        assert (first.model, first.temperature, first.seed) == ("starter", 0.8, 7)
        assert first.novelty is not None
        assert first.novelty.id == "2305.01234"
        assert (second.text, second.model) == ("R[0,1] and $\\alpha$", "")
        assert library.candidates(library.batches()[0].id)[0].starred
        assert library.undo() == "starred “R[0,1] and $\\alpha$”"


def test_there_is_a_fixture_of_each_schema() -> None:
    assert len(list(SCHEMAS.glob("library-v*.sql"))) == len(MIGRATIONS)


def flip(path: Path, text: bytes, bit: int = 0) -> None:
    """Flip a bit of the first byte of the last occurrence of `text`."""
    data = bytearray(path.read_bytes())
    data[data.rindex(text)] ^= 1 << bit
    path.write_bytes(data)


@pytest.mark.fault("F59")
@pytest.mark.parametrize(
    ("column", "bit"), [(b"Title 7", 0), (b"Title 7", 7), (b'{"model":"damage-me"', 1)],
    ids=["text", "utf-8", "json"],
)  # fmt: skip
def test_a_favourite_with_a_flipped_bit_is_restored_from_the_backup(
    tmp_path: Path, column: bytes, bit: int
) -> None:
    home = home_in(tmp_path / "home")
    with Library(home.library_db) as library:
        batch = library.start_batch(BatchSettings(model="damage-me"))
        for number in range(10):
            candidate = Candidate(text=f"Title {number}")
            (one,) = library.add_candidates(batch, [candidate])
            library.star(candidate.text, candidate=one)
        library._connection.execute("DELETE FROM actions")
        library._connection.execute("DELETE FROM candidates")
        library._connection.execute("DELETE FROM batches")
        library._connection.execute("VACUUM")
        before = library.favourites(sort="order")
    assert make_copy(home.library_db, home.data / "backups")
    flip(home.library_db, column, bit)
    assert sound(home.library_db) or column == b"Title 7"
    with Library.open(home) as library:
        (notice,) = library.notices
        assert "1 title of the shortlist had been damaged" in notice
        assert "restored from the backup of 20" in notice
        assert library.favourites(sort="order") == before
        (aside,) = home.data.glob("library-damaged-rows-*.jsonl")
        assert aside.name in notice
    with Library.open(home) as library:
        assert library.notices == []


@pytest.mark.fault("F59")
def test_without_a_backup_a_changed_title_is_named_and_kept(tmp_path: Path) -> None:
    home = home_in(tmp_path / "home")
    with Library(home.library_db) as library:
        library.star("Alpha")
        library.star("Omega")
        library._connection.execute("DELETE FROM actions")
        library._connection.execute("UPDATE favourites SET text = 'Alpho' WHERE text = 'Alpha'")
        library._connection.execute("UPDATE favourites SET settings = '{' WHERE text = 'Omega'")
        assert [one.text for one in library.favourites()] == ["Alpho"], "what can be decoded"
    with Library.open(home) as library:
        assert "“Alpho”, “Omega” kept, check how it reads" in library.notices[0]
        assert set(titles(library)) == {"Alpho", "Omega"}


@pytest.mark.fault("F59")
def test_the_backup_with_the_newest_content_is_restored_whatever_its_time(tmp_path: Path) -> None:
    home = home_in(tmp_path / "home")
    folder = home.data / "backups"
    with Library(home.library_db) as library:
        library.star("Only one")
        early = make_copy(home.library_db, folder)
        assert early is not None
        early.rename(early.with_name("library-29990101T000000.000000.db"))
        for number in range(47):
            library.star(f"Title {number}")
        assert make_copy(home.library_db, folder)
    replace_by_text(home.library_db)
    with Library.open(home) as library:
        assert len(titles(library)) == 48


@pytest.mark.fault("F59")
def test_a_zeroed_header_loses_no_title(tmp_path: Path) -> None:
    home = home_in(tmp_path / "home")
    library_with_a_backup(home)
    with home.library_db.open("r+b") as file:
        file.write(bytes(100))
    with Library.open(home) as library:
        assert len(titles(library)) == BACKED_UP + SINCE
        assert f"{SINCE} newer titles could be saved" in library.notices[0]


@pytest.mark.fault("F59")
def test_the_notice_says_that_titles_may_be_missing(tmp_path: Path) -> None:
    home = home_in(tmp_path / "home")
    library_with_a_backup(home)
    replace_by_text(home.library_db)
    with Library.open(home) as library:
        assert "what was starred or edited after that may be missing" in library.notices[0]


@pytest.mark.fault("F59")
@pytest.mark.parametrize("size", [0, 1, 511])
def test_a_few_bytes_are_no_empty_library(tmp_path: Path, size: int) -> None:
    home = home_in(tmp_path / "home")
    library_with_a_backup(home)
    home.library_db.write_bytes(b"S" * size)
    with Library.open(home) as library:
        assert len(titles(library)) == BACKED_UP
        assert "library.db was damaged" in library.notices[0]


@pytest.mark.fault("F59")
def test_a_stale_journal_is_not_applied_to_the_restored_file(tmp_path: Path) -> None:
    home = home_in(tmp_path / "home")
    with Library(home.library_db) as library:
        library.star("Before")
    journal = home.data / "library.db-journal"
    with contextlib.closing(sqlite3.connect(home.library_db, isolation_level=None)) as writer:
        writer.execute("PRAGMA cache_spill = 1")
        writer.execute("PRAGMA cache_size = 1")
        writer.execute("BEGIN")
        for _ in range(300):
            writer.execute(
                "INSERT INTO actions (at, what, changes) VALUES ('', ?, '[]')", ("x" * 5_000,)
            )
        stale = journal.read_bytes()
        writer.execute("ROLLBACK")
    library_with_a_backup(home)
    home.library_db.unlink()
    journal.write_bytes(stale)
    with Library.open(home) as library:
        assert f"Title {BACKED_UP - 1}" in titles(library)
    assert sound(home.library_db)
    assert list(home.data.glob("library-damaged-*-journal"))
