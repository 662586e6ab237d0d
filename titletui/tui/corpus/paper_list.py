"""Papers in a list: year, arXiv id, title."""

from dataclasses import dataclass

from textual.content import Content
from textual.message import Message

from titletui.corpus.pagination import ListedPaper
from titletui.text import display
from titletui.tui.widgets.row_list import RowList

_WITH_IDS = 64
_ID = 12
_MADE_UP = "x-"


class PaperList(RowList[ListedPaper]):
    """One line a paper; the id is left out where there is little room.

    It holds a part of the papers: `End` is posted for those that may not be in it.
    """

    @dataclass
    class End(Message):
        """The first of all papers is wanted, or the last."""

        last: bool

    def action_go_to(self, index: int) -> None:
        """Asks for the first or the last of all papers."""
        self.post_message(self.End(last=index < 0))

    def lines(self, row: ListedPaper, width: int) -> list[Content]:
        year = f"{row.year or '':>4}  "
        known = "" if row.id.startswith(_MADE_UP) else display(row.id)[:_ID]
        number = f"{known:<{_ID}}  " if width >= _WITH_IDS else ""
        line = Content.assemble((year + number, "$foreground 60%"), display(row.title))
        return [line.truncate(width, ellipsis=True)]
