"""The runs in a list: glyph, name, and the loss or what became of it."""

from textual.content import Content

from titletui.jobs.job import State
from titletui.text import display
from titletui.tui.train.run_status import RunRow
from titletui.tui.widgets.job_style import state_style
from titletui.tui.widgets.row_list import RowList

_WHOLE_WORDS = 30


class RunList(RowList[RunRow]):
    """One line a run.

    Attributes:
        pinned: the run that the others are compared with.
    """

    pinned = ""

    def lines(self, row: RunRow, width: int) -> list[Content]:
        word = row.standing if width >= _WHOLE_WORDS or row.standing != "interrupted" else "cut off"
        non_finite = row.state in (State.FAILED, State.UNREADABLE)
        style = "$error" if non_finite else "$warning" if row.warns else "$foreground 60%"
        standing = Content.styled(word, style)
        pin = " ◆" if row.name == self.pinned else ""
        room = max(4, width - 2 - standing.cell_length - 1 - len(pin))
        name = Content(display(row.name)).truncate(room, ellipsis=True)
        gap = " " * max(1, width - 2 - len(pin) - name.cell_length - standing.cell_length)
        glyph = Content.styled(f"{row.glyph} ", state_style(row.state))
        return [Content.assemble(glyph, name, (pin, "bold $accent"), gap, standing)]
