"""What a harvest says of itself while it works."""

import time
from datetime import date

from titletui.corpus.answer import EARLIEST
from titletui.corpus.ledger import Chain
from titletui.jobs.events import Note, Progress
from titletui.jobs.worker import Job

_BETWEEN_EVENTS = 0.3


class Reporter:
    """Says how far a harvest is, a few times a second at most."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._last = 0.0
        self._waiting = self._told = ""
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
        fraction = _fraction(self.chain, self.today)
        self._job.emit(
            Progress(
                done=tally.seen,
                fraction=fraction,
                day=self.chain.reached,
                waiting=self._waiting,
                counts=counts(self.chain),
            )
        )

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
