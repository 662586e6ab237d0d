"""Harvests from a server that answers wrongly."""

import dataclasses
import sqlite3
import time
import zlib
from collections.abc import Callable

import pytest

from tests import oai_server
from tests.harvests import (
    HASTY,
    QUERY,
    Here,
    chain_of,
    missing,
    notes,
    point_to,
    run_here,
    stored,
)
from tests.oai_server import (
    Asked,
    OaiServer,
    Record,
    Reply,
    body,
    papers,
    record_xml,
    serving,
)
from titletui.corpus.chain import Harvest
from titletui.corpus.fetch import Fetcher, PassingError
from titletui.corpus.ledger import Ledger
from titletui.corpus.oai import read_answer
from titletui.corpus.pace import Pace
from titletui.corpus.reporting import Reporter
from titletui.corpus.store import CorpusStore
from titletui.errors import TitletuiError
from titletui.home import Home

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
        assert chain_of(home).tally.recovered > 0
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
        reporter = Reporter(here.job)
        pace = Pace(home.data / "oai.lock", 0)
        fetcher = Fetcher(server.url, pace, reporter, HASTY)
        Harvest(QUERY, fetcher, Ledger(store, "cs.CL"), reporter).run(check=False)
        fetcher.close()
        pace.close()
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
        assert chain_of(home).stage == "list"
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
                return Reply(body=error("noRecordsMatch", "empty list"))
            return None

        server.fault = no_match
        assert run_here(home).outcome == "done"
        assert not missing(home, server.records)
        assert chain_of(home).tally.recovered == 150


@pytest.mark.fault("F06")
def test_an_argument_that_is_refused_ends_in_the_servers_words(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(100), page=50) as server:
        point_to(server, monkeypatch)
        run_here(home)
        watermark = chain_of(home).watermark
        server.today = "2025-02-01"
        server.fault = lambda asked, right: Reply(
            body=error("badArgument", "Reason: Set does not exist")
        )
        with pytest.raises(TitletuiError, match=r"badArgument.*Set does not exist"):
            run_here(home)
        after = chain_of(home)
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
            assert chain_of(home).watermark == "2024-12-31"
        assert not any("until" in asked.query for asked in server.asked)
        lists = [asked.query for asked in server.asked if asked.verb == "ListRecords"]
        starts = [query.get("from") for query in lists if "resumptionToken" not in query]
        assert starts == [None, "2024-12-28", "2024-12-28"]
    monkeypatch.delenv("TZ")
    time.tzset()


