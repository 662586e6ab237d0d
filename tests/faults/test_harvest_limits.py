"""Harvests that are led elsewhere, flooded, or large."""

import time
import zlib

import pytest

from tests.benchmarks.corpus_keys import pressed
from tests.support.harvests import QUERY, missing, point_to, run_here, stored, worker
from tests.support.oai_server import Asked, Reply, papers, serving
from tests.support.processes import peak_memory
from tests.support.terminal import CORPUS, Terminal
from titletui.arxiv.client import PermanentError, is_allowed_redirect
from titletui.arxiv.job import start_harvest
from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.errors import TitletuiError
from titletui.jobs.job import create_job
from titletui.paths import Home


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
    assert is_allowed_redirect("https://export.arxiv.org/oai2", target) is followed


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
        with pytest.raises(PermanentError, match="entities"):
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
            peak = 0
            while process.poll() is None:
                peak = max(peak, peak_memory(process.pid))
                time.sleep(0.01)
        ended = folder.exit
        assert ended is not None
        assert "more than 64 MiB" in ended.reason
        assert 0 < peak < 300_000
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
            peak = 0
            while process.poll() is None:
                peak = max(peak, peak_memory(process.pid))
                began = time.monotonic()
                store.page("cs.CL", search="title num")
                waits.append(time.monotonic() - began)
                time.sleep(0.05)
        assert folder.exit is not None
        assert folder.exit.outcome == "done"
        assert len(stored(home)) == 50_000
        assert server.sent_pages == 20
        assert 0 < peak < 300_000
        assert sorted(waits)[int(0.95 * len(waits))] < 1.0


@pytest.mark.fault("F20")
def test_keys_are_answered_while_a_harvest_pages_into_the_store(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with CorpusStore(home.corpus_db) as store:
        store.create("here")
        store.add("here", (Paper(id=f"2301.{n:05}", title=f"Paper {n}") for n in range(500)))
    with serving(papers(12_000, a_day=400), page=1_000) as server:
        point_to(server, monkeypatch, interval=0.2)
        with Terminal() as terminal:
            terminal.until("titletui")
            terminal.press(CORPUS)
            terminal.until("500 papers")
            terminal.press("l")
            terminal.quiet()
            start_harvest(home, QUERY)
            terminal.until(lambda: server.sent_pages >= 1)
            times = pressed(terminal, 40)
            assert times[int(0.95 * len(times))] < 1_000
            terminal.until(lambda: server.sent_pages >= 12)


def test_a_redirect_in_a_circle_ends(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(papers(10)) as server:
        point_to(server, monkeypatch)
        server.fault = lambda *_: Reply(status=302, headers={"Location": server.url})
        with pytest.raises(PermanentError, match="redirects in a circle"):
            run_here(home)
        assert len(server.asked) < 10


def test_an_answer_that_can_never_be_good_ends_the_harvest_with_its_number(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(10)) as server:
        point_to(server, monkeypatch)
        server.fault = lambda *_: Reply(status=410, body=b"gone")
        with pytest.raises(PermanentError, match="answers 410; the harvest cannot go on"):
            run_here(home)
        assert len(server.asked) == 1
