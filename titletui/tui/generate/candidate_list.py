"""Candidates: star, title, perplexity, novelty."""

from textual.content import Content

from titletui.text import display
from titletui.tui.generate.candidate_row import Row
from titletui.tui.widgets.row_list import RowList
from titletui.tui.widgets.title_content import novelty_label, wrap_title

NARROW = 56
WIDEST = 132
_WORTH_NAMING = 36
_FIGURES = 22
_STARS = {"": "  ", "saving": "☆ ", "saved": "★ "}


class CandidateList(RowList[Row]):
    """Long titles wrap; the figures stay near them, in a narrow column under them.

    In a very wide one the paper that a title is near to or copies stands beside it.
    """

    TEXT_AT = 2

    def lines(self, row: Row, width: int) -> list[Content]:
        beside = width - WIDEST - 1
        width = min(width, WIDEST)
        narrow = width < NARROW
        room = width - 2 - (0 if narrow else _FIGURES)
        style = "$foreground 60%" if row.repeat else "bold" if row.star else ""
        mark = " ✎" if row.edited else "" if row.whole else " …"
        wrapped = wrap_title(Content.styled(display(row.reads), style), mark, max(8, room))
        star = Content.styled(_STARS[row.star], "$accent")
        if narrow:
            figures = Content.assemble(
                (" ".join(_perplexity(row).split()), "$foreground 60%"), "  ", _verdict(row)
            )
            return _narrow(star, wrapped, figures, room)
        first = Content.assemble(
            star,
            wrapped[0].pad_right(max(0, room - wrapped[0].cell_length)),
            " ",
            (_perplexity(row), "$foreground 60%"),
            "  ",
            _verdict(row),
        )
        if beside >= _WORTH_NAMING and row.novelty is not None and row.novelty.kind != "new":
            paper = Content.styled(display(row.novelty.title), "$foreground 60%")
            first = first.pad_right(max(0, width + 1 - first.cell_length))
            first = Content.assemble(first, paper.truncate(beside, ellipsis=True))
        return [first, *(Content.assemble("  ", part) for part in wrapped[1:])]


def _narrow(star: Content, title: list[Content], figures: Content, room: int) -> list[Content]:
    """The title with its figures at the right end of the last line that has room for them."""
    if title[-1].cell_length + 2 + figures.cell_length > room:
        title = [*title, Content("")]
    gap = max(0, room - title[-1].cell_length - figures.cell_length)
    title = [*title[:-1], Content.assemble(title[-1], " " * gap, figures)]
    return [Content.assemble(star if n == 0 else "  ", part) for n, part in enumerate(title)]


def _perplexity(row: Row) -> str:
    if row.perplexity is None:
        return " " * 9
    return f" ppl {row.perplexity:4.0f}" if row.perplexity < 9999.5 else " ppl >9999"[:9]


def _verdict(row: Row) -> Content:
    if row.repeat:
        return Content.styled("seen", "$foreground 60%")
    if row.novelty is None:
        return Content.styled("", "$foreground 60%")
    return novelty_label(row.novelty)
