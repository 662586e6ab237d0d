"""Harvests from a server that is busy, forbids, hangs; and harvests that are told to stop."""

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.support.harvests import (
    HASTY,
    QUERY,
    Here,
    missing,
    point_to,
    progress,
    run_here,
    stored,
)
from tests.support.oai_server import Asked, OaiServer, Reply, http_date, papers, serving
from tests.support.processes import until
from titletui.arxiv.client import retry_after
from titletui.arxiv.job import start_harvest
from titletui.arxiv.rate_limit import RateLimiter, request_interval
from titletui.errors import TitletuiError
from titletui.jobs import launch
from titletui.jobs.job import State
from titletui.paths import Home

Property = Callable[[str, object], None]


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
        assert time.monotonic() - began < 60
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
    assert request_interval("https://oaipmh.arxiv.org/oai") == 3.0
    assert request_interval("https://127.0.0.1.example.org/oai") == 3.0
    assert request_interval("http://127.0.0.1:80/oai") == 0.0
    assert request_interval("http://[::1]:80/oai") == 0.0
    monkeypatch.setenv("TITLETUI_OAI_INTERVAL", "5")
    assert request_interval("https://oaipmh.arxiv.org/oai") == 5.0


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
        retry_policy = msgspec.structs.replace(HASTY, silence=0.4, deadline=0.8)

        def hang(asked: Asked, right: bytes) -> Reply | None:
            if len(server.asked) != 2:
                return None
            return Reply(hang=3.0) if how == "silent" else Reply(slow=0.1)

        server.fault = hang
        began = time.monotonic()
        assert run_here(home, retry_policy=retry_policy).outcome == "done"
        assert time.monotonic() - began < 60
        assert not missing(home, server.records)
        assert len(server.asked) == 5


PHASES: dict[str, Callable[[OaiServer, threading.Event], None]] = {}


def phase(enter: Callable[[OaiServer, threading.Event], None]) -> None:
    """A phase of a harvest: has the server keep it there, and sets the event once it is there."""
    PHASES[enter.__name__.replace("_", " ")] = enter


@phase
def between_two_requests(server: OaiServer, there: threading.Event) -> None:
    server.after_page = lambda page: there.set()


@phase
def waiting_as_long_as_the_server_asks(server: OaiServer, there: threading.Event) -> None:
    def busy(asked: Asked, right: bytes) -> Reply | None:
        if server.sent_pages < 2:
            return None
        there.set()
        return Reply(status=503, headers={"Retry-After": "3600"}, body=b"")

    server.fault = busy


@phase
def before_the_first_byte(server: OaiServer, there: threading.Event) -> None:
    def hang(asked: Asked, right: bytes) -> Reply | None:
        if server.sent_pages < 2:
            return None
        there.set()
        return Reply(hang=30.0)

    server.fault = hang


@phase
def in_the_middle_of_a_body(server: OaiServer, there: threading.Event) -> None:
    def crawl(asked: Asked, right: bytes) -> Reply | None:
        if server.sent_pages < 2:
            return None
        there.set()
        return Reply(slow=0.05)

    server.fault = crawl


@phase
def while_it_checks_that_nothing_was_lost(server: OaiServer, there: threading.Event) -> None:
    def crawl(asked: Asked, right: bytes) -> Reply | None:
        if asked.verb != "ListIdentifiers":
            return None
        there.set()
        return Reply(slow=0.05)

    server.fault = crawl


@phase
def while_it_fetches_what_the_list_had_lost(server: OaiServer, there: threading.Event) -> None:
    def lose(asked: Asked, right: bytes) -> Reply | None:
        if asked.verb == "ListRecords" and server.sent_pages == 2:
            server.sent_pages += 1
            return Reply(body=re.sub(rb"<record>.*?</record>", b"", right, count=5, flags=re.S))
        if asked.verb != "GetRecord":
            return None
        there.set()
        return Reply(hang=30.0)

    server.fault = lose


@pytest.mark.fault("F11")
@pytest.mark.parametrize("where", PHASES)
def test_a_harvest_is_stopped_at_once_wherever_it_is(
    home: Home, monkeypatch: pytest.MonkeyPatch, where: str, record_property: Property
) -> None:
    with serving(papers(200), page=50) as server:
        point_to(server, monkeypatch, interval=30.0 if "between" in where else 0.0)
        there = threading.Event()
        PHASES[where](server, there)
        folder = start_harvest(home, QUERY)
        assert there.wait(60)
        time.sleep(0.2)
        asked = time.monotonic()
        launch.stop(folder)
        until(lambda: folder.state is State.STOPPED, 25)  # less than any of the waits
        record_property("seconds", round(time.monotonic() - asked, 2))
        server.fault = server.after_page = None
        monkeypatch.setenv("TITLETUI_OAI_INTERVAL", "0")
        (home.data / "oai.lock").write_bytes(b"")
        start_harvest(home, QUERY)
        until(lambda: folder.state is State.DONE)
        assert not missing(home, server.records)


def test_the_time_to_wait_is_read_as_a_number_or_a_date_against_the_servers_clock() -> None:
    date = "Wed, 01 May 2024 10:00:30 GMT"
    assert retry_after({}) is None
    assert retry_after({"retry-after": "7"}) == 7
    assert retry_after({"retry-after": date, "date": "Wed, 01 May 2024 10:00:00 GMT"}) == 30
    assert retry_after({"retry-after": date}) == 0, "it is long past by this machine's clock"
    assert retry_after({"retry-after": "soon", "date": date}) is None


def test_a_pace_that_cannot_be_read_is_the_usual_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TITLETUI_OAI_INTERVAL", "quickly")
    assert request_interval("http://localhost/oai") == 3.0
    monkeypatch.setenv("TITLETUI_OAI_INTERVAL", "0.5")
    assert request_interval("http://localhost/oai") == 0.5
    assert request_interval("https://oaipmh.arxiv.org/oai") == 3.0
    (tmp_path / "rate").write_text("no time at all")
    limiter, waited = RateLimiter(tmp_path / "rate", 2.0), list[float]()
    with limiter.acquire(lambda seconds, _: waited.append(seconds)):
        assert waited == [2.0]
    limiter.close()
