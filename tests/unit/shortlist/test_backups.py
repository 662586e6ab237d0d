"""Copies of the library: when they are due, which are kept, and that nobody waits for them."""

import os
import sqlite3
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from titletui.candidate import Candidate
from titletui.errors import TitletuiError
from titletui.paths import Home
from titletui.shortlist.backups import (
    EVERY,
    Backups,
    best_backup,
    copies,
    make_copy,
    superseded,
)
from titletui.shortlist.library import Library
from titletui.shortlist.records import BatchSettings


def test_a_copy_is_made_at_the_start_of_a_session_and_after_so_many_actions(home: Home) -> None:
    folder = home.data / "backups"
    with Library.open(home) as library:
        assert library.backups is not None
        library.backups.finish(10)
        assert copies(folder) == []
        library.star("First")
    with Library.open(home) as library:
        assert library.backups is not None
        library.backups.finish(10)
        assert len(copies(folder)) == 1
        for number in range(EVERY):
            library.star(f"Title {number}")
        library.backups.finish(10)
        assert len(copies(folder)) == 2
        assert library.backups.problem == ""
    assert best_backup(folder) == copies(folder)[0]
    with Library(copies(folder)[0]) as copy:
        assert len(copy.favourites()) >= EVERY


def test_a_library_that_has_not_changed_is_not_copied_again(tmp_path: Path) -> None:
    path, folder = tmp_path / "library.db", tmp_path / "backups"
    with Library(path) as library:
        assert make_copy(path, folder) is None
        library.star("One")
        first = make_copy(path, folder)
        assert first is not None
        assert make_copy(path, folder) is None
        library.star("Two")
        assert make_copy(path, folder) is None, "one action, ten minutes not yet over"
        old = first.with_name("library-20200101T000000.000000.db")
        first.rename(old)
        assert make_copy(path, folder) is not None
        assert len(copies(folder)) == 2


def test_the_first_copy_with_stars_is_due_however_young_that_without_is(tmp_path: Path) -> None:
    path, folder = tmp_path / "library.db", tmp_path / "backups"
    with Library(path) as library:
        batch = library.start_batch(BatchSettings(model="starter"))
        (candidate,) = library.add_candidates(batch, [Candidate(text="One")])
        assert make_copy(path, folder) is not None
        library.star("One", candidate=candidate)
        first = make_copy(path, folder)
        assert first is not None
        library.star("Two")
        assert make_copy(path, folder) is None
    with Library(first) as copy:
        assert [one.text for one in copy.favourites()] == ["One"]


def test_the_newest_copies_and_one_a_day_are_kept() -> None:
    now = datetime(2026, 3, 20, 12, tzinfo=UTC)
    times = [now - timedelta(hours=3 * step) for step in range(200)]
    paths = [Path(f"library-{time:%Y%m%dT%H%M%S.%f}.db") for time in times]
    gone = set(superseded(paths))
    kept = [path for path in paths if path not in gone]
    assert kept[:5] == paths[:5]
    days = [path.name[8:16] for path in kept]
    assert len(set(days)) == 14
    assert len(kept) == 14 + 4
    assert all(
        path in kept for path in paths if path.name[8:16] == "20260319" and "T21" in path.name
    )


def test_a_star_waits_for_no_copy(tmp_path: Path) -> None:
    path, folder = tmp_path / "library.db", tmp_path / "backups"
    with Library(path) as library:
        library.star("First")
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE large (text TEXT)")
            rows = [("x" * 100_000,) for _ in range(300)]
            connection.executemany("INSERT INTO large VALUES (?)", rows)
            connection.commit()
        stop = threading.Event()

        def copy_all_the_time() -> None:
            while not stop.is_set():
                backups = Backups(path, folder)
                backups.start_session()
                backups.finish(60)
                for one in copies(folder):
                    one.unlink()

        thread = threading.Thread(target=copy_all_the_time)
        thread.start()
        longest = 0.0
        try:
            for number in range(20):
                began = time.perf_counter()
                library.star(f"Title {number}")
                longest = max(longest, time.perf_counter() - began)
        finally:
            stop.set()
            thread.join()
    assert longest < 10


def test_a_copy_that_cannot_be_made_is_told_and_leaves_the_old_ones(tmp_path: Path) -> None:
    path, folder = tmp_path / "library.db", tmp_path / "backups"
    with Library(path) as library:
        library.star("One")
    folder.write_text("in the way")
    backups = Backups(path, folder)
    backups.start_session()
    backups.finish(10)
    assert "could not be backed up" in backups.problem
    folder.unlink()
    backups.start_session()
    backups.finish(10)
    assert backups.problem == ""
    assert len(copies(folder)) == 1


def test_damaged_and_foreign_files_among_the_copies_are_in_nobodys_way(tmp_path: Path) -> None:
    path, folder = tmp_path / "library.db", tmp_path / "backups"
    with Library(path) as library:
        library.star("One")
        good = make_copy(path, folder)
        assert good is not None
        (folder / "library-by-hand.db").write_text("a copy that somebody made")
        damaged = folder / "library-29990101T000000.000000.db"
        damaged.write_text("no database " * 500)
        assert copies(folder) == [good, damaged]
        assert best_backup(folder) == good
        assert make_copy(path, folder) is None, "nothing has changed since the intact copy"
        good.unlink()
    for one in copies(folder):
        one.write_text("no database " * 500)
    assert best_backup(folder) is None


def test_what_a_copy_that_was_cut_off_has_left_goes_with_a_later_one(tmp_path: Path) -> None:
    path, folder = tmp_path / "library.db", tmp_path / "backups"
    folder.mkdir()
    old, fresh = folder / "library-a.part", folder / "library-b.part"
    for part in (old, fresh):
        part.write_bytes(b"half")
    os.utime(old, (0, 0))
    with Library(path) as library:
        library.star("One")
        assert make_copy(path, folder) is not None
    assert not old.exists()
    assert fresh.exists(), "it may be being made by another instance"


def test_old_copies_go_when_a_new_one_is_there(tmp_path: Path) -> None:
    path, folder = tmp_path / "library.db", tmp_path / "backups"
    with Library(path) as library:
        library.star("One")
        first = make_copy(path, folder)
        assert first is not None
        for second in range(10):
            first.with_name(f"library-20200101T0000{second:02d}.000000.db").write_bytes(
                first.read_bytes()
            )
        first.unlink()
        library.star("Two")
        assert make_copy(path, folder) is not None
    assert len(copies(folder)) == 5


def test_a_copy_of_a_damaged_library_takes_no_place_among_the_good_ones(tmp_path: Path) -> None:
    path, folder = tmp_path / "library.db", tmp_path / "backups"
    with Library(path) as library:
        for number in range(300):
            library.star(f"Title {number}")
    connection = sqlite3.connect(path)
    pages = connection.execute(
        "SELECT pageno FROM dbstat WHERE name = 'favourites' AND pagetype = 'leaf'"
    ).fetchall()
    connection.close()
    with path.open("r+b") as file:
        file.seek((pages[len(pages) // 2][0] - 1) * 4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(TitletuiError, match="damaged"):
        make_copy(path, folder)
    assert copies(folder) == []
    Backups(path, folder).finish()
