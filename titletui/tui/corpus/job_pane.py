"""What is being done to a corpus, under the list of corpora."""

from textual.content import Content

from titletui.jobs.job import State
from titletui.text import display
from titletui.tui.corpus.job_status import CorpusJob
from titletui.tui.textual_patches.static import StableStatic
from titletui.tui.widgets.job_style import state_style


class Deletion:
    """A corpus that goes, and how many of its papers are gone."""

    def __init__(self, corpus: str, papers: int) -> None:
        self.corpus = corpus
        self.papers = papers
        self.gone = 0

    def told(self, gone: int) -> None:
        """So many papers are gone by now; may come from another thread."""
        self.gone = min(gone, self.papers)

    @property
    def line(self) -> str:
        """`deleting cs.CL: 20,000 of 650,000 papers`"""
        return f"deleting {display(self.corpus)}: {self.far}"

    @property
    def far(self) -> str:
        return f"{self.gone:,} of {self.papers:,} papers"


class JobPane(StableStatic):
    """A harvest or an import, or how far a deletion is; hidden while there is neither."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._head = self._tail = self._style = ""
        self._details: list[str] = []

    def show_job(self, job: CorpusJob) -> None:
        """A job, with what it says of itself."""
        self._show(*job.headline, state_style(job.state), job.details)

    def show_deletion(self, deletion: Deletion) -> None:
        """How many papers of a deleted corpus are gone."""
        share = f"  {deletion.gone / deletion.papers:.0%}" if deletion.papers else ""
        head = f"{State.STOPPING.glyph} deleting {display(deletion.corpus)}"
        self._show(head, share, state_style(State.STOPPING), [deletion.far])

    def show_nothing(self) -> None:
        """When nothing is being done."""
        self.display = False

    def on_resize(self) -> None:
        self._draw()

    def _show(self, head: str, tail: str, style: str, details: list[str]) -> None:
        self._head, self._tail, self._style, self._details = head, tail, style, details
        self.display = True
        self._draw()

    def _draw(self) -> None:
        """The name gives way, so that what comes after it stands on the same line."""
        room = self.content_size.width or 80
        head = Content(self._head).truncate(max(8, room - len(self._tail)), ellipsis=True)
        lines = [Content.assemble(head, self._tail).stylize(f"bold {self._style}")]
        lines += [Content.styled(line, "$foreground 60%") for line in self._details]
        self.update(Content("\n").join(lines))
