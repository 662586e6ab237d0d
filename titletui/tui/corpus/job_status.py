"""Harvests and imports as the Corpus screen shows them."""

import contextlib
import time
from pathlib import Path

import msgspec

from titletui.errors import TitletuiError
from titletui.jobs import events
from titletui.jobs.job import Job, State, list_jobs
from titletui.jobs.status import JobFollower
from titletui.text import display, format_duration

_VERBS = {"harvest": "scraping", "import": "importing"}
_COUNTS = ("updated", "skipped", "filtered", "deleted", "bad")
_NEWS_SECONDS = 600.0
_RESUME = "space goes on where it was"


class CorpusJob(msgspec.Struct, frozen=True, kw_only=True):
    """One harvest or import.

    Attributes:
        corpus: the corpus that it fills.
        category: of a harvest.
        note: the last warning or error in its log.
        ending: how it ended and how to go on; empty where that is not worth a line.
        bad: the number of unreadable lines in its log.
    """

    folder: Job
    corpus: str
    state: State
    category: str = ""
    progress: events.Progress | None = None
    note: str = ""
    ending: str = ""
    bad: int = 0

    @property
    def unfinished(self) -> bool:
        """Whether it runs or can be resumed."""
        return self.state.alive or self.state.resumable

    @property
    def matters(self) -> bool:
        """Whether it is unfinished or its ending is news."""
        return self.unfinished or bool(self.ending)

    @property
    def headline(self) -> tuple[str, str]:
        """`● scraping eess.AS` and `  64%`, `■ eess.AS` and ` stopped at 64%`"""
        share = self.progress.fraction if self.progress else None
        if self.state is State.RUNNING:
            verb = _VERBS.get(self.folder.kind, self.folder.kind)
            progress = f"  {share:.0%}" if share is not None else ""
            return f"{self.state.glyph} {verb} {display(self.corpus)}", progress
        stopped_at = f" at {share:.0%}" if share is not None and self.unfinished else ""
        return f"{self.state.glyph} {display(self.corpus)}", f" {self.state.value}{stopped_at}"

    @property
    def details(self) -> list[str]:
        """The ending, the amount done, what it waits for; a low terminal shows the first lines."""
        lines = [self.ending] if self.ending else []
        progress = self.progress
        if progress is not None and self.unfinished:
            counted = [
                f"{n:,} {name}" for name, n in progress.counts.items() if n and name in _COUNTS
            ]
            if progress.eta is not None and self.state.alive:
                counted.insert(0, f"about {format_duration(progress.eta)} left")
            amount = [part for part in (progress.day, progress.amount) if part]
            lines += [" · ".join(map(display, parts)) for parts in (amount, counted) if parts]
            if progress.waiting and self.state.alive:
                lines.append(display(progress.waiting))
        if self.note and not self.ending:
            lines.append(self.note)
        if self.bad:
            lines.append(f"{self.bad} lines of its log cannot be read")
        return lines


class _Work(msgspec.Struct):
    corpus: str = ""
    category: str = ""


def _corpus_job(follower: JobFollower) -> CorpusJob:
    """Read what is new of a job, and describe it.

    Raises:
        TitletuiError: its specification is of another shape.
    """
    job = follower.job
    state = job.state
    if state is State.UNREADABLE:
        unreadable = "its spec.json cannot be read; x deletes it"
        return CorpusJob(folder=job, corpus=job.name, state=state, ending=unreadable)
    follower.poll()
    work = job.work(_Work)
    return CorpusJob(
        folder=job,
        corpus=work.corpus or job.name,
        category=work.category,
        state=state,
        progress=follower.progress,
        note=display(follower.note),
        ending=_ending(job, state),
        bad=follower.bad,
    )


def _ending(job: Job, state: State) -> str:
    """Return how a job ended and how to go on; empty where that is not worth a line."""
    if state is State.INTERRUPTED:
        return f"its process is gone; {_RESUME}"
    ended = job.exit
    if ended is not None and state is State.DONE:
        return display(ended.reason) if time.time() - ended.time < _NEWS_SECONDS else ""
    if ended is None or not state.resumable:
        return ""
    if state is State.STOPPED:
        return _RESUME
    parts = (ended.reason, ended.advice or _RESUME)
    return display(". ".join(part.rstrip(".") for part in parts if part))


class CorpusJobs:
    """Follow all harvests and imports."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._followed: dict[Path, JobFollower] = {}

    def poll(self) -> list[CorpusJob]:
        """Return one job for each corpus: the one that runs, else the newest."""
        chosen: dict[str, CorpusJob] = {}
        present: dict[Path, JobFollower] = {}
        for job in list_jobs(self._root, "harvest", "import"):
            follower = present[job.path] = self._followed.get(job.path) or JobFollower(job)
            with contextlib.suppress(TitletuiError):
                shown = _corpus_job(follower)
                if shown.corpus not in chosen or shown.state.alive:
                    chosen[shown.corpus] = shown
        self._followed = present
        return list(chosen.values())
