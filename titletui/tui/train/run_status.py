"""The runs of this home, as the Train screen shows them."""

import time
from collections.abc import Collection
from pathlib import Path

import msgspec

from titletui.jobs.job import Job, State, list_jobs
from titletui.text import display
from titletui.training.run_history import RunView

_BUDGET = 0.2
_LONG = 8 << 20
_END = 1 << 20
_PIECE = 1 << 20


class RunRow(msgspec.Struct, frozen=True):
    """One run in the list.

    Attributes:
        standing: its loss, or what became of it, in one word.
        read: whether its log has been read yet.
    """

    name: str
    state: State
    standing: str
    warns: bool = False
    read: bool = True

    @property
    def glyph(self) -> str:
        return self.state.glyph


class RunSnapshot(msgspec.Struct, frozen=True):
    """A run's view with what was asked of its folder, all at one moment."""

    view: RunView
    state: State
    reason: str = ""
    advice: str = ""
    log: tuple[str, ...] = ()


class RunReader:
    """Reads the folders of all runs; keeps its place in each.

    Of a very long log the end is read first, the whole of it in the looks that follow. The views
    that it hands out change only while it looks.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._views: dict[Path, RunView] = {}
        self._ends: dict[Path, RunView] = {}
        self._settled: dict[Path, tuple[RunRow, float]] = {}

    def look(self, wanted: Collection[str] = ()) -> tuple[list[RunRow], dict[str, RunSnapshot]]:
        """All runs, the newest first, and those of the `wanted` names (or the newest) in full.

        Takes about a fifth of a second at most; logs that are not wanted wait for their turn.
        """
        jobs = list_jobs(self._root, "run")
        wanted = set(wanted) or {job.name for job in jobs[:1]}
        self._keep_only({job.path for job in jobs})
        until = time.monotonic() + _BUDGET
        shown: dict[str, RunSnapshot] = {}
        lines: dict[Path, RunRow] = {}
        for job in sorted(jobs, key=lambda job: job.name not in wanted):
            state, marked = job.state, _mark(job.events)
            known = self._settled.get(job.path)
            idle = not state.alive and job.name not in wanted
            if idle and known and known[0].read and (known[0].state, known[1]) == (state, marked):
                lines[job.path] = known[0]
                continue
            view = self._read(job, until)
            read = job.path not in self._ends and view.unread < _PIECE
            lines[job.path] = _line(view, state, read=read)
            self._settled[job.path] = (lines[job.path], marked)
            if job.name in wanted:
                shown[job.name] = _shown(view, state)
        return [lines[job.path] for job in jobs], shown

    def _keep_only(self, paths: set[Path]) -> None:
        for known in (self._views, self._ends, self._settled):
            for gone in known.keys() - paths:
                del known[gone]

    def _read(self, job: Job, until: float) -> RunView:
        """The view of the whole log, or of its end while that is still being read."""
        view = self._views.get(job.path)
        if view is None:
            view = self._views[job.path] = RunView(job)
            if view.unread > _LONG:
                self._ends[job.path] = RunView(job, last=_END)
        while view.unread and time.monotonic() < until:
            if not view.refresh(_PIECE):
                break
        end = self._ends.get(job.path)
        if end is not None and view.unread >= _PIECE:
            end.refresh()
            return end
        self._ends.pop(job.path, None)
        if view.unread < _PIECE:
            view.refresh()
        return view


def _mark(events: Path) -> float:
    try:
        return events.stat().st_mtime
    except OSError:
        return 0.0


def _shown(view: RunView, state: State) -> RunSnapshot:
    ended = view.job.exit if not state.alive else None
    return RunSnapshot(
        view=view,
        state=state,
        reason=display(ended.reason) if ended else view.problem and display(view.problem),
        advice=display(ended.advice) if ended else "",
        log=tuple(display(line) for line in view.job.last_log_lines(12))
        if state in (State.FAILED, State.INTERRUPTED, State.UNREADABLE)
        else (),
    )


def _line(view: RunView, state: State, *, read: bool) -> RunRow:
    loss = f"{view.loss:.2f}" if view.loss is not None else ""
    warns = bool(view.condition) or state in (State.FAILED, State.INTERRUPTED, State.UNREADABLE)
    if view.condition == "diverged":
        return RunRow(view.name, state, "diverged", warns, read)
    if state in (State.RUNNING, State.DONE):
        standing = loss or ("starts" if state is State.RUNNING else "done")
    else:
        standing = state.value
    if view.condition == "overfit" and state in (State.RUNNING, State.DONE):
        standing = f"⚠ {loss}"
    return RunRow(view.name, state, standing, warns, read)
