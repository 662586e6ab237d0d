"""A corpus.db that is damaged, of a newer titletui, or that cannot be written."""

import os
import sqlite3

import pytest

from tests.support.corpora import some_papers
from titletui.corpus.schema import MIGRATIONS
from titletui.corpus.store import CorpusStore
from titletui.database import DatabaseDamagedError
from titletui.errors import TitletuiError
from titletui.paths import Home


@pytest.fixture
def store(home: Home) -> CorpusStore:
    store = CorpusStore(home.corpus_db)
    store.create("c", category="cs.CL")
    return store


@pytest.mark.parametrize("damage", ["not a database", "header", "empty page", "truncated"])
def test_a_damaged_file_is_told_moved_aside_and_replaced(home: Home, damage: str) -> None:
    path = home.corpus_db
    with CorpusStore(path) as store:
        store.create("c")
        store.add("c", some_papers(2_000))
    data = bytearray(path.read_bytes())
    if damage == "not a database":
        data[:] = b"something else entirely" * 100
    elif damage == "header":
        data[:64] = os.urandom(64)
    elif damage == "empty page":
        data[4096 : 4096 * 40] = bytes(4096 * 39)
    else:
        del data[len(data) // 3 :]
    path.write_bytes(data)
    with CorpusStore.open(home) as store:
        assert "damaged" in store.notice
        assert "scrape or import" in store.notice
        assert store.corpora() == []
        store.create("new")
    (aside,) = home.data.glob("corpus-damaged-*.db")
    assert aside.read_bytes() == bytes(data)
    with CorpusStore.open(home) as store:
        assert store.notice == ""
        assert [s.name for s in store.corpora()] == ["new"]


def test_damage_that_is_met_later_is_told_in_one_sentence(home: Home) -> None:
    path = home.corpus_db
    with CorpusStore(path) as store:
        store.create("c")
        store.add("c", some_papers(5_000))
        pages = store.rows("SELECT pageno FROM dbstat WHERE name = 'papers' AND pagetype = 'leaf'")
    with path.open("r+b") as file:
        for (page,) in pages:
            file.seek((page - 1) * 4096)
            file.write(b"\xff" * 4096)
    with CorpusStore(path) as store, pytest.raises(DatabaseDamagedError, match="damaged"):
        list(store.papers("c"))
    with CorpusStore.open(home) as store:
        assert "moved to corpus-damaged" in store.notice
        assert store.corpora() == []


def test_a_false_suspicion_is_forgotten(store: CorpusStore, home: Home) -> None:
    home.corpus_db.with_name("corpus.db-suspicious").touch()
    for _ in range(2):
        with CorpusStore.open(home) as mine:
            assert mine.notice == ""
            assert [s.name for s in mine.corpora()] == ["c"]
    assert not home.corpus_db.with_name("corpus.db-suspicious").exists()


def test_a_file_of_a_newer_titletui_is_refused_untouched(home: Home) -> None:
    CorpusStore(home.corpus_db).close()
    connection = sqlite3.connect(home.corpus_db)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    before = home.corpus_db.read_bytes()
    with pytest.raises(TitletuiError, match="newer titletui"):
        CorpusStore.open(home)
    assert home.corpus_db.read_bytes() == before


def test_a_folder_that_cannot_be_written_still_shows_its_corpora(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with CorpusStore(home.corpus_db) as store:
        store.create("c")
        store.add("c", some_papers(3))
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with CorpusStore.open(home) as store:
        assert "not changed" in store.notice
        assert store.summary("c").papers == 3
        assert len(store.page("c", search="neural").rows) == 3
        with pytest.raises(TitletuiError, match="reading only"):
            store.create("d")


def test_damage_that_no_glance_meets_is_found_once_it_is_suspected(home: Home) -> None:
    path = home.corpus_db
    with CorpusStore(path) as store:
        store.create("c")
        store.add("c", some_papers(5_000))
        pages = store.rows("SELECT pageno FROM dbstat WHERE name = 'papers' AND pagetype = 'leaf'")
    with path.open("r+b") as file:
        file.seek((pages[len(pages) // 2][0] - 1) * 4096)
        file.write(b"\xff" * 4096)
    with CorpusStore.open(home) as store:
        assert store.notice == ""
    path.with_name("corpus.db-suspicious").touch()
    with CorpusStore.open(home) as store:
        assert "moved to corpus-damaged" in store.notice
