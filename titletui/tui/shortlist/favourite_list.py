"""The list of favourites: title, model, novelty, tags and note."""

from textual.content import Content

from titletui.shortlist.records import Favourite
from titletui.text import display
from titletui.tui.widgets.row_list import RowList
from titletui.tui.widgets.title_content import novelty_label, wrap_title

FACTS_FROM = 100
WIDE = 150
_MODEL = 16


class FavouriteList(RowList[Favourite]):
    """One line a title; under `WIDE` cells tags and note go on a line of their own."""

    def lines(self, row: Favourite, width: int) -> list[Content]:
        wide = width >= WIDE
        facts = _facts(row, wide=width >= FACTS_FROM)
        room = width - facts.cell_length - 2 - (34 if wide else 0)
        extra = _extra(row)
        mark = " ✎" if row.edited else ""
        wrapped = wrap_title(Content(display(row.text)), mark, max(12, room))
        first = Content.assemble(
            wrapped[0].pad_right(max(0, room - wrapped[0].cell_length)),
            "  ",
            facts,
            "  " if wide and extra else "",
            extra.truncate(32, ellipsis=True) if wide else "",
        )
        lines = [first, *wrapped[1:]]
        if extra and not wide:
            lines.append(Content.assemble("  ", extra.truncate(max(1, width - 2), ellipsis=True)))
        return lines


def _facts(row: Favourite, *, wide: bool) -> Content:
    novelty = novelty_label(row.novelty) if row.novelty else Content("")
    novelty = novelty.pad_right(9 - novelty.cell_length)
    if not wide:
        return novelty
    model = display(row.model) or "typed"
    made = Content(model).truncate(_MODEL, ellipsis=True)
    if row.temperature is not None:
        made = Content.assemble(made, f" t {row.temperature:.2f}")
    made = made.stylize("$foreground 60%").pad_right(max(0, _MODEL + 7 - made.cell_length))
    return Content.assemble(made, " ", novelty)


def _extra(row: Favourite) -> Content:
    tags = " ".join(f"#{tag}" for tag in row.tags)
    note = f"“{row.note}”" if row.note else ""
    return Content.assemble(
        (display(tags), "$secondary"), " " if tags and note else "", (display(note), "italic")
    )
