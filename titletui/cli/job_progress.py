"""Following a job that fills a corpus, from the command line."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from titletui.cli.output import say
from titletui.jobs import launch
from titletui.jobs.events import AnyEvent, Note, Progress, Started
from titletui.jobs.job import Job, State
from titletui.text import display, format_duration

if TYPE_CHECKING:
    from rich.progress import TaskID

_LOOK_EVERY = 0.1
_STOP_WITHIN = 15.0
_PLAIN_EVERY = 10.0
_EXIT_INTERRUPTED = 130


def follow(folder: Job) -> tuple[int, dict[str, int]]:
    """Shows a job on standard error until it ends; Ctrl-C stops it, a second one leaves it.

    Returns the exit code, and how many papers were new, updated and skipped.
    """
    tail = folder.tail()
    counts = {"new": 0, "updated": 0, "skipped": 0}
    stopping_since: float | None = None
    code: int | None = None
    with Display(folder.name) as shown:
        while True:
            try:
                state = folder.state
                for event in _since_last_start(tail.read()):
                    if isinstance(event, Progress):
                        counts.update(event.counts)
                    shown.take(event)
                if not state.alive:
                    break
                if stopping_since and time.monotonic() - stopping_since > _STOP_WITHIN:
                    shown.say(f"{folder.name} has been asked to stop and takes long; left alone.")
                    return _EXIT_INTERRUPTED, counts
                time.sleep(_LOOK_EVERY)
            except KeyboardInterrupt:
                if stopping_since is not None:
                    return _EXIT_INTERRUPTED, counts
                stopping_since = time.monotonic()
                launch.stop(folder)
                shown.say("Stopping; what came so far is kept.")
    code = _code(folder, interrupted=stopping_since is not None)
    return code, counts


def _since_last_start(events: list[AnyEvent]) -> list[AnyEvent]:
    starts = [place for place, event in enumerate(events) if isinstance(event, Started)]
    return events[starts[-1] :] if starts else events


def _code(folder: Job, *, interrupted: bool) -> int:
    state, ended = folder.state, folder.exit
    if state is State.DONE:
        return 0
    if state is State.STOPPED:
        say(f"{folder.name} is stopped; the same command goes on where it was.")
        return _EXIT_INTERRUPTED if interrupted else 1
    reason = ended.reason if ended and ended.reason else "its process is gone"
    advice = ended.advice if ended and ended.advice else "The same command goes on where it was."
    say(f"{folder.name}: {reason.rstrip('.')}. {advice}")
    return 1


class Display:
    """A line of progress: redrawn on a terminal, now and then a plain line elsewhere."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._bar: Any = None
        self._task: TaskID | None = None
        self._said = time.monotonic()

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
        if self._bar is not None:
            self._bar.console.print(display(text), markup=False, highlight=False)
        else:
            say(text)

    def take(self, event: AnyEvent) -> None:
        if isinstance(event, Note):
            self.say(event.text)
        elif isinstance(event, Progress):
            text = _sentence(event)
            if self._bar is not None:
                known = event.fraction is not None
                self._bar.update(
                    self._task,
                    total=1.0 if known else None,
                    completed=event.fraction if known else 0.0,
                    text=display(text),
                )
            elif time.monotonic() - self._said > _PLAIN_EVERY:
                self._said = time.monotonic()
                say(f"{self._name}: {text}")


def _sentence(event: Progress) -> str:
    parts = [event.far]
    if event.fraction is not None:
        parts.insert(0, f"{100 * event.fraction:.0f} %")
    if event.day:
        parts.append(event.day)
    if event.eta is not None:
        parts.append(f"{format_duration(event.eta)} left")
    if event.waiting:
        parts.append(event.waiting)
    return " · ".join(parts)
