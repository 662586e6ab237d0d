"""The list of candidates: star, title, perplexity, novelty."""

from textual.content import Content

from titletui.text import display
from titletui.tui.generate.candidate_row import CandidateRow
from titletui.tui.widgets.row_list import RowList
from titletui.tui.widgets.title_content import novelty_label, wrap_title

NARROW = 56
MAX_WIDTH = 132
_MIN_NEAREST = 36
_FIGURES = 22
_STARS = {"": "  ", "saving": "☆ ", "saved": "★ "}


class CandidateList(RowList[CandidateRow]):
    """Titles that wrap, with their figures in a column at the right.

    Under `NARROW` cells the figures go to the end of the title. Over `MAX_WIDTH` the paper that a
    title copies, or is near to, stands at the right of the figures.
    """

    TEXT_AT = 2

    def lines(self, row: CandidateRow, width: int) -> list[Content]:
        nearest_width = width - MAX_WIDTH - 1
        width = min(width, MAX_WIDTH)
        narrow = width < NARROW
        title_width = width - 2 - (0 if narrow else _FIGURES)
        style = "$foreground 60%" if row.repeat else "bold" if row.star else ""
        mark = " ✎" if row.edited else "" if row.whole else " …"
        title = wrap_title(
            Content.styled(display(row.shown_text), style), mark, max(8, title_width)
        )
        star = Content.styled(_STARS[row.star], "$accent")
        if narrow:
            return _with_figures_at_end(star, title, row, title_width)
        first = Content.assemble(
            star,
            title[0].pad_right(max(0, title_width - title[0].cell_length)),
            " ",
            (f" {_perplexity(row):<8}", "$foreground 60%"),
            "  ",
            _novelty(row),
        )
        if nearest_width >= _MIN_NEAREST and row.novelty and row.novelty.kind != "new":
            paper = Content.styled(display(row.novelty.title), "$foreground 60%")
            first = first.pad_right(max(0, width + 1 - first.cell_length))
            first = Content.assemble(first, paper.truncate(nearest_width, ellipsis=True))
        return [first, *(Content.assemble("  ", part) for part in title[1:])]


def _with_figures_at_end(
    star: Content, title: list[Content], row: CandidateRow, width: int
) -> list[Content]:
    """Append the figures to the last line of the title, or to a line of their own."""
    figures = Content.assemble(
        (" ".join(_perplexity(row).split()), "$foreground 60%"), "  ", _novelty(row)
    )
    if title[-1].cell_length + 2 + figures.cell_length > width:
        title = [*title, Content("")]
    gap = max(0, width - title[-1].cell_length - figures.cell_length)
    title = [*title[:-1], Content.assemble(title[-1], " " * gap, figures)]
    return [Content.assemble(star if n == 0 else "  ", part) for n, part in enumerate(title)]


def _perplexity(row: CandidateRow) -> str:
    if row.perplexity is None:
        return ""
    return f"ppl {row.perplexity:4.0f}" if row.perplexity < 9999.5 else "ppl >1e4"


def _novelty(row: CandidateRow) -> Content:
    if row.repeat:
        return Content.styled("seen", "$foreground 60%")
    return novelty_label(row.novelty) if row.novelty else Content("")
