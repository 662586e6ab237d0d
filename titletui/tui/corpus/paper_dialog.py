"""One paper with its abstract."""

from typing import ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from titletui.corpus.paper import Paper
from titletui.text import display
from titletui.tui.app_base import AppBase
from titletui.tui.dialogs.base import Dialog


class PaperDialog(Dialog[None]):
    """Title, authors, categories and abstract; `c` copies the title, `C` the abstract."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss", "close", id="paper.close", tooltip="Close the paper"),
        Binding("c", "copy('title')", "copy title", id="paper.copy", tooltip="Copy the title"),
        Binding("C", "copy('abstract')", "copy abstract", id="paper.copy_abstract",
                tooltip="Copy the abstract"),
        Binding("j,down", "scroll(1)", "Down", show=False, id="paper.down", tooltip="Down"),
        Binding("k,up", "scroll(-1)", "Up", show=False, id="paper.up", tooltip="Up"),
    ]  # fmt: skip
    app = getters.app(AppBase)

    def __init__(self, paper: Paper) -> None:
        super().__init__()
        self._paper = paper

    def compose(self) -> ComposeResult:
        paper = self._paper
        dates = [d for d in (paper.created, paper.updated and f"updated {paper.updated}") if d]
        facts = " · ".join([display(paper.id), *map(display, [paper.categories, *dates])])
        with Vertical(classes="dialog") as box:
            box.border_subtitle = "c copy title · C copy abstract · escape close"
            yield Static(Content.styled(display(paper.title), "bold"))
            if paper.authors:
                yield Static(Content.styled(display(paper.authors), "$foreground 60%"))
            yield Static(Content.styled(facts, "$foreground 60%"))
            with VerticalScroll(id="abstract"):
                text = display(paper.abstract) if paper.abstract else "No abstract was stored."
                yield Static(Content(text))

    def action_copy(self, part: str) -> None:
        """Copy the title or the abstract."""
        self.app.copy(self._paper.title if part == "title" else self._paper.abstract)

    def action_scroll(self, lines: int) -> None:
        """Scroll by `lines`."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
