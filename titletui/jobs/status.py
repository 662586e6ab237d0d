"""Follow jobs by their folders, and describe each in one line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from titletui.jobs import events
from titletui.jobs.job import Job, State, list_jobs
from titletui.text import display

Severity = Literal["information", "warning", "error"]
Tone = Literal["", "good", "warning", "bad"]

_VERBS = {"harvest": "scraping", "import": "importing", "run": "training"}


class JobFollower:
    """Follow the event log of one job and keep the newest of what it reports.

    Attributes:
        note: the last warning or error of the newest worker.
        overfit: whether the training loss fell below the threshold.
        bad: lines of the log that cannot be decoded.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.progress: events.Progress | None = None
        self.step: events.Step | None = None
        self.note = ""
        self.overfit = False
        self._tail = job.tail()

    @property
    def bad(self) -> int:
        return self._tail.bad

    def poll(self) -> list[events.AnyEvent]:
        """Read the events that are new since the last call, and return them."""
        new = self._tail.read()
        for event in new:
            match event:
                case events.Started():
                    self.note, self.overfit = "", False
                case events.Progress():
                    self.progress = event
                case events.Step():
                    self.step = event
                case events.Overfit():
                    self.overfit = True
                case events.Note(level="warning" | "error"):
                    self.note = event.text
                case _:
                    pass
        return new

    def status(self, state: State) -> "JobStatus":
        """Describe the job, which is in `state`."""
        ended = None if state.alive else self.job.exit
        tone: Tone = "good" if state.alive else ""
        if state in (State.FAILED, State.INTERRUPTED):
            tone = "bad"
        elif self.overfit:
            tone = "warning"
        return JobStatus(
            kind=self.job.kind,
            name=self.job.name,
            state=state,
            line=f"{state.glyph} {display(self.job.name)} {self._progress(state)}",
            tone=tone,
            overfit=self.overfit,
            reason=display(f"{ended.reason} {ended.advice}".strip()) if ended else "",
        )

    def _progress(self, state: State) -> str:
        if not state.alive:
            return state.value
        if self.step is not None:
            loss = f" loss {self.step.average:.2f}" if self.step.average is not None else ""
            return f"step {self.step.step}{loss}" + (" overfit" if self.overfit else "")
        if self.progress is not None and self.progress.fraction is not None:
            return f"{self.progress.fraction:.0%}"
        if self.progress is not None and self.progress.done:
            return self.progress.amount
        if state is State.STARTING:
            return state.value
        return f"{_VERBS.get(self.job.kind, 'working')}…"


class JobStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One job as the status line and the toasts show it.

    Attributes:
        line: glyph, name and progress.
        overfit: the average loss has fallen below the threshold.
        reason: why it ended, and what to do about it.
    """

    kind: str
    name: str
    state: State
    line: str
    tone: Tone = ""
    overfit: bool = False
    reason: str = ""

    def messages_since(self, before: "JobStatus") -> Iterator[tuple[str, Severity]]:
        """Yield the notifications that are due now that `before` has become this."""
        if self.overfit and not before.overfit:
            yield f"{self.name} is overfit: it has memorized its titles.", "warning"
        if self.state is before.state or not before.state.alive:
            return
        if self.state is State.DONE:
            yield f"{self.name} is done. {self.reason}".strip(), "information"
        elif self.state in (State.FAILED, State.INTERRUPTED):
            yield f"{self.name} {self.state.value}. {self.reason}".strip(), "error"


class JobWatch:
    """Follow all jobs that are alive, and those that ended while being followed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._followed: dict[Path, JobFollower] = {}

    def poll(self) -> tuple[JobStatus, ...]:
        """Return the status of each followed job, newest first."""
        statuses: list[JobStatus] = []
        present: dict[Path, JobFollower] = {}
        for job in list_jobs(self._root):
            state = job.state
            follower = self._followed.get(job.path)
            if follower is None and state.alive:
                follower = JobFollower(job)
            if follower is not None:
                follower.poll()
                present[job.path] = follower
                statuses.append(follower.status(state))
        self._followed = present
        return tuple(statuses)
