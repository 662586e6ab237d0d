"""The Corpus screen and its dialogs."""

import random
from contextlib import ExitStack

from textual.pilot import Pilot

from tests.support.corpora import fill
from tests.support.pilot import corpus_screen as screen_of
from tests.support.pilot import until, until_shown
from tests.support.run_folders import held
from tests.tui.scenes.scene import Scene, put
from titletui.arxiv.harvest_state import HarvestQuery
from titletui.corpus.paper import Paper
from titletui.jobs.event_log import EventLog
from titletui.jobs.events import Progress
from titletui.jobs.job import Job, JobResult, create_job
from titletui.paths import Home

WORDS = ("Neural", "Speech", "Audio", "Robust", "Recognition", "Music", "Synthesis", "Learning")
UNDER_WAY = Progress(
    done=1_961,
    fraction=0.64,
    eta=260.0,
    day="2024-08-17",
    waiting="waits 3 s between requests",
    counts={"updated": 120, "deleted": 3},
)


def papers(count: int) -> list[Paper]:
    """Always the same ones."""
    draw = random.Random(1)
    return [
        Paper(
            id=f"{17 + number % 9}{number % 12 + 1:02d}.{number:05d}",
            title=" ".join(draw.choices(WORDS, k=draw.randint(3, 12))) + " R[0,1] [/b]",
            abstract=" ".join(draw.choices(WORDS, k=draw.randint(60, 260))) + ".",
            authors="Doe, Jane; Roe, Richard; de la Cruz, Ana María",
            categories="eess.AS cs.SD",
            created="2024-03-05",
            updated="2024-04-01",
        )
        for number in range(count)
    ]


def two_corpora(home: Home, stack: ExitStack) -> None:
    """A small corpus and one of several pages."""
    known = papers(600)
    fill(home, "cs.CL", known[:40], "cs.CL")
    fill(home, "eess.AS", known, "eess.AS")
    (home.data.parent / "titles.txt").write_text("".join(f"{one.title}\n" for one in known[:30]))


def _harvest(home: Home, progress: Progress | None = UNDER_WAY) -> Job:
    job = create_job(home.jobs, "harvest", "cs.CL", HarvestQuery(corpus="cs.CL", category="cs.CL"))
    if progress is not None:
        with EventLog(job.events) as log:
            log.append(progress)
    return job


def _scraping(home: Home, stack: ExitStack) -> None:
    two_corpora(home, stack)
    stack.enter_context(held(_harvest(home)))


def _stopped(home: Home, stack: ExitStack) -> None:
    two_corpora(home, stack)
    job = _harvest(home)
    job.record_exit(JobResult(outcome="stopped"), job.began)


def _failed(home: Home, stack: ExitStack) -> None:
    two_corpora(home, stack)
    job = _harvest(home)
    reason = "arXiv refuses this machine (403)"
    advice = "Wait a day, or import the Kaggle snapshot."
    job.record_exit(JobResult(outcome="failed", reason=reason, advice=advice), job.began)


def _interrupted(home: Home, stack: ExitStack) -> None:
    two_corpora(home, stack)
    with held(_harvest(home)):
        pass


def _in_vain(home: Home, stack: ExitStack) -> None:
    job = _harvest(home, None)
    reason = "No paper matches these filters, of 60 looked at."
    job.record_exit(JobResult(outcome="done", reason=reason), job.began)


async def _six_hundred(pilot: Pilot[int]) -> None:
    await until(pilot, lambda: screen_of(pilot).view.shown == "eess.AS")
    if pilot.app.size.width >= 80:
        await until_shown(pilot, "600 papers", "audio 3")


async def _counted(pilot: Pilot[int]) -> None:
    """Its figures are there, where there is room for them."""
    if pilot.app.size.width >= 80:
        await until_shown(pilot, "40 papers", "abstract", "neural")


_LIST = ("eess.AS", "2025  ")
_SCRAPE = ("No corpus yet",)
SCENES: tuple[Scene, ...] = (
    Scene("corpus-empty", "corpus", ("No corpus yet", "n scrapes")),
    Scene("corpus-in-vain", "corpus", ("No paper matches these filters",), fill=_in_vain),
    Scene(
        "corpus",
        "corpus",
        _LIST,
        (_counted, "j", _six_hundred, "l j"),
        fill=two_corpora,
    ),
    Scene(
        "corpus-search",
        "corpus",
        _LIST,
        (_counted, "slash", put("#search", "music robust"), ("19 found",)),
        fill=two_corpora,
    ),
    Scene(
        "corpus-search-in-vain",
        "corpus",
        _LIST,
        (_counted, "slash", put("#search", "quokka"), ("none found",)),
        fill=two_corpora,
    ),
    Scene("corpus-scraping", "corpus", (*_LIST, "● cs.CL 64%"), (_counted,), fill=_scraping),
    Scene("corpus-stopped", "corpus", (*_LIST, "stopped at 64"), (_counted,), fill=_stopped),
    Scene("corpus-failed", "corpus", (*_LIST, "failed at 64"), (_counted,), fill=_failed),
    Scene(
        "corpus-interrupted", "corpus", (*_LIST, "interrupted at"), (_counted,), fill=_interrupted
    ),
    Scene(
        "corpus-paper",
        "corpus",
        _LIST,
        (_counted, "l enter", ("Doe, Jane", "C copy")),
        fill=two_corpora,
    ),
    Scene(
        "corpus-delete", "corpus", _LIST, (_counted, "x", ("Delete the corpus",)), fill=two_corpora
    ),
    Scene("corpus-rename", "corpus", _LIST, (_counted, "R", ("Rename cs.CL",)), fill=two_corpora),
    Scene(
        "corpus-rename-refused",
        "corpus",
        _LIST,
        (_counted, "R", ("Rename cs.CL",), put("Input", "../x"), "enter", ("✕",)),
        fill=two_corpora,
    ),
    Scene("corpus-export", "corpus", _LIST, (_counted, "E", ("Export cs.CL",)), fill=two_corpora),
    Scene(
        "scrape",
        "corpus",
        _SCRAPE,
        ("n", ("New scrape",), put("#start", "2024-01-01"), put("#category", "")),
    ),
    Scene(
        "scrape-found",
        "corpus",
        _LIST,
        (
            _counted,
            "n",
            ("New scrape",),
            put("#start", "2024-01-01"),
            put("#category", "speech"),
            ("eess.AS", "names no total", "holds 600"),
        ),
        fill=two_corpora,
    ),
    Scene(
        "scrape-refused",
        "corpus",
        _SCRAPE,
        (
            "n",
            ("New scrape",),
            put("#category", "cs.CL"),
            put("#start", "2024-13-01"),
            ("is no day",),
        ),
    ),
    Scene("import", "corpus", _SCRAPE, ("i", ("Import", "JSON lines"))),
    Scene(
        "import-found",
        "corpus",
        _LIST,
        (_counted, "i", ("JSON lines",), put("#path", "titles.txt"), ("a new corpus",)),
        fill=two_corpora,
    ),
    Scene(
        "import-refused",
        "corpus",
        _SCRAPE,
        (
            "i",
            ("JSON lines",),
            put("#path", "/no/such/file.txt"),
            ("cannot be read",),
            "ctrl+r",
            ("✕",),
        ),
    ),
)
