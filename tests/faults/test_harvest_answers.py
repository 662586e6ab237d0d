"""Harvests from a server that answers wrongly."""

import os
import re
import time
import zlib
from collections.abc import Callable

import msgspec
import pytest

from tests.harvests import (
    HASTY,
    QUERY,
    Here,
    chain_of,
    missing,
    notes,
    point_to,
    progress,
    run_here,
    stored,
    worker,
)
from tests.oai_server import (
    Asked,
    OaiServer,
    Record,
    Reply,
    body,
    http_date,
    papers,
    record_xml,
    serving,
)
from titletui.corpus.chain import Harvest
from titletui.corpus.fetch import Fetcher, RefusedError, may_follow
from titletui.corpus.ledger import Ledger
from titletui.corpus.pace import Pace, interval_for
from titletui.corpus.reporting import Reporter
from titletui.corpus.store import CorpusStore
from titletui.errors import TitletuiError
from titletui.home import Home
from titletui.jobs.folder import create_job

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
def test_no_records_on_the_first_page_is_nothing_new(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving([]) as server:
        point_to(server, monkeypatch)
        here = Here(home)
        assert here.run().outcome == "done"
        assert stored(home) == {}
        assert "nothing new" in notes(here.folder)


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


@pytest.mark.fault("F08")
@pytest.mark.parametrize(("asked_for", "least"), [("1", 0.95), ("date", 0.5), ("", 0.0)])
def test_a_busy_server_is_given_the_time_that_it_asks_for(
    home: Home, monkeypatch: pytest.MonkeyPatch, asked_for: str, least: float
) -> None:
    with serving(papers(150), page=50) as server:
        point_to(server, monkeypatch)

        def busy(asked: Asked, right: bytes) -> Reply | None:
            if len(server.asked) != 2:
                return None
            after = http_date(2) if asked_for == "date" else asked_for
            return Reply(status=503, headers={"Retry-After": after} if after else {}, body=b"")

        server.fault = busy
        here = Here(home)
        assert here.run().outcome == "done"
        assert not missing(home, server.records)
        assert server.gaps()[1] >= least
        if least:
            assert any("503" in event.waiting for event in progress(here.folder))


@pytest.mark.fault("F08")
def test_an_hour_of_waiting_is_shown_and_can_be_cut_short(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(150), page=50) as server:
        point_to(server, monkeypatch)
        server.fault = lambda asked, right: (
            Reply(status=503, headers={"Retry-After": "3600"}, body=b"")
            if server.sent_pages == 1
            else None
        )
        here = Here(home)
        waits: list[str] = []

        def waiting() -> bool:
            waits[:] = [event.waiting for event in progress(here.folder) if "503" in event.waiting]
            return bool(waits)

        here.stop_when(waiting)
        began = time.monotonic()
        assert here.run().outcome == "stopped"
        assert time.monotonic() - began < 30
        assert re.search(r"tries again in 3[56]\d\d s", waits[0])
        assert len(server.asked) == 2
        assert len(stored(home)) == 50


@pytest.mark.fault("F09")
@pytest.mark.parametrize("status", [503, 429])
def test_a_server_that_stays_busy_is_left_in_peace(
    home: Home, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    with serving(papers(200), page=50) as server:
        point_to(server, monkeypatch, interval=0.1)
        server.fault = lambda asked, right: (
            Reply(status=status, body=b"") if server.sent_pages >= 2 else None
        )
        with pytest.raises(TitletuiError, match=f"{status}.*what came is kept"):
            run_here(home)
        assert len(server.asked) == 2 + HASTY.tries
        assert min(server.gaps()) >= 0.09
        assert len(stored(home)) == 100
        server.fault = None
        done = len(server.asked)
        assert run_here(home).outcome == "done"
        assert "resumptionToken" in server.asked[done].query
        assert not missing(home, server.records)


@pytest.mark.fault("F09")
def test_only_a_loopback_server_may_be_asked_more_often_than_every_three_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TITLETUI_OAI_INTERVAL", "0")
    assert interval_for("https://oaipmh.arxiv.org/oai") == 3.0
    assert interval_for("https://127.0.0.1.example.org/oai") == 3.0
    assert interval_for("http://127.0.0.1:80/oai") == 0.0
    assert interval_for("http://[::1]:80/oai") == 0.0
    monkeypatch.setenv("TITLETUI_OAI_INTERVAL", "5")
    assert interval_for("https://oaipmh.arxiv.org/oai") == 5.0


@pytest.mark.fault("F10")
def test_a_server_that_forbids_is_not_asked_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(200), page=50) as server:
        point_to(server, monkeypatch)
        server.fault = lambda asked, right: (
            Reply(status=403, body=b"<html>no</html>") if server.sent_pages == 1 else None
        )
        with pytest.raises(TitletuiError, match="403"):
            run_here(home)
        assert len(server.asked) == 2
        assert len(stored(home)) == 50


@pytest.mark.fault("F11")
@pytest.mark.parametrize("how", ["silent", "slow"])
def test_a_server_that_hangs_is_given_up_in_time(
    home: Home, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    with serving(papers(150), page=50) as server:
        point_to(server, monkeypatch)
        manners = msgspec.structs.replace(HASTY, silence=0.4, deadline=0.8)

        def hang(asked: Asked, right: bytes) -> Reply | None:
            if len(server.asked) != 2:
                return None
            return Reply(hang=3.0) if how == "silent" else Reply(slow=0.1)

        server.fault = hang
        began = time.monotonic()
        assert run_here(home, manners=manners).outcome == "done"
        assert time.monotonic() - began < 20
        assert not missing(home, server.records)
        assert len(server.asked) == 5


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
@pytest.mark.parametrize("how", ["truncated XML", "500"])
def test_a_page_that_is_always_broken_is_had_by_days_and_records(
    home: Home, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """One record makes any list that holds it fail; all others come, and it is kept aside."""
    with serving(papers(120, a_day=12), page=50) as server:
        point_to(server, monkeypatch)
        poison = "2408.00067"
        assert poison in server.records

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


@pytest.mark.fault("F13")
@pytest.mark.parametrize("bad", ["\x1b", "\x08", "\ufffe", "&#27;", "&#x0;"])
def test_a_character_that_xml_forbids_spoils_only_itself(
    home: Home, monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    with serving(papers(60), page=50) as server:
        point_to(server, monkeypatch)
        spoiled = Record(id="2401.55555", stamp="2024-01-01", title="Before @ after")
        xml = record_xml(spoiled).replace("@", bad)
        server.put(Record(id=spoiled.id, stamp=spoiled.stamp, xml=xml))
        here = Here(home)
        assert here.run().outcome == "done"
        assert not missing(home, server.records)
        assert stored(home)[spoiled.id].title == "Before \ufffd after"
        assert chain_of(home).tally.repaired == 1
        assert progress(here.folder)[-1].counts["repaired"] == 1
        with CorpusStore(home.corpus_db) as store:
            aside = Ledger(store, "cs.CL").aside()
        assert [entry.id for entry in aside] == [spoiled.id]
        assert bad.encode() in aside[0].raw


@pytest.mark.fault("F13")
@pytest.mark.parametrize("bad", ["a & b", "<i>", "&nbsp;"])
def test_a_record_that_cannot_be_repaired_is_kept_aside_with_its_bytes(
    home: Home, monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    with serving(papers(160), page=50) as server:
        point_to(server, monkeypatch)
        xml = record_xml(Record(id="2401.55555", stamp="2024-01-03")).replace("A title", bad)
        server.put(Record(id="2401.55555", stamp="2024-01-03", xml=xml))
        here = Here(home)
        assert here.run().outcome == "done"
        assert missing(home, server.records) == {"2401.55555"}
        assert "2401.55555 was kept aside" in notes(here.folder)
        with CorpusStore(home.corpus_db) as store:
            (aside,) = Ledger(store, "cs.CL").aside()
        assert aside.id == "2401.55555"
        assert bad.encode() in aside.raw


@pytest.mark.fault("F13")
def test_control_characters_that_xml_allows_arrive_as_they_are(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    title = "C1 \x9b31m, bidi \u202eevil\u202c, R[0,1], [/b], [@click=app.quit]x[/] and $\\alpha$"
    with serving([Record(id="2401.00001", stamp="2024-01-01", title=title)]) as server:
        point_to(server, monkeypatch)
        run_here(home)
        assert stored(home)["2401.00001"].title == title


@pytest.mark.fault("F14")
def test_odd_records_are_skipped_with_a_reason_and_stop_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = tuple(f"Family{n}, Given{n}" for n in range(300))
    odd = [
        Record(id="2401.50001", stamp="2024-01-02", deleted=True),
        Record(id="2401.50002", stamp="2024-01-02", metadata=False),
        Record(id="2401.50003", stamp="2024-01-02", title=""),
        Record(id="2401.50004", stamp="2024-01-02", title="x" * 100_000),
        Record(id="2401.50005", stamp="2024-01-02", authors=many),
        Record(id="2401.50006", stamp="2024-01-02", title="Two\n   lines", abstract=""),
        Record(id="2401.50007", stamp="2024-01-02", xml="<record></record>"),
    ]
    with serving([*papers(60), *odd], page=50) as server:
        point_to(server, monkeypatch)
        here = Here(home)
        assert here.run().outcome == "done"
        found = stored(home)
        assert set(server.records) - set(found) == {f"2401.5000{n}" for n in (1, 2, 3, 4, 7)}
        assert found["2401.50005"].authors.count(";") == 299
        assert found["2401.50006"].title == "Two lines"
        said = notes(here.folder)
        for reason in ("no metadata", "no title", "longer than 2,000", "2401.50007 was kept aside"):
            assert reason in said
        tally = chain_of(home).tally
        assert (tally.deleted, tally.recovered) == (1, 0)
        with CorpusStore(home.corpus_db) as store:
            assert len(Ledger(store, "cs.CL").aside()) == 5


@pytest.mark.fault("F14")
def test_a_paper_that_arxiv_withdraws_is_marked_and_kept(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(60), page=50) as server:
        point_to(server, monkeypatch)
        run_here(home)
        gone = next(iter(server.records))
        server.put(Record(id=gone, stamp="2024-12-30", deleted=True))
        run_here(home)
        paper = stored(home)[gone]
        assert paper.deleted
        assert paper.title.startswith("Title number")


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


@pytest.mark.fault("F16")
def test_the_old_address_leads_to_the_new_one(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(papers(150), page=50) as server:
        point_to(server, monkeypatch)
        monkeypatch.setenv("TITLETUI_OAI_URL", server.url.replace("/oai", "/oai2"))

        def moved(asked: Asked, right: bytes) -> Reply | None:
            if asked.path != "/oai2":
                return None
            query = "&".join(f"{name}={value}" for name, value in asked.query.items())
            return Reply(status=301, headers={"Location": f"/oai?{query}"}, body=b"")

        server.fault = moved
        assert run_here(home).outcome == "done"
        assert not missing(home, server.records)
        assert [asked.path for asked in server.asked].count("/oai2") == 1


@pytest.mark.fault("F16")
def test_a_redirect_elsewhere_is_refused_without_going_there(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(50)) as server, serving(papers(50)) as foreign:
        point_to(server, monkeypatch)
        server.fault = lambda asked, right: Reply(
            status=302, headers={"Location": foreign.url + "?verb=ListRecords"}, body=b""
        )
        with pytest.raises(TitletuiError, match="not followed"):
            run_here(home)
        assert len(server.asked) == 1
        assert foreign.asked == []


@pytest.mark.fault("F16")
@pytest.mark.parametrize(
    ("target", "followed"),
    [
        ("https://oaipmh.arxiv.org/oai?verb=x", True),
        ("https://arxiv.org/oai", True),
        ("http://oaipmh.arxiv.org/oai", False),
        ("https://arxiv.org.evil.example/oai", False),
        ("https://evilarxiv.org/oai", False),
        ("https://user@evil.example/arxiv.org", False),
        ("ftp://arxiv.org/oai", False),
        ("", False),
    ],
)
def test_arxiv_may_redirect_to_its_own_hosts_over_https_only(target: str, followed: bool) -> None:
    assert may_follow("https://export.arxiv.org/oai2", target) is followed


@pytest.mark.fault("F16")
def test_an_address_without_encryption_is_refused_before_anything_is_sent(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TITLETUI_OAI_URL", "http://oaipmh.arxiv.org/oai")
    with pytest.raises(TitletuiError, match="https"):
        run_here(home)


@pytest.mark.fault("F17")
def test_an_entity_bomb_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = "".join(f'<!ENTITY b{n} "{f"&b{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY b0 "lol">{levels}]>'
    with serving([]) as server:
        point_to(server, monkeypatch)
        server.fault = lambda asked, right: Reply(body=f"{bomb}<OAI-PMH>&b9;</OAI-PMH>".encode())
        with pytest.raises(RefusedError, match="entities"):
            run_here(home)
        assert len(server.asked) == 1


@pytest.mark.fault("F17")
def test_a_gigabyte_in_one_answer_is_refused_in_bounded_memory(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    packer = zlib.compressobj(level=1, wbits=31)
    head = packer.compress(b" ") + packer.flush(zlib.Z_FULL_FLUSH)
    megabyte = packer.compress(b" " * (1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    flood = head + megabyte * 1024
    with serving([]) as server:
        point_to(server, monkeypatch)
        server.fault = lambda asked, right: Reply(headers={"Content-Encoding": "gzip"}, body=flood)
        folder = create_job(home.jobs, "harvest", "cs.CL", QUERY)
        with worker(folder) as process:
            _, _, usage = os.wait4(process.pid, 0)
            process.returncode = 1
        ended = folder.exit
        assert ended is not None
        assert "more than 64 MiB" in ended.reason
        assert usage.ru_maxrss < 300_000
        assert len(server.asked) == 1


@pytest.mark.fault("F20")
def test_fifty_thousand_records_fit_in_300_megabytes_and_hold_up_no_reader(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(50_000, a_day=400), page=2_500) as server:
        server.today = "2025-12-31"
        point_to(server, monkeypatch)
        folder = create_job(home.jobs, "harvest", "cs.CL", QUERY)
        waits: list[float] = []
        with CorpusStore(home.corpus_db) as store, worker(folder) as process:
            store.create("cs.CL")
            while True:
                pid, _, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    process.returncode = 0
                    break
                began = time.monotonic()
                store.page("cs.CL", search="title num")
                waits.append(time.monotonic() - began)
                time.sleep(0.05)
        assert folder.exit is not None
        assert folder.exit.outcome == "done"
        assert len(stored(home)) == 50_000
        assert server.sent_pages == 20
        assert usage.ru_maxrss < 300_000
        assert sorted(waits)[int(0.95 * len(waits))] < 1.0


def error(code: str, text: str) -> bytes:
    right = body("").decode()
    start = right.index("<ListRecords>")
    return (right[:start] + f"<error code='{code}'>{text}</error></OAI-PMH>").encode()
