"""What a harvest asks for, what it keeps, and how it goes on the next day."""

import pytest

from tests.support.harvests import (
    QUERY,
    Here,
    harvest_state,
    missing,
    notes,
    point_to,
    progress,
    run_here,
    stored,
)
from tests.support.oai_server import Asked, OaiServer, Record, Reply, papers, serving
from tests.support.processes import until
from titletui.arxiv.filters import Filter, first_month, keeps, parse_filters
from titletui.arxiv.job import HarvestQuery, last_query, start_harvest, start_update
from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.errors import TitletuiError, UsageError
from titletui.jobs.job import State
from titletui.paths import Home
from titletui.version import __version__


def first_requests(server: OaiServer) -> list[dict[str, str]]:
    return [
        asked.query
        for asked in server.asked
        if asked.verb == "ListRecords" and "resumptionToken" not in asked.query
    ]


def with_filters(*written: str, **more: str) -> HarvestQuery:
    return HarvestQuery(corpus="cs.CL", category="cs.CL", filters=parse_filters(written), **more)


def test_an_update_starts_three_days_before_the_last_complete_harvest_began(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(120), page=50) as server:
        point_to(server, monkeypatch)
        server.today = "2024-03-10"
        run_here(home)
        server.today = "2024-03-20"
        server.put(Record(id="2403.00001", stamp="2024-03-08", title="Late"))
        server.touch("2401.00000", "2024-03-15")
        here = Here(home)
        here.run()
        assert [query.get("from") for query in first_requests(server)] == [None, "2024-03-07"]
        assert not missing(home, server.records)
        assert stored(home)["2401.00000"].title.endswith("(revised)")
        assert progress(here.folder)[-1].counts["new"] == 1
        assert progress(here.folder)[-1].counts["updated"] == 1
        assert harvest_state(home).watermark == "2024-03-20"


def test_a_harvest_that_did_not_become_complete_does_not_move_the_watermark(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(200), page=50) as server:
        point_to(server, monkeypatch)
        server.today = "2024-03-10"
        server.fault = lambda asked, right: (
            Reply(status=403, body=b"") if server.sent_pages == 2 else None
        )
        with pytest.raises(TitletuiError):
            run_here(home)
        assert harvest_state(home).watermark == ""
        server.fault = None
        server.today = "2024-03-12"
        run_here(home)
        assert harvest_state(home).watermark == "2024-03-10"
        assert not missing(home, server.records)


def test_a_window_keeps_what_was_modified_in_it_and_never_sends_its_end(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(400), page=50) as server:
        point_to(server, monkeypatch)
        query = HarvestQuery(
            corpus="cs.CL", category="cs.CL", start="2024-01-05", until="2024-01-08"
        )
        here = Here(home, query)
        assert here.run().outcome == "done"
        days = {paper.datestamp for paper in stored(home).values()}
        assert days == {"2024-01-05", "2024-01-06", "2024-01-07", "2024-01-08"}
        assert len(stored(home)) == 80
        assert all("until" not in asked.query for asked in server.asked)
        assert server.sent_pages <= 4
        told = [event.fraction for event in progress(here.folder) if event.fraction is not None]
        assert told[-1] == 1.0


def test_progress_is_the_share_of_days_that_lie_behind(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(200, a_day=2), page=20) as server:
        server.today = "2024-04-09"
        point_to(server, monkeypatch, interval=0.1)
        here = Here(home)
        here.run()
        told = [event for event in progress(here.folder) if event.day]
        assert len(told) >= 3
        for event in told:
            assert event.fraction is not None
            assert event.fraction == 1.0 or event.fraction == pytest.approx(
                event.done / 200, abs=0.03
            )
        assert [event.day for event in told] == sorted(event.day for event in told)


def test_a_start_before_arxivs_first_day_is_left_out(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(60), page=50) as server:
        point_to(server, monkeypatch)
        run_here(home, HarvestQuery(corpus="cs.CL", category="cs.CL", start="1991-01-01"))
        assert "from" not in server.asked[0].query
        assert not missing(home, server.records)


