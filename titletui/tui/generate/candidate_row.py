"""Candidates as a list shows them, sorted and filtered."""

from typing import Literal

import msgspec

from titletui.candidate import Candidate
from titletui.generation.mbr import by_agreement
from titletui.settings import GenerateSettings

Star = Literal["", "saving", "saved"]


class CandidateRow(Candidate, frozen=True, kw_only=True):
    """One candidate and its state on screen.

    Attributes:
        star: `saving` from the key press until the library has committed it.
        repeat: it was generated before, in this batch or an earlier one.
        edited: its text on the shortlist where that differs.
        preference: the preference model's score, 0…1.
    """

    star: Star = ""
    repeat: bool = False
    edited: str = ""
    preference: float | None = None

    @property
    def shown_text(self) -> str:
        """The title as it is shown and copied."""
        return self.edited or self.text

    @classmethod
    def of(cls, candidate: Candidate, *, repeat: bool = False) -> "CandidateRow":
        """Build the row of a candidate."""
        star: Star = "saved" if candidate.starred else ""
        return cls(**msgspec.structs.asdict(candidate), star=star, repeat=repeat)


def visible_rows(rows: list[CandidateRow], settings: GenerateSettings) -> list[CandidateRow]:
    """Filter and sort `rows` as the settings say.

    A starred title is never hidden for its novelty, perplexity or length; a repeat is hidden
    whether starred or not.
    """
    visible = [
        row
        for row in rows
        if (row.star or not _is_filtered(row, settings))
        and not (settings.hide_repeats and row.repeat)
    ]
    match settings.sort:
        case "agreement":
            return [visible[place] for place in by_agreement([row.text for row in visible])]
        case "perplexity":
            return sorted(visible, key=lambda r: r.perplexity if r.perplexity is not None else 1e9)
        case "novelty":
            return sorted(visible, key=lambda r: r.novelty.similarity if r.novelty else 0.0)
        case "length":
            return sorted(visible, key=lambda r: len(r.text))
        case "taste":
            return sorted(visible, key=lambda r: -(r.preference or 0.0))
        case _:
            return visible


def _is_filtered(row: CandidateRow, settings: GenerateSettings) -> bool:
    kind = row.novelty.kind if row.novelty else ""
    return (
        (settings.hide_copies and kind == "copy")
        or (settings.hide_near and kind == "near")
        or (settings.hide_above is not None and (row.perplexity or 0.0) > settings.hide_above)
        or (settings.hide_longer is not None and len(row.text.split()) > settings.hide_longer)
    )