def _zipped(right: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(right) + packer.flush()


BROKEN: dict[str, Callable[[bytes], Reply]] = {
    "reset": lambda right: Reply(reset=True),
    "short body": lambda right: Reply(
        headers={"Content-Encoding": "identity"}, body=right[:900], announce=len(right)
    ),
    "truncated gzip": lambda right: Reply(
        headers={"Content-Encoding": "gzip"}, body=_zipped(right)[:-700]
    ),
    "no gzip": lambda right: Reply(headers={"Content-Encoding": "gzip"}, body=b"\x00" * 3_000),
    "truncated XML": lambda right: Reply(body=right[: len(right) // 2]),
    "HTML": lambda right: Reply(body=b"<html><body>Down for maintenance</body></html>"),
    "nothing": lambda right: Reply(body=b""),
    "500": lambda right: Reply(status=500, body=b""),
}


@pytest.mark.fault("F12")
@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_answer_is_asked_for_again(
    home: Home, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    with serving(papers(150), page=50) as server:
        point_to(server, monkeypatch)
        at_fault: list[int] = []

        def break_twice(asked: Asked, right: bytes) -> Reply | None:
            if len(server.asked) not in (2, 3):
                return None
            at_fault.append(len(stored(home)))
            return BROKEN[how](right)

        server.fault = break_twice
        assert run_here(home).outcome == "done"
        assert at_fault == [50, 50]
        assert not missing(home, server.records)
        assert len(server.asked) == 6


@pytest.mark.fault("F12")
@pytest.mark.parametrize(
    ("how", "place", "a_day", "identifiers"),
    [
        ("truncated XML", 67, 12, 1_000),
        ("500", 67, 12, 1_000),
        ("500", 119, 12, 1_000),
        ("500", 22, 12, 24),
        ("500", 67, 120, 50),
    ],
)
def test_a_page_that_is_always_broken_is_had_by_days_and_records(
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
    place: int,
    a_day: int,
    identifiers: int,
) -> None:
    """One record makes any list that holds it fail; all others come, and it is kept aside.

    It lies in the middle, on the last day, on the last day of a page of identifiers, or on a day
    that is longer than such a page.
    """
    monkeypatch.setattr(oai_server, "IDENTIFIERS_A_PAGE", identifiers)
    with serving(papers(120, a_day=a_day), page=50) as server:
        point_to(server, monkeypatch)
        poison = list(server.records)[place]

        def break_what_holds_it(asked: Asked, right: bytes) -> Reply | None:
            if asked.verb != "ListIdentifiers" and f"<id>{poison}</id>".encode() in right:
                return BROKEN[how](right)
            return None

        server.fault = break_what_holds_it
        here = Here(home)
        assert here.run().outcome == "done"
        assert missing(home, server.records) == {poison}
        assert "day by day" in notes(here.folder)
        with CorpusStore(home.corpus_db) as store:
            assert [entry.id for entry in Ledger(store, "cs.CL").aside()] == [poison]


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
        assert chain_of(home).stage == "list"


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


def error(code: str, text: str) -> bytes:
    right = body("").decode()
    start = right.index("<ListRecords>")
    return (right[:start] + f"<error code='{code}'>{text}</error></OAI-PMH>").encode()


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
    with pytest.raises(PassingError, match=says):
        read_answer(answer)


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


@pytest.mark.fault("F12")
def test_a_deleted_record_and_an_empty_day_are_gone_past_on_the_way(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken page whose days hold a record that arXiv took back, and one that lists nothing."""
    records = papers(60, a_day=12)
    records[7] = dataclasses.replace(records[7], deleted=True)
    with serving(records, page=50) as server:
        point_to(server, monkeypatch)
        days = sorted({record.stamp for record in records})

        def break_long_lists(asked: Asked, right: bytes) -> Reply | None:
            if asked.verb != "ListRecords":
                return None
            if asked.query.get("until") == days[1]:
                return Reply(body=error("noRecordsMatch", "nothing on that day"))
            first = asked.query.get("until") == days[0]
            return Reply(status=500, body=b"") if first or "until" not in asked.query else None

        server.fault = break_long_lists
        here = Here(home)
        assert here.run().outcome == "done"
        assert missing(home, server.records) == {records[7].id}
        assert chain_of(home).tally.deleted == 1


@pytest.mark.fault("F12")
def test_a_page_of_which_nothing_can_be_read_is_had_by_days(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(60, a_day=12), page=50) as server:
        point_to(server, monkeypatch)
        server.fault = lambda asked, _: (
            Reply(body=b"<OAI-PMH><ListRecords>")
            if asked.verb == "ListRecords" and "until" not in asked.query
            else None
        )
        here = Here(home)
        assert here.run().outcome == "done"
        assert not missing(home, server.records)
        assert "day by day" in notes(here.folder)


@pytest.mark.fault("F05")
def test_a_list_of_identifiers_that_has_become_empty_ends_the_check(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(60), page=50) as server:
        point_to(server, monkeypatch)
        server.fault = lambda asked, _: (
            Reply(body=error("noRecordsMatch", "none")) if asked.verb == "ListIdentifiers" else None
        )
        assert run_here(home).outcome == "done"
        assert len(stored(home)) == 60


def test_a_server_that_goes_while_records_are_asked_for_one_by_one_leaves_a_harvest_to_resume(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(60, a_day=12), page=50) as server:
        point_to(server, monkeypatch)

        def go_away(asked: Asked, _: bytes) -> Reply | None:
            if asked.verb == "GetRecord":
                return Reply(status=503, headers={"Retry-After": "0"}, body=b"")
            return Reply(status=500, body=b"") if asked.verb == "ListRecords" else None

        server.fault = go_away
        with pytest.raises(TitletuiError, match="resume later"):
            run_here(home)
        assert chain_of(home).stage == "list"
        server.fault = None
        assert run_here(home).outcome == "done"
        assert not missing(home, server.records)
