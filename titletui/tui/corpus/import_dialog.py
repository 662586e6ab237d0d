"""Ask which file to import, and into which corpus."""

import asyncio
from pathlib import Path
from typing import ClassVar

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input

from titletui.corpus.store import CorpusSummary
from titletui.errors import TitletuiError, UsageError
from titletui.importing.job import Source
from titletui.importing.preview import preview
from titletui.importing.sources import corpus_name_for, pasted_path
from titletui.paths import checked_name
from titletui.text import display, format_bytes
from titletui.tui.app_base import AppBase
from titletui.tui.dialogs.base import Dialog
from titletui.tui.textual_patches.line_input import LineInput
from titletui.tui.widgets.field import Field, Verdict
from titletui.tui.widgets.path_input import PathInput

_TYPING = 0.2
_FORMS = (
    "JSON lines (the Kaggle snapshot's, or exported here), CSV or TSV, or a title a line; .gz and "
    ".xz too."
)


class ImportDialog(Dialog[Source | None]):
    """A path, previewed while it is typed, and the name of the corpus.

    Args:
        corpora: the existing ones, by name.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "cancel", id="import.cancel", tooltip="Import nothing"),
        Binding("ctrl+r", "start", "import", id="import.start", tooltip="Import the file"),
    ]
    app = getters.app(AppBase)
    path = getters.query_one("#path", PathInput)
    corpus = getters.query_one("#corpus", Input)
    verdict = getters.query_one(Verdict)

    def __init__(self, corpora: dict[str, CorpusSummary]) -> None:
        super().__init__()
        self._corpora = corpora

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "Import"
            box.border_subtitle = "→ complete · enter next, import · escape cancel"
            yield Field(
                "File", PathInput(id="path", placeholder="~/arxiv-metadata.json, titles.gz…")
            )
            yield Field("Corpus", LineInput(id="corpus", placeholder="after the file"))
            yield Verdict(_FORMS)

    def on_mount(self) -> None:
        self.path.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if event.input is self.path:
            name = corpus_name_for([Path(event.value)]) if event.value else ""
            self.corpus.placeholder = display(name)
        self._preview()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.input is self.path:
            self.corpus.focus()
        else:
            self.action_start()

    @property
    def source(self) -> Source:
        """The file and the corpus to import it into.

        Raises:
            UsageError: no file is named, or it or the corpus cannot have that name.
        """
        typed = self.path.value.strip()
        if not typed:
            raise UsageError("Name a file to import.")
        path = pasted_path(typed).absolute()
        name = self.corpus.value.strip() or corpus_name_for([path])
        return Source(corpus=checked_name(name, "corpus name"), path=str(path))

    @work(exclusive=True, group="preview")
    async def _preview(self) -> None:
        await asyncio.sleep(_TYPING)
        if self.gone() or not self.path.value.strip():
            return
        try:
            source = self.source
            seen = await self.app.files.run(lambda _: preview(source.paths))
        except TitletuiError as error:
            if not self.gone():
                self.verdict.say(str(error))  # It is still being typed; `action_start` refuses it.
            return
        if self.gone():
            return
        there = self._corpora.get(source.corpus)
        where = f"adds to {there.papers:,} papers" if there else "a new corpus"
        lines = [
            f"{seen.form} · {format_bytes(seen.size)} · {source.corpus}: {where}",
            *([seen.description] if seen.columns else []),
            *seen.titles,
        ]
        shown = [Content(display(line)).truncate(64, ellipsis=True) for line in lines]
        self.verdict.say(Content("\n").join(shown))

    @work(exclusive=True, group="start")
    async def action_start(self) -> None:
        """Dismiss with the source, or show what is wrong with it."""
        try:
            source = self.source
            await self.app.files.run(lambda _: preview(source.paths))
        except TitletuiError as error:
            self._refuse(str(error))
            return
        self.dismiss(source)

    def _refuse(self, text: str) -> None:
        if not self.gone():
            self.verdict.refuse(text)
