"""Progress events of a harvest."""

import time
from datetime import date

from titletui.arxiv.harvest_state import HarvestState
from titletui.arxiv.oai_records import EARLIEST
from titletui.jobs.events import Note, Progress
from titletui.jobs.worker import JobContext

_BETWEEN_EVENTS = 0.3
_ETA_AFTER = 0.02


class HarvestProgress:
    """Writes how far a harvest is to its job's event log, a few times a second at most.

    Attributes:
        state: the state to report; None until the harvest has one.
        today: ISO day of the server's clock.
    """

    def __init__(self, job: JobContext) -> None:
        self.state: HarvestState | None = None
        self.today = ""
        self._job = job
        self._last = 0.0
        self._waiting = self._reported = ""
        self._first: tuple[float, float] | None = None

    @property
    def stopping(self) -> bool:
        """Whether the job was asked to stop."""
        return self._job.stopping

    def set_waiting(self, reason: str) -> None:
        """Report what the harvest waits for; empty when it waits for nothing."""
        self._waiting = reason
        if reason != self._reported:
            self.emit()

    def emit(self, *, force: bool = False) -> None:
        """Write a progress event, unless the last one is too recent and `force` is not set."""
        if self.state is None or (not force and time.monotonic() - self._last < _BETWEEN_EVENTS):
            return
        self._last = time.monotonic()
        self._reported = self._waiting
        fraction = _fraction(self.state, self.today or self.state.first_day)
        self._job.emit(
            Progress(
                done=self.state.counts.seen,
                fraction=fraction,
                eta=self._eta(fraction),
                day=self.state.reached,
                waiting=self._waiting,
                counts=shown_counts(self.state),
            )
        )

    def note(self, text: str, level: str = "info") -> None:
        """Write a note for a person; `level` is `info`, `warning` or `error`."""
        self._job.emit(Note(text=text, level=level))

    def _eta(self, fraction: float | None) -> float | None:
        """Seconds to the end of the list, at the speed since this process's first page."""
        if fraction is None or fraction >= 1.0:
            return None
        now = time.monotonic()
        if self._first is None:
            self._first = (now, fraction)
        began, start = self._first
        if fraction - start < _ETA_AFTER:
            return None
        return round((1 - fraction) * (now - began) / (fraction - start), 1)


def shown_counts(state: HarvestState) -> dict[str, int]:
    """New, updated and skipped papers, other counters that are not 0, and pages."""
    counts = state.counts
    shown = {
        "new": counts.new,
        "updated": counts.updated,
        "skipped": counts.skipped + counts.quarantined,
    }
    for name in ("filtered", "deleted", "quarantined", "repaired", "recovered"):
        if number := getattr(counts, name):
            shown[name] = number
    return shown | {"pages": counts.pages}


def explain_nothing_new(state: HarvestState, watermark: str, server: str) -> str:
    """Why a complete harvest brought no paper, as a sentence; empty where it brought some.

    Args:
        watermark: where the complete harvest before it began, or empty.
    """
    counts, query = state.counts, state.query
    if counts.new or counts.updated:
        return ""
    looked_at = f"{counts.filtered:,} looked at"
    if watermark:
        matching = f" that matches the filters, of {looked_at}" if counts.filtered else ""
        return f"Nothing new since {watermark}{matching}."
    if counts.filtered == counts.seen > 0:
        return f"No paper matches these filters, of {looked_at}."
    if counts.skipped:
        return f"All {counts.skipped:,} papers were there already."
    window = f" from {query.start}" if query.start else ""
    window += f" until {query.until}" if query.until else ""
    changed = f" that was changed{window}" if window else ""
    usable = f" that can be kept, of {counts.seen:,} records" if counts.seen else ""
    return f"{server} has no paper of {query.category}{changed}{usable}."


def _fraction(state: HarvestState, today: str) -> float | None:
    """The share of the window's days that have been listed."""
    if state.stage != "list":
        return 1.0
    end = min(state.query.until or today, today)
    if not state.reached or not end:
        return None
    first = date.fromisoformat(state.since or state.oldest or EARLIEST)
    days = (date.fromisoformat(end) - first).days
    listed = (date.fromisoformat(state.reached) - first).days
    return round(min(max(listed / days, 0.0), 1.0), 4) if days > 0 else None
