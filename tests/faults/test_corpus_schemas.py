"""A corpus.db of each released version is opened and brought up to date; a newer one is refused."""

import contextlib
import sqlite3
import sys
from pathlib import Path

import pytest

from tests.support.harvests import Here, point_to
from tests.support.oai_server import papers, serving
from titletui.arxiv.harvest_state import HarvestQuery, HarvestStore
from titletui.cli import main
from titletui.corpus.paper import Paper
from titletui.corpus.schema import MIGRATIONS
from titletui.corpus.statistics import compute_statistics
from titletui.corpus.store import CorpusStore
from titletui.database import open_database
from titletui.errors import TitletuiError
from titletui.paths import Home

SCHEMAS = Path(__file__).parent / "schemas"
RELEASED = sorted(SCHEMAS.glob("corpus-v*.sql"))
WITHDRAWN = Paper(
    id="math/9201239",
    title="Hitting times of $\\alpha$-stable processes",
    categories="math.PR",
    authors="P. Roe",
    created="1992-01-01",
    datestamp="2008-11-26",
    deleted=True,
)


def released(path: Path, schema: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(schema.read_text(encoding="utf-8"))


@pytest.mark.fault("F61")
@pytest.mark.parametrize("schema", RELEASED, ids=lambda path: path.stem)
def test_a_corpus_of_each_released_version_is_opened_with_all_that_it_holds(
    home: Home, schema: Path
) -> None:
    released(home.corpus_db, schema)
    with CorpusStore.open(home) as store:
        assert store.notice == ""
        speech, mine = store.corpora()
        assert (speech.name, speech.papers, speech.category) == ("eess.AS", 2, "eess.AS")
        assert (speech.earliest, speech.latest) == ("1992-01", "2024-09")
        assert (mine.name, mine.papers, mine.source) == ("mine.txt", 1, "mine.txt")
        assert store.paper("math/9201239") == WITHDRAWN
        assert store.paper("2409.04057").authors == "Jane Doe; Erik Ångström"
        assert store.paper("2409.04057").abstract == "We study speech."
        (found,) = store.page("eess.AS", search="speech sup").rows
        assert found.id == "2409.04057"
        assert compute_statistics(store, "mine.txt").titles.mode == 4
        (aside,) = HarvestStore(store, "eess.AS").quarantined()
        assert (aside.id, aside.raw) == ("2401.00009", b"<record/>")
        state = HarvestStore(store, "eess.AS").load()
        assert state is not None
        assert (state.stage, state.reached, state.token) == ("list", "2024-02-09", "tok%3D50")
        assert store.add("mine.txt", [Paper(id="2501.00001", title="One more")]).new == 1
    with contextlib.closing(sqlite3.connect(home.corpus_db)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.execute("INSERT INTO titles (titles) VALUES ('integrity-check')")


@pytest.mark.fault("F61")
@pytest.mark.parametrize("schema", RELEASED, ids=lambda path: path.stem)
def test_a_harvest_that_an_older_version_began_goes_on(
    home: Home, monkeypatch: pytest.MonkeyPatch, schema: Path
) -> None:
    released(home.corpus_db, schema)
    with serving(papers(100), page=50) as server:
        server.records = {
            record.id: record for record in server.records.values() if record.stamp >= "2024-01-04"
        }
        point_to(server, monkeypatch)
        query = HarvestQuery(corpus="eess.AS", category="cs.CL")
        with CorpusStore(home.corpus_db) as store:
            state = HarvestStore(store, "eess.AS").load()
            assert state is not None
        assert state.query.category == "eess.AS"
        assert Here(home, query).run().outcome == "done"
    with CorpusStore(home.corpus_db) as store:
        assert store.summary("eess.AS").papers == 2 + len(server.records)


@pytest.mark.fault("F61")
@pytest.mark.parametrize("schema", RELEASED, ids=lambda path: path.stem)
def test_a_migration_keeps_a_copy_of_what_was_there(home: Home, schema: Path) -> None:
    released(home.corpus_db, schema)

    def following(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE corpora ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'")

    migrations = [*MIGRATIONS, following]
    with contextlib.closing(open_database(home.corpus_db, migrations)) as connection:
        assert connection.execute("SELECT name, colour FROM corpora").fetchall() == [
            ("eess.AS", "red"),
            ("mine.txt", "red"),
        ]
    copy = home.corpus_db.with_name(f"corpus-before-v{len(migrations)}.db")
    with CorpusStore(copy) as store:
        assert [corpus.papers for corpus in store.corpora()] == [2, 1]


@pytest.mark.fault("F61")
def test_a_corpus_of_a_newer_version_is_refused_in_one_sentence_and_left_as_it_is(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    released(home.corpus_db, RELEASED[-1])
    with contextlib.closing(sqlite3.connect(home.corpus_db)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = home.corpus_db.read_bytes()
    with pytest.raises(TitletuiError, match="newer titletui"):
        CorpusStore.open(home)
    for words in (["corpora"], ["scrape", "cs.CL"], ["import", sys.executable]):
        assert main(words) in (1, 2)
        _, said = capsys.readouterr()
        assert len(said.splitlines()) == 1
    assert main(["corpora"]) == 1
    assert capsys.readouterr().err == (
        f"titletui: {home.corpus_db} was written by a newer titletui (schema 99, this one knows "
        f"{len(MIGRATIONS)}); update titletui.\n"
    )
    assert home.corpus_db.read_bytes() == before
    assert not list(home.data.glob("corpus-*"))


def test_there_is_a_fixture_of_each_schema_of_a_corpus() -> None:
    assert len(RELEASED) == len(MIGRATIONS)
