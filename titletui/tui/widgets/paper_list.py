"""Papers in a list: year, arXiv id, title."""

from textual.content import Content

from titletui.corpus.browse import Row
from titletui.text import display
from titletui.tui.widgets.row_list import RowList

_WITH_IDS = 64
_ID = 12


class PaperList(RowList[Row]):
    """One line a paper; the id is left out where there is little room."""

    def lines(self, row: Row, width: int) -> list[Content]:
        year = f"{row.year or '':>4}  "
        id_ = f"{display(row.id)[:_ID]:<{_ID}}  " if width >= _WITH_IDS else ""
        line = Content.assemble((year, "$text-muted"), (id_, "$text-muted"), display(row.title))
        return [line.truncate(width, ellipsis=True)]
