"""Harvests that are killed, left alone, or started twice."""

import os
import pty
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from tests.support.harvests import QUERY, harvest_state, missing, point_to, progress, stored, worker
from tests.support.oai_server import Asked, Reply, papers, serving
from tests.support.processes import processes_of, until
from titletui.arxiv.job import HarvestQuery, start_harvest
from titletui.corpus.store import CorpusStore
from titletui.jobs.job import Job, State, create_job
from titletui.paths import Home

KILLS = 25


@pytest.mark.fault("F01")
def test_a_harvest_killed_at_a_random_byte_of_each_page_loses_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(1)
    with serving(papers(250), page=10) as server:
        point_to(server, monkeypatch)
        folder = create_job(home.jobs, "harvest", "cs.CL", QUERY)
        victim: list[subprocess.Popen[bytes]] = []
        killed_pages: set[str] = set()

        def kill_in_page(asked: Asked, right: bytes) -> Reply | None:
            place = asked.query.get("resumptionToken", "first")
            if asked.verb != "ListRecords" or place in killed_pages:
                return None
            killed_pages.add(place)
            if chance.random() < 0.5:
                return Reply(
                    headers={"Content-Encoding": "identity"},
                    cut=chance.randrange(len(right)),
                    then=victim[-1].kill,
                )
            threading.Timer(chance.uniform(0, 0.03), victim[-1].kill).start()
            return None

        server.fault = kill_in_page
        kills = 0
        while True:
            with worker(folder) as process:
                victim.append(process)
                if process.wait() == 0:
                    break
                kills += 1
            assert kills <= 2 * KILLS
        assert len(killed_pages) == KILLS
        lost = missing(home, server.records)
        record_property("records_lost", len(lost))
        assert not lost
        places = [asked.query.get("resumptionToken", "first") for asked in server.asked
                  if asked.verb == "ListRecords"]  # fmt: skip
        assert max(places.count(place) for place in places) <= 2
        assert len(stored(home)) == 250


@pytest.mark.fault("F02")
def test_a_harvest_outlives_its_terminal(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(papers(500), page=50) as server:
        point_to(server, monkeypatch, interval=0.1)
        master, slave = pty.openpty()
        command = [sys.executable, "-m", "titletui", "scrape", "cs.CL"]
        shell = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: os.login_tty(slave) if hasattr(os, "login_tty") else None,
        )  # fmt: skip
        os.close(slave)
        until(lambda: server.sent_pages >= 3)
        os.close(master)
        os.killpg(shell.pid, signal.SIGHUP)
        shell.wait()
        assert server.sent_pages < 10
        folder = Job(home.jobs / "harvest" / "cs.CL")
        until(lambda: folder.state is State.DONE)
        assert not missing(home, server.records)


@pytest.mark.fault("F02")
def test_a_harvest_whose_processes_are_gone_shows_as_interrupted_and_goes_on_where_it_was(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(500), page=50) as server:
        point_to(server, monkeypatch, interval=0.1)
        folder = start_harvest(home, QUERY)
        until(lambda: server.sent_pages >= 4)
        for process in processes_of(folder):
            process.kill()
        until(lambda: folder.state is State.INTERRUPTED)
        reached = harvest_state(home).reached
        assert progress(folder)[-1].day in (reached, progress(folder)[-1].day)
        assert "2024-01-03" <= reached < "2024-01-25"
        asked = len(server.asked)
        assert start_harvest(home, QUERY) == folder
        until(lambda: folder.state is State.DONE)
        assert "resumptionToken" in server.asked[asked].query
        assert not missing(home, server.records)


@pytest.mark.fault("F19")
def test_two_instances_that_scrape_the_same_category_share_one_harvest(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(300), page=50) as server:
        point_to(server, monkeypatch, interval=0.2)
        command = [sys.executable, "-m", "titletui", "scrape", "cs.CL", "--json"]
        both = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
        told = [instance.communicate(timeout=60)[0] for instance in both]
        assert [instance.returncode for instance in both] == [0, 0]
        assert all(b'"papers":300' in line and b'"new":300' in line for line in told)
        pages = [asked for asked in server.asked if asked.verb == "ListRecords"]
        assert len(pages) == 6
        assert min(server.gaps()) >= 0.19
        assert not missing(home, server.records)


@pytest.mark.fault("F19")
def test_two_harvests_of_one_account_ask_in_turn(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(200), page=50) as server:
        point_to(server, monkeypatch, interval=0.2)
        folders = [
            start_harvest(home, HarvestQuery(corpus=name, category="cs.CL"))
            for name in ("one", "two")
        ]
        until(lambda: all(folder.state is State.DONE for folder in folders))
        assert min(server.gaps()) >= 0.19
        with CorpusStore(home.corpus_db) as store:
            assert [corpus.papers for corpus in store.corpora()] == [200, 200]
            assert store.rows("SELECT count(*) FROM papers") == [(200,)]
