"""Harvests in tests: in a process of their own, or in the test's with other patience."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.support.oai_server import OaiServer, Record
from tests.support.processes import until
from titletui.arxiv.client import RetryPolicy
from titletui.arxiv.harvest_state import HarvestState, HarvestStore
from titletui.arxiv.job import HarvestQuery, harvest
from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.jobs.event_log import EventLog
from titletui.jobs.events import Note, Progress
from titletui.jobs.job import Job, JobResult, create_job
from titletui.jobs.worker import JobContext
from titletui.paths import Home

QUERY = HarvestQuery(corpus="cs.CL", category="cs.CL")
HASTY = RetryPolicy(tries=4, backoff=0.02, silence=5.0, deadline=10.0)


def point_to(server: OaiServer, monkeypatch: pytest.MonkeyPatch, interval: float = 0.0) -> None:
    """Lets harvests of this test, and of its processes, ask `server`."""
    monkeypatch.setenv("TITLETUI_OAI_URL", server.url)
    monkeypatch.setenv("TITLETUI_OAI_INTERVAL", str(interval))


class Here:
    """A harvest in the test's own process."""

    def __init__(
        self, home: Home, query: HarvestQuery = QUERY, retry_policy: RetryPolicy = HASTY
    ) -> None:
        folder = Job(home.jobs / "harvest" / query.corpus)
        if not folder.path.exists():
            folder = create_job(home.jobs, "harvest", query.corpus, query)
        self.folder = folder
        self._retry_policy = retry_policy
        self._log = EventLog(folder.events)
        self.job = JobContext(folder, self._log)

    def run(self) -> JobResult:
        """Harvests to the end; errors come as they are raised."""
        with contextlib.closing(self._log):
            return harvest(self.job, self._retry_policy)

    def stop_when(self, true: Callable[[], object]) -> None:
        """Asks it to stop as soon as `true()`, looking from another thread."""

        def look() -> None:
            until(true)
            self.job.stop()

        threading.Thread(target=look, daemon=True).start()


def run_here(
    home: Home, query: HarvestQuery = QUERY, retry_policy: RetryPolicy = HASTY
) -> JobResult:
    return Here(home, query, retry_policy).run()


@contextlib.contextmanager
def worker(folder: Job) -> Iterator[subprocess.Popen[bytes]]:
    """The harvest's worker, without a supervisor."""
    with folder.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "titletui.arxiv.job", str(folder.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def stored(home: Home, corpus: str = "cs.CL") -> dict[str, Paper]:
    """The papers of a corpus by id; fails where one stands in it twice."""
    with CorpusStore(home.corpus_db) as store:
        papers = list(store.papers(corpus))
        found = {paper.id: paper for paper in papers}
        assert len(found) == len(papers) == store.summary(corpus).papers
        return found


def harvest_state(home: Home, corpus: str = "cs.CL") -> HarvestState:
    with CorpusStore(home.corpus_db) as store:
        state = HarvestStore(store, corpus).load()
    assert state is not None
    return state


def notes(folder: Job) -> str:
    return "\n".join(event.text for event in folder.tail().read() if isinstance(event, Note))


def progress(folder: Job) -> list[Progress]:
    return [event for event in folder.tail().read() if isinstance(event, Progress)]


def missing(home: Home, records: dict[str, Record]) -> set[str]:
    return set(records) - set(stored(home))
