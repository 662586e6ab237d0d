"""Harvests and imports that bring nothing say why, and leave no empty corpus behind."""

import json
from pathlib import Path

import pytest

from tests.support.harvests import Here, notes, point_to, stored
from tests.support.oai_server import papers, serving
from tests.support.processes import until
from titletui.arxiv.filters import parse_filters
from titletui.arxiv.harvest_state import HarvestCounts, HarvestState
from titletui.arxiv.job import HarvestQuery
from titletui.arxiv.progress import explain_nothing_new
from titletui.cli import main
from titletui.corpus.store import CorpusStore
from titletui.importing.job import Source, start_import
from titletui.jobs.job import State
from titletui.paths import Home

FILTERED = HarvestQuery(corpus="cs.CL", category="cs.CL", filters=parse_filters(["title=quokka"]))


def corpora(home: Home) -> list[str]:
    with CorpusStore(home.corpus_db) as store:
        return [corpus.name for corpus in store.corpora()]


@pytest.mark.fault("F05")
@pytest.mark.parametrize(
    ("query", "said"),
    [
        (HarvestQuery(corpus="c", category="cs.CL"), "has no paper of cs.CL. No corpus"),
        (
            HarvestQuery(corpus="c", category="cs.CL", start="2025-01-01"),
            "has no paper of cs.CL that was changed from 2025-01-01. No corpus",
        ),
        (
            HarvestQuery(corpus="c", category="cs.CL", start="2006-01-01", until="2006-12-31"),
            "that was changed from 2006-01-01 until 2006-12-31. No corpus",
        ),
    ],
)
def test_a_window_without_papers_is_told_and_makes_no_corpus(
    home: Home, monkeypatch: pytest.MonkeyPatch, query: HarvestQuery, said: str
) -> None:
    with serving(papers(50) if query.start else []) as server:
        point_to(server, monkeypatch)
        ended = Here(home, query).run()
    assert ended.outcome == "done"
    assert said in ended.reason
    assert corpora(home) == []


def test_filters_that_let_nothing_through_are_told_with_how_many_were_looked_at(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(120), page=50) as server:
        point_to(server, monkeypatch)
        here = Here(home, FILTERED)
        ended = here.run()
    assert ended.reason == ("No paper matches these filters, of 120 looked at. No corpus was made.")
    assert "No paper matches these filters, of 120 looked at." in notes(here.folder)
    assert corpora(home) == []


@pytest.mark.fault("F05")
def test_an_update_without_news_says_since_when(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(100), page=50) as server:
        point_to(server, monkeypatch)
        assert Here(home).run().reason == ""
        here = Here(home)
        assert here.run().reason == "Nothing new since 2024-12-31."
        assert "Nothing new since 2024-12-31." in notes(here.folder)
        assert len(stored(home)) == 100


def test_an_update_of_a_filtered_corpus_says_how_many_were_looked_at(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = HarvestQuery(corpus="c", category="cs.CL", filters=parse_filters(["title=number 7"]))
    with serving(papers(100), page=50) as server:
        point_to(server, monkeypatch)
        assert Here(home, query).run().reason == ""
        kept = len(stored(home, "c"))
        for record in papers(30, first_day="2024-12-31", a_day=30):
            server.touch(record.id, "2024-12-31")
        server.records = {
            id_: record for id_, record in server.records.items() if "number 7" not in record.title
        }
        reason = Here(home, query).run().reason
    assert reason.startswith("Nothing new since 2024-12-31 that matches the filters, of ")
    assert len(stored(home, "c")) == kept


def test_the_command_line_says_why_no_corpus_was_made(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(papers(60), page=50) as server:
        point_to(server, monkeypatch)
        assert main(["scrape", "cs.CL", "--filter", "title=quokka"]) == 0
        out, error = capsys.readouterr()
        assert "No paper matches these filters, of 60 looked at." in error
        assert out == "cs.CL: no corpus was made\n"
        assert main(["scrape", "cs.CL", "--filter", "title=quokka", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["state"], told["papers"], told["filtered"]) == ("done", 0, 60)
        assert main(["scrape", "cs.CL"]) == 0
        assert "cs.CL: 60 papers" in capsys.readouterr().out


def test_a_file_without_a_usable_record_makes_no_corpus(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text('{"id": "1"}\n{"id": "2", "title": "  "}\n{"title": 7}\n')
    folder = start_import(home, Source(corpus="odd", path=str(path)))
    until(lambda: not folder.state.alive)
    assert folder.state is State.FAILED
    assert folder.exit is not None
    assert folder.exit.reason == "None of 3 records could be used; no corpus was made."
    assert "Line 3 was left out" in notes(folder)
    assert corpora(home) == []


def test_papers_that_were_there_already_are_told() -> None:
    state = HarvestState(query=FILTERED, counts=HarvestCounts(seen=300, skipped=300))
    assert explain_nothing_new(state, "", "arXiv") == "All 300 papers were there already."
