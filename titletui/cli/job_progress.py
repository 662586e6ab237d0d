"""Follow a job from the command line: a progress line, or its events as JSON."""

import sys
import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from titletui.cli.output import print_json, say
from titletui.jobs import launch
from titletui.jobs.events import AnyEvent, Note, Progress, Started
from titletui.jobs.job import Job
from titletui.jobs.status import JobFollower
from titletui.text import display, format_duration

if TYPE_CHECKING:
    from rich.progress import TaskID

_POLL = 0.1
_PLAIN_EVERY = 10.0


class View(AbstractContextManager[Any], Protocol):
    """Shows a job while it is followed."""

    def update(self) -> None:
        """Read what is new of the job and show it."""

    def say(self, text: str) -> None:
        """Show a message."""


def follow(
    job: Job,
    view: View,
    *,
    stopping: str = "",
    left: str,
    stop_timeout: float = float("inf"),
) -> Literal["ended", "interrupted", "left"]:
    """Show a job until it ends.

    The first Ctrl-C asks the job to stop, a second one returns without waiting for it.

    Args:
        stopping: the message after the first Ctrl-C; empty if Ctrl-C must not stop the job.
        left: the message when returning before the end.
        stop_timeout: seconds to wait for the job to stop.
    """
    asked: float | None = None
    with view:
        while True:
            try:
                alive = job.state.alive
                view.update()
                if not alive:
                    return "ended" if asked is None else "interrupted"
                if asked is not None and time.monotonic() - asked > stop_timeout:
                    view.say(f"{job.name} takes long to stop. {left}")
                    return "left"
                time.sleep(_POLL)
            except KeyboardInterrupt:
                if asked is not None or not stopping:
                    view.say(left)
                    return "left"
                asked = time.monotonic()
                launch.stop(job)
                view.say(stopping)


class JobProgress:
    """The progress of a harvest or import, on standard error.

    Attributes:
        counts: the papers that were new, updated and skipped, and other counters of the job.
    """

    def __init__(self, job: Job) -> None:
        self.counts = {"new": 0, "updated": 0, "skipped": 0}
        self._follower = JobFollower(job)
        self._line = ProgressLine(job.name)

    def __enter__(self) -> Self:
        self._line.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._line.__exit__(*error)

    def update(self) -> None:
        for event in _since_last_start(self._follower.poll()):
            if isinstance(event, Note):
                self.say(event.text)
            elif isinstance(event, Progress):
                self.counts.update(event.counts)
                self._line.update(event)

    def say(self, text: str) -> None:
        self._line.say(text)


class JobEvents:
    """The events of a job, one JSON object a line on standard output."""

    def __init__(self, job: Job) -> None:
        self._tail = job.tail()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self) -> None:
        for event in self._tail.read():
            print_json(event)

    say = staticmethod(say)


class ProgressLine:
    """A line of progress: redrawn on a terminal, else printed every ten seconds."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._bar: Any = None
        self._task: TaskID | None = None
        self._printed = time.monotonic()

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=20),
                TextColumn("{task.fields[text]}", markup=False),
                console=Console(stderr=True),
                refresh_per_second=4,
            )
            self._task = self._bar.add_task(display(self._name), total=None, text="starting")
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        """Print a message above the line."""
        if self._bar is not None:
            self._bar.console.print(display(text), markup=False, highlight=False)
        else:
            say(text)

    def update(self, progress: Progress) -> None:
        """Show a new state."""
        text = _describe(progress)
        if self._bar is not None:
            known = progress.fraction is not None
            self._bar.update(
                self._task,
                total=1.0 if known else None,
                completed=progress.fraction if known else 0.0,
                text=display(text),
            )
        elif time.monotonic() - self._printed > _PLAIN_EVERY:
            self._printed = time.monotonic()
            say(f"{self._name}: {text}")


def _since_last_start(events: list[AnyEvent]) -> list[AnyEvent]:
    starts = [place for place, event in enumerate(events) if isinstance(event, Started)]
    return events[starts[-1] :] if starts else events


def _describe(progress: Progress) -> str:
    parts = [progress.amount]
    if progress.fraction is not None:
        parts.insert(0, f"{100 * progress.fraction:.0f} %")
    if progress.day:
        parts.append(progress.day)
    if progress.eta is not None:
        parts.append(f"{format_duration(progress.eta)} left")
    if progress.waiting:
        parts.append(progress.waiting)
    return " · ".join(parts)
