"""The harvest job: `python -m titletui.arxiv.job FOLDER`."""

import contextlib
import os
from typing import TYPE_CHECKING

import msgspec

from titletui.arxiv.categories import find_category
from titletui.arxiv.filters import Filter
from titletui.arxiv.harvest_state import HarvestQuery, HarvestStore
from titletui.arxiv.oai_records import valid_day
from titletui.arxiv.rate_limit import RateLimiter, request_interval
from titletui.corpus.jobs import start_or_resume
from titletui.corpus.store import CorpusStore
from titletui.errors import TitletuiError, UsageError
from titletui.jobs.events import Started
from titletui.jobs.job import Job, JobResult
from titletui.jobs.worker import JobContext, run_worker
from titletui.paths import Home, checked_name, find_home
from titletui.settings import load_settings

if TYPE_CHECKING:
    from titletui.arxiv.client import RetryPolicy
    from titletui.arxiv.progress import HarvestProgress

__all__ = ["Filter", "HarvestQuery", "harvest", "last_query", "start_harvest", "start_update"]

_RATE_LIMIT_FILE = "oai.lock"


def start_harvest(home: Home, query: HarvestQuery) -> Job:
    """Start a harvest in the background; attach to one that runs, resume one that was cut off.

    A query without days and filters, for a corpus that was harvested from the same category
    before, means the earlier query: the corpus is updated.

    Raises:
        UsageError: the category, a day or the name is invalid.
        TitletuiError: another harvest fills the corpus.
    """
    checked_name(query.corpus, "corpus name")
    category = find_category(query.category)
    query = msgspec.structs.replace(query, category=category.code)
    check_days(query)
    with CorpusStore.open(home) as store:
        store.create(query.corpus, category=category.code, source="arXiv")
        known = last_query(store, query.corpus)
    bare = not (query.start or query.until or query.filters)
    if known is not None and bare and known.category == query.category:
        query = known
    return start_or_resume(home, "harvest", query.corpus, query)


def last_query(store: CorpusStore, corpus: str) -> HarvestQuery | None:
    """The query that a corpus was last harvested with; None for one that came from a file."""
    state = HarvestStore(store, corpus).load()
    return None if state is None else state.query


def start_update(home: Home, corpus: str) -> Job:
    """Start harvesting what is new since a corpus was harvested; all, if its state is missing.

    Raises:
        UsageError: there is no such corpus, or it was not harvested.
    """
    with CorpusStore.open(home) as store:
        summary = store.summary(corpus)
        query = last_query(store, corpus)
    if query is None and summary.source == "arXiv":
        query = HarvestQuery(corpus=corpus, category=find_category(summary.category).code)
    if query is None:
        raise UsageError(f"{corpus} came from a file; import it again, or scrape a category.")
    return start_or_resume(home, "harvest", corpus, query)


def main() -> int:
    """Run the harvest of the job folder on the command line."""
    return run_worker(harvest)


def harvest(job: JobContext, retry_policy: "RetryPolicy | None" = None) -> JobResult:
    """Harvest to the end, or until the job is to stop."""
    from titletui.arxiv.client import ARXIV, OaiClient, RetryPolicy, StoppedError
    from titletui.arxiv.harvester import Harvester
    from titletui.arxiv.progress import HarvestProgress

    query = job.folder.work(HarvestQuery)
    home = find_home()
    url = os.environ.get("TITLETUI_OAI_URL") or ARXIV
    job.emit(Started(pid=os.getpid()))
    progress = HarvestProgress(job)
    contact = _contact(home, progress)
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(CorpusStore(home.corpus_db))
        store.create(query.corpus, category=query.category, source="arXiv")
        limiter = RateLimiter(home.data / _RATE_LIMIT_FILE, request_interval(url))
        stack.enter_context(contextlib.closing(limiter))
        client = OaiClient(url, limiter, progress, retry_policy or RetryPolicy(), contact)
        stack.enter_context(contextlib.closing(client))
        stack.callback(progress.emit, force=True)
        try:
            harvests = HarvestStore(store, query.corpus)
            nothing_new = Harvester(query, client, harvests, progress).run()
        except StoppedError:
            reached = progress.state.reached if progress.state else ""
            return JobResult(outcome="stopped", reason=f"stopped at {reached or 'the beginning'}")
        if nothing_new and store.delete_if_empty(query.corpus):
            nothing_new = f"{nothing_new} No corpus was made."
    return JobResult(outcome="done", reason=nothing_new)


def _contact(home: Home, progress: "HarvestProgress") -> str:
    """The e-mail address that the settings give for arXiv."""
    try:
        return load_settings(home.config_toml).contact
    except TitletuiError as error:
        progress.note(f"{error} No contact is sent to arXiv.", "warning")
        return ""


def check_days(query: HarvestQuery) -> None:
    """Check the days of a query.

    Raises:
        UsageError: one is no day, or they are in the wrong order.
    """
    for day in (query.start, query.until):
        if day and valid_day(day) != day:
            raise UsageError(f"{day!r} is no day; write it as 2024-01-31.")
    if query.start and query.until and query.start > query.until:
        raise UsageError(f"The harvest would end on {query.until}, before {query.start}.")


if __name__ == "__main__":
    raise SystemExit(main())
