"""A batch on screen."""

from collections.abc import Sequence

from titletui.candidate import Candidate
from titletui.shortlist.records import BatchSettings
from titletui.text import fold
from titletui.tui.generate.candidate_row import CandidateRow


class LiveBatch:
    """The candidates of one batch so far, and whether more are coming.

    Attributes:
        id: in the library; None until its first candidate is stored.
        rows: in order of arrival.
        status: what the model server is waiting for; empty while titles arrive.
        running: whether it is still being written.
    """

    def __init__(self, settings: BatchSettings, id: int | None = None) -> None:  # noqa: A002
        self.id = id
        self.settings = settings
        self.rows: list[CandidateRow] = []
        self.status = ""
        self.running = False

    @classmethod
    def from_library(
        cls, settings: BatchSettings, batch: int, candidates: Sequence[Candidate]
    ) -> "LiveBatch":
        """Build a finished batch; its later copies of a title count as repeats."""
        found = cls(settings, batch)
        folded: set[str] = set()
        for one in candidates:
            key = fold(one.text)
            found.rows.append(CandidateRow.of(one, repeat=key in folded))
            folded.add(key)
        return found

    @property
    def new_titles(self) -> int:
        """The number of titles that were never seen and are like no paper."""
        return sum(
            not row.repeat and (row.novelty is None or row.novelty.kind == "new")
            for row in self.rows
        )
