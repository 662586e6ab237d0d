"""A candidate on its way from the model to the eye."""

from typing import Literal

import msgspec

from titletui.candidate import Candidate
from titletui.generation.mbr import by_agreement
from titletui.settings import GenerateSettings

Star = Literal["", "saving", "saved"]


class Row(Candidate, frozen=True, kw_only=True):
    """One candidate as a list shows it.

    Attributes:
        star: `saving` from the key until the library has it on disk.
        repeat: it was seen before, in this batch or an earlier one.
        edited: how it reads on the shortlist, where that is another way.
        liking: what the taste model says, 0…1.
    """

    star: Star = ""
    repeat: bool = False
    edited: str = ""
    liking: float | None = None

    @property
    def reads(self) -> str:
        """As it is to be shown and copied."""
        return self.edited or self.text

    @classmethod
    def of(cls, candidate: Candidate, *, repeat: bool = False) -> "Row":
        """The row of a candidate."""
        star: Star = "saved" if candidate.starred else ""
        return cls(**msgspec.structs.asdict(candidate), star=star, repeat=repeat)


def arranged(rows: list[Row], view: GenerateSettings) -> list[Row]:
    """The rows that are to be shown, in order.

    One that was starred is not hidden for what it is; but a title that was seen before need not
    stand here again, starred or not.
    """
    kept = [
        row
        for row in rows
        if (row.star or not _is_hidden(row, view)) and not (view.hide_repeats and row.repeat)
    ]
    match view.sort:
        case "agreement":
            return [kept[place] for place in by_agreement([row.text for row in kept])]
        case "perplexity":
            return sorted(kept, key=lambda r: r.perplexity if r.perplexity is not None else 1e9)
        case "novelty":
            return sorted(kept, key=lambda r: r.novelty.similarity if r.novelty else 0.0)
        case "length":
            return sorted(kept, key=lambda r: len(r.text))
        case "taste":
            return sorted(kept, key=lambda r: -(r.liking or 0.0))
        case _:
            return kept


def _is_hidden(row: Row, view: GenerateSettings) -> bool:
    kind = row.novelty.kind if row.novelty else ""
    return (
        (view.hide_copies and kind == "copy")
        or (view.hide_near and kind == "near")
        or (view.hide_above is not None and (row.perplexity or 0.0) > view.hide_above)
        or (view.hide_longer is not None and len(row.text.split()) > view.hide_longer)
    )
