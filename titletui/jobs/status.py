"""What the jobs of this home are doing, read from their folders about once a second."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from titletui.jobs import events
from titletui.jobs.event_log import EventTail
from titletui.jobs.job import Job, State, list_jobs
from titletui.text import display

Severity = Literal["information", "warning", "error"]
Tone = Literal["", "good", "warning", "bad"]
GLYPHS = {
    State.QUEUED: "◌",
    State.RUNNING: "●",
    State.STOPPING: "◍",
    State.STOPPED: "⏸",
    State.DONE: "✓",
    State.FAILED: "✕",
    State.INTERRUPTED: "⚠",
    State.REMOTE: "⇄",
    State.UNREADABLE: "?",
}
_VERBS = {"harvest": "scraping", "import": "importing", "run": "training"}


class JobStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One job as the status line and the toasts show it.

    Attributes:
        line: glyph, name and how far it is.
        overfit: the average loss has fallen below the threshold.
        said: the reason that a failed job gave.
    """

    kind: str
    name: str
    state: State
    line: str
    tone: Tone = ""
    overfit: bool = False
    said: str = ""

    def since(self, before: "JobStatus") -> Iterator[tuple[str, Severity]]:
        """What a person should be told now that `before` has become this."""
        if self.overfit and not before.overfit:
            yield f"{self.name} is overfit: it starts to repeat its titles.", "warning"
        if self.state is before.state or not before.state.alive:
            return
        if self.state is State.DONE:
            yield f"{self.name} is done. {self.said}".strip(), "information"
        elif self.state in (State.FAILED, State.INTERRUPTED):
            yield f"{self.name} {self.state.value}. {self.said}".strip(), "error"


class _Followed:
    """A job whose events are read as they come."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.tail: EventTail = job.tail()
        self.step: events.Step | None = None
        self.progress: events.Progress | None = None
        self.overfit = False

    def read(self) -> None:
        for event in self.tail.read():
            match event:
                case events.Step():
                    self.step = event
                case events.Progress():
                    self.progress = event
                case events.Overfit():
                    self.overfit = True
                case events.Started():
                    self.overfit = False
                case _:
                    continue

    def news(self, state: State) -> JobStatus:
        ended = self.job.exit if not state.alive else None
        reason = display(" ".join(filter(None, (ended.reason, ended.advice)))) if ended else ""
        tone: Tone = ""
        if state is State.FAILED or state is State.INTERRUPTED:
            tone = "bad"
        elif self.overfit:
            tone = "warning"
        elif state.alive:
            tone = "good"
        return JobStatus(
            kind=self.job.kind,
            name=self.job.name,
            state=state,
            line=f"{GLYPHS[state]} {display(self.job.name)}{self._how_far(state)}",
            tone=tone,
            overfit=self.overfit,
            said=reason,
        )

    def _how_far(self, state: State) -> str:
        if not state.alive:
            return f" {state.value}"
        if self.step is not None:
            loss = f" loss {self.step.average:.2f}" if self.step.average is not None else ""
            return f" step {self.step.step}{loss}" + (" overfit" if self.overfit else "")
        if self.progress is not None and self.progress.fraction is not None:
            return f" {self.progress.fraction:.0%}"
        if self.progress is not None and self.progress.done:
            return f" {self.progress.far}"
        return f" {_VERBS.get(self.job.kind, 'working')}…"


class JobWatch:
    """Follows the jobs that are alive; one that ended badly while being watched stays."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._followed: dict[Path, _Followed] = {}

    def look(self) -> tuple[JobStatus, ...]:
        """The state of each job that is alive or was, when this last looked; newest first."""
        news: list[JobStatus] = []
        present: set[Path] = set()
        for job in list_jobs(self._root):
            state = job.state
            followed = self._followed.get(job.path)
            if followed is None and state.alive:
                followed = self._followed[job.path] = _Followed(job)
            if followed is not None:
                followed.read()
                present.add(job.path)
                news.append(followed.news(state))
        self._followed = {p: f for p, f in self._followed.items() if p in present}
        return tuple(news)
