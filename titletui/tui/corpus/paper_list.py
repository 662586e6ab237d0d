"""Papers in a list: year, arXiv id, title."""

from dataclasses import dataclass

from textual.content import Content
from textual.message import Message

from titletui.corpus.pagination import ListedPaper
from titletui.text import display
from titletui.tui.widgets.row_list import RowList

_IDS_FROM = 64
_ID = 12
_IMPORTED_ID = "x-"


class PaperList(RowList[ListedPaper]):
    """One line a paper; a narrow list leaves the arXiv id out.

    It holds a window of the papers: `End` asks for the first or the last of all.
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
        known = "" if row.id.startswith(_IMPORTED_ID) else display(row.id)
        known = known if len(known) <= _ID else f"{known[: _ID - 1]}…"
        number = f"{known:<{_ID}}  " if width >= _IDS_FROM else ""
        line = Content.assemble((year + number, "$foreground 60%"), display(row.title))
        return [line.truncate(width, ellipsis=True)]