def test_filters_decide_what_is_kept_and_the_check_does_not_miss_the_rest(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(200, first_day="2024-12-01"), page=50) as server:
        point_to(server, monkeypatch)
        here = Here(home, with_filters("title=NUMBER 1", "submitted=2024-02..2024-03"))
        assert here.run().outcome == "done"
        kept = stored(home)
        assert kept
        for paper in kept.values():
            assert "number 1" in paper.title
            assert paper.id[:4] in ("2402", "2403")
        counts = harvest_state(home).counts
        assert counts.filtered == 200 - len(kept)
        assert counts.recovered == 0
        assert sum(asked.verb == "GetRecord" for asked in server.asked) == 0
        assert server.asked[0].query["from"] == "2024-02-01"
        with CorpusStore(home.corpus_db) as store:
            assert store.rows("SELECT count(*) FROM aside") == [(0,)]


def test_the_category_of_a_harvest_is_asked_for_by_its_set(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving([]) as server:
        point_to(server, monkeypatch)
        run_here(home, HarvestQuery(corpus="ga", category="astro-ph.GA"))
        run_here(home, HarvestQuery(corpus="all", category="grp_physics"))
        assert [asked.query["set"] for asked in server.asked] == ["physics:astro-ph:GA", "physics"]
        assert all(asked.agent.startswith("titletui/") for asked in server.asked)


@pytest.mark.parametrize(
    ("config", "sent"),
    [
        ("", f"titletui/{__version__} (Python package titletui)"),
        ('contact = "jane@example.org"', f"titletui/{__version__} (mailto:jane@example.org)"),
        ('contact = "no address"', f"titletui/{__version__} (Python package titletui)"),
        ('contact = "a@b\\nX-Evil: 1"', f"titletui/{__version__} (Python package titletui)"),
    ],
)
def test_requests_name_the_program_and_the_address_that_was_set(
    home: Home, monkeypatch: pytest.MonkeyPatch, config: str, sent: str
) -> None:
    home.config_toml.write_text(config)
    with serving(papers(10)) as server:
        point_to(server, monkeypatch)
        here = Here(home)
        assert here.run().outcome == "done"
        assert {asked.agent for asked in server.asked} == {sent}
    told = "contact must be an e-mail address or empty" in notes(here.folder)
    assert told is ("jane" not in config and bool(config))


def test_a_bare_query_updates_a_corpus_with_what_it_was_harvested_with(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(60), page=50) as server:
        point_to(server, monkeypatch)
        first = with_filters("title=number", start="2024-01-02")
        folder = start_harvest(home, first)
        until(lambda: folder.state is State.DONE)
        folder = start_harvest(home, QUERY)
        until(lambda: folder.state is State.DONE)
        with CorpusStore(home.corpus_db) as store:
            assert last_query(store, "cs.CL") == first
        folder = start_update(home, "cs.CL")
        until(lambda: folder.state is State.DONE)
        assert [query.get("from") for query in first_requests(server)] == [
            "2024-01-02", "2024-12-28", "2024-12-28"
        ]  # fmt: skip


def test_a_renamed_corpus_is_updated_under_its_new_name(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(60), page=50) as server:
        point_to(server, monkeypatch)
        run_here(home)
        with CorpusStore(home.corpus_db) as store:
            store.rename("cs.CL", "language")
        server.put(Record(id="2412.55555", stamp="2024-12-30"))
        folder = start_update(home, "language")
        until(lambda: folder.state is State.DONE)
        with CorpusStore(home.corpus_db) as store:
            assert [(c.name, c.papers) for c in store.corpora()] == [("language", 61)]
        assert first_requests(server)[-1]["from"] == "2024-12-28"


def test_another_harvest_into_the_same_corpus_is_refused_while_one_runs(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(300), page=50) as server:
        point_to(server, monkeypatch, interval=0.2)
        folder = start_harvest(home, QUERY)
        with pytest.raises(TitletuiError, match=r"Another harvest into cs\.CL is running"):
            start_harvest(home, HarvestQuery(corpus="cs.CL", category="cs.LG"))
        assert start_harvest(home, QUERY) == folder
        until(lambda: folder.state is State.DONE)


def test_an_update_of_a_corpus_whose_first_scrape_never_began_scrapes_all_of_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(60), page=50) as server:
        point_to(server, monkeypatch)
        with CorpusStore(home.corpus_db) as store:
            store.create("language", category="cs.CL", source="arXiv")
        folder = start_update(home, "language")
        until(lambda: folder.state is State.DONE)
        with CorpusStore(home.corpus_db) as store:
            assert store.summary("language").papers == 60


