"""Harvests from a server that answers wrongly."""

import sqlite3
import time
from collections.abc import Callable

import pytest

from tests.support import oai_server
from tests.support.harvests import (
    HASTY,
    QUERY,
    Here,
    harvest_state,
    missing,
    notes,
    point_to,
    run_here,
    stored,
)
from tests.support.oai_server import (
    Asked,
    OaiServer,
    Record,
    Reply,
    body,
    error_body,
    papers,
    record_xml,
    serving,
)
from titletui.arxiv.client import OaiClient, TransientError
from titletui.arxiv.harvest_state import HarvestStore
from titletui.arxiv.harvester import Harvester
from titletui.arxiv.oai_pmh import parse_response
from titletui.arxiv.progress import HarvestProgress
from titletui.arxiv.rate_limit import RateLimiter
from titletui.corpus.store import CorpusStore
from titletui.errors import TitletuiError
from titletui.paths import Home

Property = Callable[[str, object], None]


def drifting(server: OaiServer) -> None:
    """Modifies three papers that were given already, after each of the first nine pages: those
    behind them move up by three places, past the offset."""
    given = iter([record.id for record in papers(500)])

    def modify(page: int) -> None:
        if page <= 9:
            for _ in range(3):
                server.touch(next(given), "2024-06-01")

    server.after_page = modify


@pytest.mark.fault("F03")
def test_papers_modified_between_pages_are_not_lost(
    home: Home, monkeypatch: pytest.MonkeyPatch, record_property: Property
) -> None:
    with serving(papers(500, a_day=500), page=50) as server:
        point_to(server, monkeypatch)
        drifting(server)
        here = Here(home)
        assert here.run().outcome == "done"
        lost = missing(home, server.records)
        record_property("records_lost", len(lost))
        assert not lost
        assert harvest_state(home).counts.recovered > 0
        assert "that the list had lost" in notes(here.folder)
        newest = {id_: paper.datestamp for id_, paper in stored(home).items()}
        assert newest == {record.id: record.stamp for record in server.records.values()}


@pytest.mark.fault("F03")
def test_without_the_check_they_would_be_lost(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(papers(500, a_day=500), page=50) as server, CorpusStore(home.corpus_db) as store:
        point_to(server, monkeypatch)
        drifting(server)
        store.create("cs.CL")
        here = Here(home)
        progress = HarvestProgress(here.job)
        limiter = RateLimiter(home.data / "oai.lock", 0)
        client = OaiClient(server.url, limiter, progress, HASTY)
        Harvester(QUERY, client, HarvestStore(store, "cs.CL"), progress).run(reconcile=False)
        client.close()
        limiter.close()
        assert len(missing(home, server.records)) > 0


@pytest.mark.fault("F04")
@pytest.mark.parametrize("a_day", [20, 35])
def test_a_token_that_is_refused_in_the_middle_costs_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch, a_day: int
) -> None:
    with serving(papers(300, a_day=a_day), page=50) as server:
        point_to(server, monkeypatch)
        seen: list[str] = []

        def refuse(token: str) -> bool:
            seen.append(token)
            return len(seen) in (3, 6)

        server.refused_tokens = refuse
        here = Here(home)
        assert here.run().outcome == "done"
        assert not missing(home, server.records)
        assert "forgot the place" in notes(here.folder)


@pytest.mark.fault("F04")
def test_tokens_that_are_never_good_end_in_an_error_and_not_in_complete(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(300, a_day=300), page=50) as server:
        point_to(server, monkeypatch)
        server.refused_tokens = lambda _: True
        with pytest.raises(TitletuiError, match="forgets the place"):
            run_here(home)
        assert harvest_state(home).stage == "list"
        assert len(server.asked) < 30


@pytest.mark.fault("F05")
def test_no_records_for_a_token_is_checked_before_the_harvest_is_complete(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(300), page=50) as server:
        point_to(server, monkeypatch)

        def no_match(asked: Asked, right: bytes) -> Reply | None:
            if asked.verb == "ListRecords" and server.sent_pages == 3:
                server.sent_pages += 1
                return Reply(body=error_body("noRecordsMatch", "empty list"))
            return None

        server.fault = no_match
        assert run_here(home).outcome == "done"
        assert not missing(home, server.records)
        assert harvest_state(home).counts.recovered == 150


