"""The harvests and imports of this home, as the Corpus screen shows them."""

import contextlib
import time
from pathlib import Path

import msgspec

from titletui.errors import TitletuiError
from titletui.jobs import events
from titletui.jobs.job import Job, State, list_jobs
from titletui.jobs.status import JobFollower
from titletui.text import display, format_duration

_DOING = {"harvest": "scraping", "import": "importing"}
_COUNTED = ("updated", "skipped", "filtered", "deleted", "bad")
_LATELY = 600.0
_GO_ON = "space goes on where it was"


class CorpusJob(msgspec.Struct, frozen=True, kw_only=True):
    """One harvest or import.

    Attributes:
        corpus: the corpus that it fills.
        category: what a harvest asks for, where it says so.
        note: the last warning or error that it wrote.
        said: how it ended, where that needs saying.
        bad: lines of its log that could not be read.
    """

    folder: Job
    corpus: str
    state: State
    category: str = ""
    progress: events.Progress | None = None
    note: str = ""
    said: str = ""
    bad: int = 0

    @property
    def open(self) -> bool:
        """Whether it is at work, or could be taken up again."""
        return self.state.alive or self.state.resumable

    @property
    def worth_showing(self) -> bool:
        """Whether it is open, or ended lately in a way that needs saying."""
        return self.open or bool(self.said)

    @property
    def headline(self) -> tuple[str, str]:
        """`● scraping eess.AS` and `  64%`, `■ eess.AS` and ` stopped at 64%`"""
        share = self.progress.fraction if self.progress else None
        if self.state is State.RUNNING:
            doing = _DOING.get(self.folder.kind, self.folder.kind)
            far = f"  {share:.0%}" if share is not None else ""
            return f"{self.state.glyph} {doing} {display(self.corpus)}", far
        far = f" at {share:.0%}" if share is not None and self.open else ""
        return f"{self.state.glyph} {display(self.corpus)}", f" {self.state.value}{far}"

    @property
    def details(self) -> list[str]:
        """How it ended, how far it is, what it waits for: a small terminal shows the first."""
        lines = [self.said] if self.said else []
        seen = self.progress
        if seen is not None and self.open:
            counted = [f"{n:,} {name}" for name, n in seen.counts.items() if n and name in _COUNTED]
            if seen.eta is not None and self.state.alive:
                counted.insert(0, f"about {format_duration(seen.eta)} left")
            far = [part for part in (seen.day, seen.amount) if part]
            lines += [" · ".join(map(display, parts)) for parts in (far, counted) if parts]
            if seen.waiting and self.state.alive:
                lines.append(display(seen.waiting))
        if self.note and not self.said:
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
        return CorpusJob(folder=job, corpus=job.name, state=state, said=unreadable)
    follower.poll()
    work = job.work(_Work)
    return CorpusJob(
        folder=job,
        corpus=work.corpus or job.name,
        category=work.category,
        state=state,
        progress=follower.progress,
        note=display(follower.note),
        said=_ending(job, state),
        bad=follower.bad,
    )


def _ending(job: Job, state: State) -> str:
    """How a job ended, if that is worth a line."""
    if state is State.INTERRUPTED:
        return f"its process is gone; {_GO_ON}"
    ended = job.exit
    if ended is not None and state is State.DONE:
        return display(ended.reason) if time.time() - ended.time < _LATELY else ""
    if ended is None or not state.resumable:
        return ""
    if state is State.STOPPED:
        return _GO_ON
    parts = (ended.reason, ended.advice or _GO_ON)
    return display(". ".join(part.rstrip(".") for part in parts if part))


class CorpusJobs:
    """Follow all harvests and imports."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._followed: dict[Path, JobFollower] = {}

    def look(self) -> list[CorpusJob]:
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
