"""Harvesting a category of arXiv, as a job: `python -m titletui.arxiv.job FOLDER`."""

import os
import re
from datetime import date
from typing import TYPE_CHECKING

import msgspec

from titletui.arxiv.categories import find_category
from titletui.arxiv.filters import Filter
from titletui.arxiv.harvest_state import Ledger, Query
from titletui.arxiv.rate_limit import Pace, interval_for
from titletui.corpus.jobs import begin
from titletui.corpus.store import CorpusStore
from titletui.errors import TitletuiError, UsageError
from titletui.jobs.events import Started
from titletui.jobs.job import Job, JobResult
from titletui.jobs.worker import JobContext, run_worker
from titletui.paths import Home, checked_name, find_home
from titletui.settings import load_settings

if TYPE_CHECKING:
    from titletui.arxiv.client import RetryPolicy
    from titletui.arxiv.progress import Reporter

__all__ = ["Filter", "Query", "harvest", "last_query", "start_harvest", "start_update"]

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_PACE_FILE = "oai.lock"


def start_harvest(home: Home, query: Query) -> Job:
    """Starts a harvest, detached; attaches to or resumes one that is there.

    A query without dates and filters into a corpus that was harvested from the same category
    before means the same as then: the corpus is updated.

    Raises:
        UsageError: the category, a day or the name is none.
        TitletuiError: another harvest fills the corpus.
    """
    checked_name(query.corpus, "corpus name")
    category = find_category(query.category)
    query = msgspec.structs.replace(query, category=category.code)
    check_days(query)
    with CorpusStore.open(home) as store:
        store.create(query.corpus, category=category.code, source="arXiv")
        known = Ledger(store, query.corpus).chain()
    if known is not None and _is_bare(query) and known.query.category == query.category:
        query = known.query
    return begin(home, "harvest", query.corpus, query)


def last_query(store: CorpusStore, corpus: str) -> Query | None:
    """What a corpus was harvested with; None for one that came from a file."""
    chain = Ledger(store, corpus).chain()
    return None if chain is None else chain.query


def start_update(home: Home, corpus: str) -> Job:
    """Starts pulling what is new since a corpus was harvested; all, if nothing was noted of that.

    Raises:
        UsageError: there is no such corpus, or it was not harvested.
    """
    with CorpusStore.open(home) as store:
        summary = store.summary(corpus)
        query = last_query(store, corpus)
    if query is None and summary.source == "arXiv":
        query = Query(corpus=corpus, category=find_category(summary.category).code)
    if query is None:
        raise UsageError(f"{corpus} came from a file; import it again, or scrape a category.")
    return begin(home, "harvest", corpus, query)


def main() -> int:
    """Harvests what the job folder on the command line says."""
    return run_worker(harvest)


def harvest(job: JobContext, manners: "RetryPolicy | None" = None) -> JobResult:
    """Harvests to the end, or until the job is to stop."""
    from titletui.arxiv.client import ARXIV, Fetcher, RetryPolicy, StoppedError
    from titletui.arxiv.harvester import Harvest
    from titletui.arxiv.progress import Reporter

    query = job.folder.work(Query)
    home = find_home()
    url = os.environ.get("TITLETUI_OAI_URL") or ARXIV
    job.emit(Started(pid=os.getpid()))
    reporter = Reporter(job)
    with CorpusStore(home.corpus_db) as store:
        store.create(query.corpus, category=query.category, source="arXiv")
        pace = Pace(home.data / _PACE_FILE, interval_for(url))
        fetcher = Fetcher(url, pace, reporter, manners or RetryPolicy(), _contact(home, reporter))
        try:
            nothing = Harvest(query, fetcher, Ledger(store, query.corpus), reporter).run()
        except StoppedError:
            reached = reporter.chain.reached if reporter.chain else ""
            return JobResult(outcome="stopped", reason=f"stopped at {reached or 'the beginning'}")
        finally:
            reporter.tell(now=True)
            fetcher.close()
            pace.close()
        if nothing and store.forget_empty(query.corpus):
            nothing = f"{nothing} No corpus was made."
    return JobResult(outcome="done", reason=nothing)


def _contact(home: Home, reporter: "Reporter") -> str:
    """The address that the person wants arXiv to have."""
    try:
        return load_settings(home.config_toml).contact
    except TitletuiError as error:
        reporter.note(f"{error} No contact is sent to arXiv.", "warning")
        return ""


def check_days(query: Query) -> None:
    """Refuses days that are none, or in the wrong order.

    Raises:
        UsageError: one sentence.
    """
    for day in (query.start, query.until):
        if day:
            _check_day(day)
    if query.start and query.until and query.start > query.until:
        raise UsageError(f"The harvest would end on {query.until}, before {query.start}.")


def _check_day(day: str) -> None:
    try:
        if _DAY.fullmatch(day) is None:
            raise ValueError
        date.fromisoformat(day)
    except ValueError:
        raise UsageError(f"{day!r} is no day; write it as 2024-01-31.") from None


def _is_bare(query: Query) -> bool:
    return not (query.start or query.until or query.filters)


if __name__ == "__main__":
    raise SystemExit(main())