@pytest.mark.fault("F06")
def test_an_argument_that_is_refused_ends_in_the_servers_words(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(100), page=50) as server:
        point_to(server, monkeypatch)
        run_here(home)
        watermark = harvest_state(home).watermark
        server.today = "2025-02-01"
        server.fault = lambda asked, right: Reply(
            body=error_body("badArgument", "Reason: Set does not exist")
        )
        with pytest.raises(TitletuiError, match=r"badArgument.*Set does not exist"):
            run_here(home)
        after = harvest_state(home)
        assert after.stage != "done"
        assert after.watermark == watermark == "2024-12-31"


@pytest.mark.fault("F07")
def test_a_wrong_clock_changes_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    with serving(papers(200), page=50) as server:
        point_to(server, monkeypatch)
        for place, off in enumerate((14 * 3600.0, 2 * 86400.0, -2 * 86400.0)):
            monkeypatch.setattr(time, "time", lambda off=off: real() + off)
            monkeypatch.setenv("TZ", "Pacific/Kiritimati")
            time.tzset()
            server.put(Record(id=f"2412.9999{place}", stamp="2024-12-31"))
            run_here(home)
            assert not missing(home, server.records)
            assert harvest_state(home).watermark == "2024-12-31"
        assert not any("until" in asked.query for asked in server.asked)
        lists = [asked.query for asked in server.asked if asked.verb == "ListRecords"]
        starts = [query.get("from") for query in lists if "resumptionToken" not in query]
        assert starts == [None, "2024-12-28", "2024-12-28"]
    monkeypatch.delenv("TZ")
    time.tzset()


@pytest.mark.fault("F15")
def test_a_list_that_goes_in_circles_ends_with_an_error(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = "".join(record_xml(record) for record in papers(3))
    with serving([]) as server:
        point_to(server, monkeypatch)
        server.fault = lambda asked, right: Reply(body=body(entries, token="again"))
        with pytest.raises(TitletuiError, match="again and again"):
            run_here(home)
        assert len(server.asked) < 5
        assert harvest_state(home).stage == "list"


@pytest.mark.fault("F15")
def test_page_after_empty_page_ends_with_an_error(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving([]) as server:
        point_to(server, monkeypatch)
        server.fault = lambda asked, right: Reply(body=body("", token=f"t{len(server.asked)}"))
        with pytest.raises(TitletuiError, match="empty pages"):
            run_here(home)
        assert len(server.asked) <= 10


@pytest.mark.fault("F05")
def test_a_token_that_is_refused_during_the_check_begins_the_check_anew(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oai_server, "IDENTIFIERS_A_PAGE", 20)
    seen: list[str] = []
    with serving(papers(90), page=200) as server:
        point_to(server, monkeypatch)

        def refused(token: str) -> bool:
            seen.append(token)
            return len(seen) == 2

        server.refused_tokens = refused
        assert run_here(home).outcome == "done"
        assert len(seen) > 4
        assert not missing(home, server.records)


@pytest.mark.fault("F09")
def test_a_check_that_goes_in_circles_ends_with_an_error(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oai_server, "IDENTIFIERS_A_PAGE", 20)
    first: list[bytes] = []
    with serving(papers(90), page=200) as server:
        point_to(server, monkeypatch)

        def again(asked: Asked, right: bytes) -> Reply | None:
            if asked.verb != "ListIdentifiers":
                return None
            first.append(right)
            return Reply(body=first[0])

        server.fault = again
        with pytest.raises(TitletuiError, match="gives the same page again and again"):
            run_here(home)
        assert len(stored(home)) == 90


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"<rss><OAI-PMH></OAI-PMH></rss>", "is cut short"),
        (b"<OAI-PMH><Identify/></OAI-PMH>", "holds no list"),
    ],
)
def test_an_answer_of_another_kind_is_none(answer: bytes, says: str) -> None:
    with pytest.raises(TransientError, match=says):
        parse_response(answer)


def test_a_harvest_whose_notes_cannot_be_read_says_what_to_do(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(20)) as server:
        point_to(server, monkeypatch)
        assert run_here(home).outcome == "done"
        with sqlite3.connect(home.corpus_db) as database:
            database.execute("UPDATE marks SET state = CAST('{' AS BLOB)")
        with pytest.raises(TitletuiError, match="cannot be read"):
            run_here(home)


@pytest.mark.fault("F05")
def test_a_list_of_identifiers_that_has_become_empty_ends_the_check(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(60), page=50) as server:
        point_to(server, monkeypatch)
        server.fault = lambda asked, _: (
            Reply(body=error_body("noRecordsMatch", "none"))
            if asked.verb == "ListIdentifiers"
            else None
        )
        assert run_here(home).outcome == "done"
        assert len(stored(home)) == 60
