"""Papers in a list: year, arXiv id, title."""

from textual.content import Content

from titletui.corpus.browse import Row
from titletui.text import display
from titletui.tui.widgets.row_list import RowList

_WITH_IDS = 64
_ID = 12
_MADE_UP = "x-"


class PaperList(RowList[Row]):
    """One line a paper; the id is left out where there is little room."""

    def lines(self, row: Row, width: int) -> list[Content]:
        year = f"{row.year or '':>4}  "
        known = "" if row.id.startswith(_MADE_UP) else display(row.id)[:_ID]
        number = f"{known:<{_ID}}  " if width >= _WITH_IDS else ""
        line = Content.assemble((year + number, "$foreground 60%"), display(row.title))
        return [line.truncate(width, ellipsis=True)]
