"""Corpora: scrape, import, browse."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import ClassVar, TypeVar

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Static

from titletui.corpus.store import CorpusStore, CorpusSummary
from titletui.errors import TitletuiError, UsageError
from titletui.jobs import launch
from titletui.jobs.folder import State
from titletui.text import display
from titletui.tui.corpus_jobs import CorpusJob, CorpusJobs
from titletui.tui.screens.mode import ModeScreen
from titletui.tui.stores import StoreThread
from titletui.tui.widgets.corpus_list import CorpusLine, CorpusList
from titletui.tui.widgets.corpus_view import CorpusView
from titletui.tui.widgets.empty_state import EmptyState
from titletui.tui.widgets.job_pane import Deletion, JobPane

_LOOK = 1.0
_LONG = 50_000
_HOW = "n scrapes a category of arXiv, i imports a file of papers or titles"

T = TypeVar("T")


class CorpusScreen(ModeScreen):
    """The corpora on the left; on the right what the highlighted one holds."""

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

    corpora = getters.query_one("#corpora", CorpusList)
    view = getters.query_one("#right", CorpusView)
    job_pane = getters.query_one("#job", JobPane)
    nothing = getters.query_one("#nothing", EmptyState)

    def __init__(self) -> None:
        super().__init__()
        self._wanted = ""
        self._looking = False
        self._summaries: dict[str, CorpusSummary] = {}
        self._fruitless: list[CorpusJob] = []
        self._going: list[Deletion] = []
        self._jobs = StoreThread("corpus jobs", lambda: CorpusJobs(self.app.home.jobs))
        self._deletions = StoreThread("deletions", lambda: CorpusStore.open(self.app.home))
        self._slow_store = StoreThread("corpora, slowly", lambda: CorpusStore.open(self.app.home))

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="columns"):
            with Vertical(id="left"):
                yield Static("Corpora", classes="heading")
                yield CorpusList(id="corpora")
                yield JobPane(id="job")
            yield CorpusView(self._slow_store, id="right")
        yield EmptyState("No corpus yet", _HOW, id="nothing")

    def on_mount(self) -> None:
        self.set_interval(_LOOK, self._look)
        self.corpora.focus()
        self.call_later(self._look)

    async def on_screen_resume(self) -> None:
        await self._look()

    async def look_ahead(self) -> None:
        await self._look(always=True)

    def main_widget(self) -> Widget | None:
        return self.view.papers if self.view.search.has_focus else self.corpora

    def show_item(self, name: str, action: str = "") -> None:
        """Highlights the corpus `name`; `action` is one of this screen's actions."""
        self._wanted = name or self._wanted
        self.call_later(self._look, always=True)
        if action:
            self.call_later(self.run_action, action)

    # --- what is shown

    @property
    def chosen(self) -> CorpusLine | None:
        """The highlighted corpus."""
        return self.corpora.row

    async def _look(self, *, always: bool = False) -> None:
        if self._looking or not (always or self.is_current):
            return
        self._looking = True
        try:
            jobs = {job.corpus: job for job in await self._jobs.ask(lambda jobs: jobs.look())}
            summaries, notice = await self.app.corpora.ask(
                lambda store: (store.corpora(), store.notice)
            )
        except TitletuiError as error:
            if not self.gone:
                self.nothing.say("The corpora cannot be read", display(str(error)))
                self.show_empty(True)
            return
        finally:
            self._looking = False
        if self.gone:
            return
        if self.is_current:
            self.app.tell([notice] if notice else [])
        self._summaries = {summary.name: summary for summary in summaries}
        lines = [CorpusLine(s.name, s.papers, jobs.get(s.name)) for s in summaries]
        lines += [
            CorpusLine(job.corpus, 0, job)
            for job in jobs.values()
            if job.corpus not in self._summaries and job.state is not State.DONE
        ]
        self._fruitless = [
            job for job in jobs.values() if job.corpus not in self._summaries and job.said
        ]
        self._show_corpora(lines)
        self._show_view()

    def _show_corpora(self, lines: list[CorpusLine]) -> None:
        self.show_empty(not lines)
        if not lines:
            why = "".join(f"{display(job.corpus)}: {job.said}\n\n" for job in self._fruitless[:1])
            why += "".join(f"{deletion.line}\n\n" for deletion in self._going[:1])
            self.nothing.say("No corpus yet", f"{why}{_HOW}")
        if list(self.corpora.rows) != lines:
            chosen = self.chosen.name if self.chosen else self.app.settings.corpus
            names = [line.name for line in lines]
            known = [name for name in (self._wanted, chosen) if name in names]
            place = names.index(known[0]) if known else 0
            if self._wanted in known:
                self._wanted = ""
            self.corpora.show(lines, place)
        elif self._wanted:
            for at, line in enumerate(lines):
                if line.name == self._wanted:
                    self.corpora.highlighted, self._wanted = at, ""
        self._show_job()

    def _show_job(self) -> None:
        """The highlighted corpus' job, else a deletion, else what works or ended without papers."""
        mine = self.chosen.job if self.chosen else None
        if (mine is None or not mine.worth_showing) and self._going:
            self.job_pane.show_deletion(self._going[0])
            return
        jobs = [mine] if mine is not None and mine.worth_showing else []
        jobs += [line.job for line in self.corpora.rows if line.job is not None and line.job.open]
        jobs += self._fruitless
        if jobs:
            self.job_pane.show_job(jobs[0])
        else:
            self.job_pane.show_nothing()

    def on_row_list_highlighted(self, event: CorpusList.Highlighted) -> None:
        event.stop()
        if self.chosen is not None:
            self.app.settings.corpus = self.chosen.name
        self._show_job()
        self._show_view()

    def _show_view(self) -> None:
        if self.app.current_mode != "corpus":
            return  # A corpus may take seconds to count: not before anybody wants to see it.
        name = self.chosen.name if self.chosen else ""
        self.view.show(name, self._summaries.get(name))

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

    # --- doing

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
        from titletui.tui.screens.paper import PaperDialog

        row = self.view.papers.row
        if not self.view.papers.has_focus:
            self.action_focus_papers()
        elif row is not None:
            with self.app.opening():
                paper = await self._said(self.app.corpora.ask(lambda store: store.paper(row.id)))
                if paper is not None:
                    self.app.push_screen(PaperDialog(paper))

    @work(group="new")
    async def action_new_scrape(self) -> None:
        """Asks what to scrape and starts it."""
        from titletui.corpus.harvest import start_harvest
        from titletui.tui.screens.corpus_scrape import ScrapeDialog

        query = await self.app.push_screen_wait(ScrapeDialog(dict(self._summaries)))
        if query is not None:
            await self._start(query.corpus, lambda: start_harvest(self.app.home, query))

    @work(group="new")
    async def action_import_file(self) -> None:
        """Asks which file to import and starts it."""
        from titletui.corpus.files import start_import
        from titletui.tui.screens.corpus_import import ImportDialog

        source = await self.app.push_screen_wait(ImportDialog(dict(self._summaries)))
        if source is not None:
            await self._start(source.corpus, lambda: start_import(self.app.home, source))

    @work(group="new")
    async def action_update(self) -> None:
        """Fetches what is new since the last scrape of this corpus."""
        from titletui.corpus.harvest import start_update

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
        alive = await self.app.errands.ask(lambda _: folder.state.alive)
        verb = launch.stop if alive else launch.start
        await self._said(self.app.errands.ask(lambda _: verb(folder)))
        if alive:
            self.app.say(f"{job.corpus} stops after this page; what was fetched is kept.")
        await self._look(always=True)

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
        from titletui.corpus.begin import forget_jobs
        from titletui.tui.screens.confirm import ConfirmDialog

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
        if line.name in self._summaries:
            await self._said(self.app.corpora.ask(lambda store: store.hide(line.name)))
        await self._said(self.app.errands.ask(lambda home: forget_jobs(home, line.name)))
        deletion = Deletion(line.name, line.papers)
        self._going.append(deletion)
        await self._look(always=True)
        await self._said(self._deletions.ask(lambda store: store.purge(deletion.told)))
        self._going.remove(deletion)
        if line.papers > _LONG:
            self.app.say(f"{line.name} is deleted.")

    @work(group="edit")
    async def action_rename(self) -> None:
        """Gives this corpus another name."""
        from titletui.corpus.begin import forget_jobs
        from titletui.home import checked_name
        from titletui.tui.screens.prompt import PromptDialog

        line = self.chosen
        if line is None or line.name not in self._summaries:
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
            forget_jobs(self.app.home, line.name)
            return name

        self._wanted = await self._said(self.app.corpora.ask(rename)) or ""
        await self._look(always=True)

    @work(group="edit")
    async def action_export(self) -> None:
        """Writes this corpus to a file; asks before it replaces one."""
        from titletui.corpus.share import export_corpus
        from titletui.tui.screens.confirm import ConfirmDialog
        from titletui.tui.screens.prompt import PromptDialog

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
        path = Path(typed.strip()).expanduser().absolute()
        replace = path.exists()
        if replace:
            question = ConfirmDialog(f"Replace {path}?", "What is in it now is lost.", "replace")
            if not await self.app.push_screen_wait(question):
                return
        self.app.say(f"Exporting {line.papers:,} papers to {path} …")
        count = await self._said(
            self._slow_store.ask(lambda s: export_corpus(s, line.name, path, overwrite=replace))
        )
        if count is not None:
            self.app.say(f"{count:,} papers are in {path}.")

    async def _start(self, corpus: str, start: Callable[[], object]) -> None:
        if await self._said(self.app.errands.ask(lambda _: start())) is not None:
            self._wanted = corpus
        await self._look(always=True)

    async def _said(self, answer: Awaitable[T]) -> T | None:
        """What `answer` gives; None after an error, which is shown."""
        try:
            return await answer
        except TitletuiError as error:
            self.app.show_error(error)
            return None


def _check_export(typed: str) -> None:
    path = Path(typed.strip()).expanduser()
    if not typed.strip() or path.is_dir():
        raise UsageError("Name a file to export to.")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {path.absolute().parent}.")
    if not path.name.endswith((".jsonl", ".txt", ".jsonl.gz", ".txt.gz")):
        raise UsageError("The name must end in .jsonl or .txt, .gz after it if you like.")
