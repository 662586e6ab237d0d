"""The list of corpora: name, number of papers, state of the job."""

import msgspec
from textual.content import Content

from titletui.jobs.job import State
from titletui.text import display
from titletui.tui.corpus.job_status import CorpusJob
from titletui.tui.widgets.job_style import state_style
from titletui.tui.widgets.row_list import RowList

_COUNT = 9


class CorpusLine(msgspec.Struct, frozen=True):
    """A corpus, or a job whose corpus does not exist yet."""

    name: str
    papers: int
    job: CorpusJob | None = None


class CorpusList(RowList[CorpusLine]):
    """One line a corpus."""

    def lines(self, row: CorpusLine, width: int) -> list[Content]:
        glyph, style = "  ", ""
        if row.job is not None and row.job.state is not State.DONE:
            glyph, style = f" {row.job.state.glyph}", state_style(row.job.state)
        room = max(4, width - _COUNT - 2)
        name = Content(display(row.name)).truncate(room, ellipsis=True).pad_right(0)
        name = name.pad_right(max(0, room - name.cell_length))
        return [
            Content.assemble(name, (f"{row.papers:>{_COUNT},}", "$foreground 60%"), (glyph, style))
        ]
