"""What a harvest says of itself while it works."""

import time
from datetime import date

from titletui.arxiv.harvest_state import Chain
from titletui.arxiv.oai_records import EARLIEST
from titletui.jobs.events import Note, Progress
from titletui.jobs.worker import JobContext

_BETWEEN_EVENTS = 0.3
_ENOUGH = 0.02


class Reporter:
    """Says how far a harvest is, a few times a second at most."""

    def __init__(self, job: JobContext) -> None:
        self._job = job
        self._last = 0.0
        self._waiting = self._told = ""
        self._began: tuple[float, float] | None = None
        self.chain: Chain | None = None
        self.today = ""

    @property
    def stopping(self) -> bool:
        return self._job.stopping

    def waiting(self, why: str) -> None:
        """Says what is waited for; called as often as one likes."""
        self._waiting = why
        if why != self._told:
            self.tell()

    def tell(self, *, now: bool = False) -> None:
        """Writes a progress event, unless the last one is too near."""
        if self.chain is None or (not now and time.monotonic() - self._last < _BETWEEN_EVENTS):
            return
        self._last = time.monotonic()
        self._told = self._waiting
        tally = self.chain.tally
        fraction = _fraction(self.chain, self.today or self.chain.first_day)
        self._job.emit(
            Progress(
                done=tally.seen,
                fraction=fraction,
                eta=self._left(fraction),
                day=self.chain.reached,
                waiting=self._waiting,
                counts=counts(self.chain),
            )
        )

    def _left(self, fraction: float | None) -> float | None:
        """Seconds until the list ends, at the pace in days since this worker's first page."""
        if fraction is None or fraction >= 1.0:
            return None
        now = time.monotonic()
        if self._began is None:
            self._began = (now, fraction)
        began, behind = self._began
        if fraction - behind < _ENOUGH:
            return None
        return round((1 - fraction) * (now - began) / (fraction - behind), 1)

    def note(self, text: str, level: str = "info") -> None:
        self._job.emit(Note(text=text, level=level))


def counts(chain: Chain) -> dict[str, int]:
    """The counters that are shown: papers new, updated and skipped first, others where not 0."""
    tally = chain.tally
    shown = {"new": tally.new, "updated": tally.updated, "skipped": tally.skipped + tally.aside}
    for name in ("filtered", "deleted", "aside", "repaired", "recovered"):
        if number := getattr(tally, name):
            shown[name] = number
    return shown | {"pages": tally.pages}


def nothing_came(chain: Chain, watermark: str, server: str) -> str:
    """Why a harvest that is complete brought nothing, as a sentence; empty where it did.

    Args:
        watermark: where the last complete harvest before it began, or empty.
    """
    tally, query = chain.tally, chain.query
    if tally.new or tally.updated:
        return ""
    looked_at = f"{tally.filtered:,} looked at"
    if watermark:
        matching = f" that matches the filters, of {looked_at}" if tally.filtered else ""
        return f"Nothing new since {watermark}{matching}."
    if tally.filtered == tally.seen > 0:
        return f"No paper matches these filters, of {looked_at}."
    if tally.skipped:
        return f"All {tally.skipped:,} papers were there already."
    window = f" from {query.start}" if query.start else ""
    window += f" until {query.until}" if query.until else ""
    changed = f" that was changed{window}" if window else ""
    kept = f" that can be kept, of {tally.seen:,} records" if tally.seen else ""
    return f"{server} has no paper of {query.category}{changed}{kept}."


def _fraction(chain: Chain, today: str) -> float | None:
    """The part of the window's days that lies behind."""
    if chain.stage != "list":
        return 1.0
    end = min(chain.query.until or today, today)
    if not chain.reached or not end:
        return None
    first = date.fromisoformat(chain.since or chain.oldest or EARLIEST)
    days = (date.fromisoformat(end) - first).days
    behind = (date.fromisoformat(chain.reached) - first).days
    return round(min(max(behind / days, 0.0), 1.0), 4) if days > 0 else None
