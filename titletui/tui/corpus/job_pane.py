"""The job of a corpus, or the progress of a deletion, under the list of corpora."""

from textual.content import Content

from titletui.jobs.job import State
from titletui.text import display
from titletui.tui.corpus.deletions import Deletion
from titletui.tui.corpus.job_status import CorpusJob
from titletui.tui.textual_patches.static import StableStatic
from titletui.tui.widgets.job_style import state_style


class JobPane(StableStatic):
    """A headline and details; hidden while nothing is being done."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._headline = self._progress = self._style = ""
        self._details: list[str] = []

    def show_job(self, job: CorpusJob) -> None:
        """Show a harvest or an import."""
        self._show(*job.headline, state_style(job.state), job.details)

    def show_deletion(self, deletion: Deletion) -> None:
        """Show how many papers of a deleted corpus are deleted."""
        share = f"  {deletion.deleted / deletion.papers:.0%}" if deletion.papers else ""
        name = f"{State.STOPPING.glyph} deleting {display(deletion.corpus)}"
        self._show(name, share, state_style(State.STOPPING), [deletion.amount])

    def show_nothing(self) -> None:
        """Hide the pane."""
        self.display = False

    def on_resize(self) -> None:
        self._draw()

    def _show(self, name: str, progress: str, style: str, details: list[str]) -> None:
        self._headline, self._progress, self._style, self._details = name, progress, style, details
        self.display = True
        self._draw()

    def _draw(self) -> None:
        """Truncate the name rather than the progress after it."""
        width = self.content_size.width or 80
        name = Content(self._headline).truncate(max(8, width - len(self._progress)), ellipsis=True)
        lines = [Content.assemble(name, self._progress).stylize(f"bold {self._style}")]
        lines += [Content.styled(line, "$foreground 60%") for line in self._details]
        self.update(Content("\n").join(lines))
