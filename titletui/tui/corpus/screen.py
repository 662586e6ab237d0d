"""Corpora: scrape, import, browse."""

from collections.abc import Callable
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from titletui.corpus.store import CorpusStore
from titletui.errors import UsageError
from titletui.jobs import launch
from titletui.paths import named_path
from titletui.tui.corpus.corpus_list import CorpusList
from titletui.tui.corpus.job_pane import Deletion
from titletui.tui.corpus.list_screen import CorporaScreen

_LONG = 50_000


class CorpusScreen(CorporaScreen):
    """What can be done to a corpus."""

    AREA: ClassVar[str] = "Corpus"
    HELP: ClassVar[str] = (
        "A corpus is a named set of papers: scraped from arXiv or imported from a file. Scraping "
        "and importing go on without the app; what was fetched is kept whatever happens."
    )
    FOOTER_EMPTY: ClassVar[tuple[str, ...]] = ("corpus.new", "corpus.import")
    CSS_PATH = "corpus.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new_scrape", "new", id="corpus.new", tooltip="Scrape a category of arXiv"),
        Binding("u", "update", "update", id="corpus.update",
                tooltip="Fetch what is new since the last scrape"),
        Binding("i", "import_file", "import", id="corpus.import",
                tooltip="Import papers from a file"),
        Binding("slash", "search", "search", key_display="/", id="corpus.search",
                tooltip="Search the titles of this corpus"),
        Binding("t", "train", "train on this", id="corpus.train",
                tooltip="Fine-tune a model on this corpus"),
        Binding("space", "stop_or_resume", "stop/resume", show=False, id="corpus.stop",
                tooltip="Stop the scrape or import, or take it up again"),
        Binding("enter", "open", "Open", show=False, id="corpus.open",
                tooltip="Go to the papers; show the abstract of one"),
        Binding("x", "delete", "delete", show=False, id="corpus.delete",
                tooltip="Delete this corpus (asks)"),
        Binding("R", "rename", "rename", show=False, id="corpus.rename",
                tooltip="Give this corpus another name"),
        Binding("E", "export", "export", show=False, id="corpus.export",
                tooltip="Export this corpus to a file"),
        Binding("h,left", "focus_corpora", "Corpora", show=False, id="corpus.left",
                tooltip="Go to the list of corpora"),
        Binding("l,right", "focus_papers", "Papers", show=False, id="corpus.right",
                tooltip="Go to the papers"),
    ]  # fmt: skip

    def on_row_list_chosen(self, event: CorpusList.Chosen) -> None:
        self.action_open() if event.row_list is self.view.papers else self.action_focus_papers()

    def action_search(self) -> None:
        """Goes to the search line."""
        if self.view.shown:
            self.view.search.focus()

    def action_leave(self) -> None:
        """Out of the search line; from the papers back to the corpora, the search undone."""
        if not self.view.leave_search():
            self.corpora.focus()

    def action_focus_corpora(self) -> None:
        """To the list of corpora."""
        self.corpora.focus()

    def action_focus_papers(self) -> None:
        """To the papers."""
        if self.view.shown:
            self.view.papers.focus()

    @work(exclusive=True, group="open")
    async def action_open(self) -> None:
        """From a corpus to its papers, from a paper to its abstract."""
        from titletui.tui.corpus.paper_dialog import PaperDialog

        row = self.view.papers.row
        if not self.view.papers.has_focus:
            self.action_focus_papers()
        elif row is not None:
            with self.app.opening():
                paper = await self.said(self.app.corpora.run(lambda store: store.paper(row.id)))
                if paper is not None:
                    self.app.push_screen(PaperDialog(paper))

    @work(group="new")
    async def action_new_scrape(self) -> None:
        """Asks what to scrape and starts it."""
        from titletui.arxiv.job import start_harvest
        from titletui.tui.corpus.harvest_dialog import ScrapeDialog

        query = await self.app.push_screen_wait(ScrapeDialog(dict(self.summaries)))
        if query is not None:
            await self._start(query.corpus, lambda: start_harvest(self.app.home, query))

    @work(group="new")
    async def action_import_file(self) -> None:
        """Asks which file to import and starts it."""
        from titletui.importing.job import start_import
        from titletui.tui.corpus.import_dialog import ImportDialog

        source = await self.app.push_screen_wait(ImportDialog(dict(self.summaries)))
        if source is not None:
            await self._start(source.corpus, lambda: start_import(self.app.home, source))

    @work(group="new")
    async def action_update(self) -> None:
        """Fetches what is new since the last scrape of this corpus."""
        from titletui.arxiv.job import start_update

        line = self.chosen
        if line is None:
            return
        await self._start(line.name, lambda: start_update(self.app.home, line.name))

    @work(exclusive=True, group="stop")
    async def action_stop_or_resume(self) -> None:
        """Stops the job of this corpus, or takes it up again."""
        job = self.chosen.job if self.chosen else None
        if job is None or not job.open:
            self.app.say("Nothing runs for this corpus.")
            return
        folder = job.folder
        alive = await self.app.files.run(lambda _: folder.state.alive)
        verb = launch.stop if alive else launch.start
        await self.said(self.app.files.run(lambda _: verb(folder)))
        if alive:
            self.app.say(f"{job.corpus} stops after this page; what was fetched is kept.")
        await self.look(always=True)

    def action_train(self) -> None:
        """Opens a new run on this corpus."""
        line = self.chosen
        if line is None or not line.papers:
            self.app.say("There is nothing to train on here yet.", "warning")
            return
        self.app.call_later(self.app.open_mode, "train", line.name, "new_run_on")

    @work(group="edit")
    async def action_delete(self) -> None:
        """Deletes this corpus, after a question."""
        from titletui.corpus.jobs import delete_jobs
        from titletui.tui.dialogs.confirm import ConfirmDialog

        line = self.chosen
        if line is None:
            return
        if line.job is not None and line.job.state.alive:
            self.app.say(f"{line.name} is being filled; stop that first (space).", "warning")
            return
        question = f"Delete the corpus {line.name} with {line.papers:,} papers?"
        consequence = (
            "Papers that are in no other corpus go too; they would have to be scraped or imported "
            "again. Runs keep their own copy of what they train on; the shortlist stays."
        )
        if not await self.app.push_screen_wait(ConfirmDialog(question, consequence, "delete")):
            return
        if line.name in self.summaries:
            await self.said(self.app.corpora.run(lambda store: store.hide(line.name)))
        await self.said(self.app.files.run(lambda home: delete_jobs(home, line.name)))
        await self.purge(Deletion(line.name, line.papers))
        if line.papers > _LONG:
            self.app.say(f"{line.name} is deleted.")

    @work(group="edit")
    async def action_rename(self) -> None:
        """Gives this corpus another name."""
        from titletui.corpus.jobs import delete_jobs
        from titletui.paths import checked_name
        from titletui.tui.dialogs.prompt import PromptDialog

        line = self.chosen
        if line is None or line.name not in self.summaries:
            return
        if line.job is not None and line.job.open:
            self.app.say(f"{line.name} is not complete; let its job end first.", "warning")
            return
        dialog = PromptDialog(
            f"Rename {line.name}", line.name, check=lambda text: checked_name(text, "corpus name")
        )
        name = await self.app.push_screen_wait(dialog)
        if name is None or name == line.name:
            return

        def rename(store: CorpusStore) -> str:
            store.rename(line.name, name)
            delete_jobs(self.app.home, line.name)
            return name

        self.wanted = await self.said(self.app.corpora.run(rename)) or ""
        await self.look(always=True)

    @work(group="edit")
    async def action_export(self) -> None:
        """Writes this corpus to a file; asks before it replaces one."""
        from titletui.corpus.export import export_corpus
        from titletui.tui.dialogs.confirm import ConfirmDialog
        from titletui.tui.dialogs.prompt import PromptDialog

        line = self.chosen
        if line is None or not line.papers:
            self.app.say("There is nothing to export here yet.", "warning")
            return
        dialog = PromptDialog(
            f"Export {line.name}",
            f"~/{line.name}.jsonl",
            hint=".jsonl keeps everything and can be imported again, .txt the titles; .gz packs it",
            check=_check_export,
            verb="write",
        )
        typed = await self.app.push_screen_wait(dialog)
        if typed is None:
            return
        path = named_path(typed.strip()).absolute()
        replace = path.exists()
        if replace:
            question = ConfirmDialog(f"Replace {path}?", "What is in it now is lost.", "replace")
            if not await self.app.push_screen_wait(question):
                return
        self.app.say(f"Exporting {line.papers:,} papers to {path} …")
        count = await self.said(
            self.slow_store.run(lambda s: export_corpus(s, line.name, path, overwrite=replace))
        )
        if count is not None:
            self.app.say(f"{count:,} papers are in {path}.")

    async def _start(self, corpus: str, start: Callable[[], object]) -> None:
        if await self.said(self.app.files.run(lambda _: start())) is not None:
            self.wanted = corpus
        await self.look(always=True)


def _check_export(typed: str) -> None:
    path = named_path(typed.strip())
    if not typed.strip() or path.is_dir():
        raise UsageError("Name a file to export to.")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {path.absolute().parent}.")
    if not path.name.endswith((".jsonl", ".txt", ".jsonl.gz", ".txt.gz")):
        raise UsageError("The name must end in .jsonl or .txt, .gz after it if you like.")