def test_a_corpus_from_a_file_cannot_be_updated_from_arxiv(home: Home) -> None:
    with CorpusStore(home.corpus_db) as store:
        store.create("mine", source="mine.txt")
    with pytest.raises(UsageError, match="came from a file"):
        start_update(home, "mine")
    with pytest.raises(UsageError, match="no corpus"):
        start_update(home, "nope")


@pytest.mark.parametrize(
    ("start", "end"),
    [("2024-13-01", ""), ("yesterday", ""), ("2024-1-1", ""), ("2024-02-02", "2024-02-01")],
)
def test_days_that_are_none_are_refused_before_anything_starts(
    home: Home, start: str, end: str
) -> None:
    with pytest.raises(UsageError):
        start_harvest(home, HarvestQuery(corpus="c", category="cs.CL", start=start, until=end))
    assert not (home.jobs / "harvest").exists()


def test_a_silent_server_is_told_while_it_is_waited_for(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from titletui.arxiv import client

    monkeypatch.setattr(client, "_REPORT_SILENCE_AFTER", 0.3)
    with serving(papers(60), page=50) as server:
        point_to(server, monkeypatch)

        def slow(asked: Asked, right: bytes) -> Reply | None:
            return Reply(hang=1.0) if len(server.asked) == 2 else None

        server.fault = slow
        here = Here(home)
        here.run()
        assert any("has been silent for" in event.waiting for event in progress(here.folder))
        assert notes(here.folder) == ""


PAPER = Paper(
    id="1912.00001",
    title="Speech and Noise",
    abstract="We study",
    authors="Jane Doe; Émile Poe",
    categories="eess.AS cs.SD",
    created="2024-05-05",
)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ([], True),
        (["title=speech"], True),
        (["title=music"], False),
        (["title=music", "title=NOISE"], True),
        (["title=speech", "abstract=nothing"], False),
        (["author=émile"], True),
        (["authors=poe"], True),
        (["category=cs.SD"], True),
        (["category=cs"], True),
        (["category=cs.S"], False),
        (["subcats=eess.as"], True),
        (["submitted=2019"], True),
        (["submitted=2024"], False),
        (["submitted=2019-12"], True),
        (["submitted=2019-11..2020-01"], True),
        (["submitted=2020.."], False),
        (["submitted=..2019"], True),
    ],
)
def test_filters_mean_any_of_a_key_and_all_keys(written: list[str], kept: bool) -> None:
    assert keeps(parse_filters(written), PAPER) is kept


@pytest.mark.parametrize(
    "written",
    ["title", "title=", "=x", "doi=1", "submitted=May", "submitted=2024..2023", "submitted=.."],
)
def test_filters_that_mean_nothing_are_refused(written: str) -> None:
    with pytest.raises(UsageError):
        parse_filters([written])


def test_the_first_month_of_submission_bounds_the_window() -> None:
    assert first_month(parse_filters(["submitted=2023-05", "submitted=2021.."])) == "2021-01"
    assert first_month((Filter("title", "x"),)) == ""
