"""The Corpus screen: scrape, import, browse, export and delete corpora."""

from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import ClassVar, TypeVar

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from titletui.corpus.store import CorpusStore, CorpusSummary
from titletui.errors import TitletuiError, UsageError
from titletui.jobs import launch
from titletui.jobs.job import State
from titletui.paths import named_path
from titletui.text import display
from titletui.tui.corpus.corpus_list import CorpusLine, CorpusList
from titletui.tui.corpus.corpus_view import CorpusView
from titletui.tui.corpus.deletions import Deletions
from titletui.tui.corpus.job_pane import JobPane
from titletui.tui.corpus.job_status import CorpusJob, CorpusJobs
from titletui.tui.list_screen import ListScreen
from titletui.tui.widgets.empty_state import EmptyState, keyed
from titletui.tui.worker_thread import WorkerThread

NO_CORPUS = "`n` scrapes a category of arXiv, `i` imports a file of papers or titles"
_LARGE_CORPUS = 50_000

T = TypeVar("T")


class CorpusScreen(ListScreen):
    """The corpora and their jobs on the left, the highlighted corpus on the right."""

    AREA: ClassVar[str] = "Corpus"
    THING: ClassVar[str] = "corpus"
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
    no_corpus = getters.query_one("#no-corpus", EmptyState)

    def __init__(self) -> None:
        super().__init__()
        self.summaries: dict[str, CorpusSummary] = {}
        self._jobs_without_corpus: list[CorpusJob] = []
        self._jobs = WorkerThread("corpus jobs", lambda: CorpusJobs(self.app.home.jobs))
        # For statistics and exports, which take seconds, so that pages of papers need not wait.
        self.slow_store = WorkerThread("slow corpora", lambda: CorpusStore.open(self.app.home))

    @cached_property
    def _deletions(self) -> Deletions:
        return Deletions(self.app, on_start=lambda: self.look(always=True))

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="columns"):
            with Vertical(id="left"):
                yield Static("Corpora", classes="heading")
                yield CorpusList(id="corpora")
                yield JobPane(id="job")
            yield CorpusView(self.slow_store, id="right")
        yield EmptyState("No corpus yet", keyed(NO_CORPUS), id="no-corpus")

    def on_mount(self) -> None:
        self._resume_deletion()

    def main_widget(self) -> Widget | None:
        return self.view.papers if self.view.search.has_focus else self.corpora

    @property
    def chosen(self) -> CorpusLine | None:
        """The highlighted corpus."""
        return self.corpora.row

    async def show_errors(self, awaitable: Awaitable[T]) -> T | None:
        """Return the result of `awaitable`; None after an error, which is shown."""
        try:
            return await awaitable
        except TitletuiError as error:
            self.app.show_error(error)
            return None

    # --- what is shown

    async def read(self) -> None:
        """Read the corpora and their jobs and show them."""
        try:
            jobs = {job.corpus: job for job in await self._jobs.run(lambda jobs: jobs.poll())}
            summaries, notice = await self.app.corpora.run(
                lambda store: (store.corpora(), store.notice)
            )
        except TitletuiError as error:
            if not self.gone:
                self.no_corpus.say("The corpora cannot be read", display(str(error)))
                self.show_empty(True)
            return
        if self.gone:
            return
        if self.is_current:
            self.app.show_notices([notice] if notice else [])
        self.summaries = {summary.name: summary for summary in summaries}
        without_corpus = [job for job in jobs.values() if job.corpus not in self.summaries]
        self._jobs_without_corpus = [job for job in without_corpus if job.ending]
        lines = [CorpusLine(one.name, one.papers, jobs.get(one.name)) for one in summaries]
        lines += [
            CorpusLine(job.corpus, 0, job) for job in without_corpus if job.state is not State.DONE
        ]
        self._show_corpora(lines)
        self._show_job()
        self._show_view()

    def _show_corpora(self, lines: list[CorpusLine]) -> None:
        self.show_empty(not lines)
        if not lines:
            news = [f"{display(job.corpus)}: {job.ending}" for job in self._jobs_without_corpus[:1]]
            news += [deletion.summary for deletion in self._deletions.running[:1]]
            paragraphs = "".join(f"{one}\n\n" for one in news)
            self.no_corpus.say("No corpus yet", Content.assemble(paragraphs, keyed(NO_CORPUS)))
        names = [line.name for line in lines]
        if list(self.corpora.rows) != lines:
            highlighted = self.chosen.name if self.chosen else self.app.settings.corpus
            known = [name for name in (self.wanted, highlighted) if name in names]
            self.corpora.show(lines, names.index(known[0]) if known else 0)
        elif self.wanted in names:
            self.corpora.highlighted = names.index(self.wanted)
        if self.wanted in names:
            self.wanted = ""

    def _show_job(self) -> None:
        """Show the highlighted corpus' job; else a deletion; else any job that matters."""
        own = self.chosen.job if self.chosen and self.chosen.job else None
        if own is not None and own.matters:
            self.job_pane.show_job(own)
        elif self._deletions.running:
            self.job_pane.show_deletion(self._deletions.running[0])
        else:
            jobs = [line.job for line in self.corpora.rows if line.job and line.job.unfinished]
            jobs += self._jobs_without_corpus
            if jobs:
                self.job_pane.show_job(jobs[0])
            else:
                self.job_pane.show_nothing()

    def _show_view(self) -> None:
        if self.app.current_mode != "corpus":
            return  # Counting takes seconds on a large corpus: only when it is to be seen.
        name = self.chosen.name if self.chosen else ""
        self.view.show(name, self.summaries.get(name))

    def on_row_list_highlighted(self, event: CorpusList.Highlighted) -> None:
        event.stop()
        if self.chosen is not None:
            self.app.settings.corpus = self.chosen.name
        self._show_job()
        self._show_view()

    # --- moving about

    def on_row_list_chosen(self, event: CorpusList.Chosen) -> None:
        self.action_open() if event.row_list is self.view.papers else self.action_focus_papers()

    def action_search(self) -> None:
        """Go to the search line."""
        if self.view.shown:
            self.view.search.focus()

    def action_leave(self) -> None:
        """Leave the search line, then clear the search, then go to the list of corpora."""
        if not self.view.leave_search():
            self.corpora.focus()

    def action_focus_corpora(self) -> None:
        """Go to the list of corpora."""
        self.corpora.focus()

    def action_focus_papers(self) -> None:
        """Go to the papers."""
        if self.view.shown:
            self.view.papers.focus()

    @work(exclusive=True, group="open")
    async def action_open(self) -> None:
        """Go from a corpus to its papers, from a paper to its abstract."""
        from titletui.tui.corpus.paper_dialog import PaperDialog

        row = self.view.papers.row
        if not self.view.papers.has_focus:
            self.action_focus_papers()
        elif row is not None:
            with self.app.opening():
                read = self.app.corpora.run(lambda store: store.paper(row.id))
                paper = await self.show_errors(read)
                if paper is not None:
                    self.app.push_screen(PaperDialog(paper))

    # --- jobs

    @work(group="new")
    async def action_new_scrape(self) -> None:
        """Ask what to scrape and start it."""
        from titletui.arxiv.job import start_harvest
        from titletui.tui.corpus.harvest_dialog import ScrapeDialog

        query = await self.app.push_screen_wait(ScrapeDialog(dict(self.summaries)))
        if query is not None:
            await self._start(query.corpus, lambda: start_harvest(self.app.home, query))

    @work(group="new")
    async def action_import_file(self) -> None:
        """Ask which file to import and start it."""
        from titletui.importing.job import start_import
        from titletui.tui.corpus.import_dialog import ImportDialog

        source = await self.app.push_screen_wait(ImportDialog(dict(self.summaries)))
        if source is not None:
            await self._start(source.corpus, lambda: start_import(self.app.home, source))

    @work(group="new")
    async def action_update(self) -> None:
        """Fetch what is new since the last scrape of this corpus."""
        from titletui.arxiv.job import start_update

        line = self.chosen
        if line is not None:
            await self._start(line.name, lambda: start_update(self.app.home, line.name))

    async def _start(self, corpus: str, start: Callable[[], object]) -> None:
        if await self.show_errors(self.app.files.run(lambda _: start())) is not None:
            self.wanted = corpus
        await self.look(always=True)

    @work(exclusive=True, group="stop")
    async def action_stop_or_resume(self) -> None:
        """Stop the job of this corpus, or resume it."""
        job = self.chosen.job if self.chosen else None
        if job is None or not job.unfinished:
            self.app.say("Nothing runs for this corpus.")
            return
        folder = job.folder
        alive = await self.app.files.run(lambda _: folder.state.alive)
        stop_or_start = launch.stop if alive else launch.start
        await self.show_errors(self.app.files.run(lambda _: stop_or_start(folder)))
        if alive:
            self.app.say(f"{job.corpus} stops after this page; what was fetched is kept.")
        await self.look(always=True)

    def action_train(self) -> None:
        """Open a new run on this corpus."""
        line = self.chosen
        if line is None or not line.papers:
            self.app.say("There is nothing to train on here yet.", "warning")
            return
        self.app.call_later(self.app.open_mode, "train", line.name, "new_run_on")

    # --- delete, rename, export

    @work(group="deletions")
    async def _resume_deletion(self) -> None:
        await self._deletions.resume()

    @work(group="edit")
    async def action_delete(self) -> None:
        """Delete this corpus after a confirmation."""
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
            await self.show_errors(self.app.corpora.run(lambda store: store.hide(line.name)))
        await self.show_errors(self.app.files.run(lambda home: delete_jobs(home, line.name)))
        await self._deletions.purge(line.name, line.papers)
        if line.papers > _LARGE_CORPUS:
            self.app.say(f"{line.name} is deleted.")

    @work(group="edit")
    async def action_rename(self) -> None:
        """Ask for another name for this corpus."""
        from titletui.corpus.jobs import delete_jobs
        from titletui.paths import checked_name
        from titletui.tui.dialogs.prompt import PromptDialog

        line = self.chosen
        if line is None or line.name not in self.summaries:
            return
        if line.job is not None and line.job.unfinished:
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

        self.wanted = await self.show_errors(self.app.corpora.run(rename)) or ""
        await self.look(always=True)

    @work(group="edit")
    async def action_export(self) -> None:
        """Ask for a file and write this corpus to it."""
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
        count = await self.show_errors(
            self.slow_store.run(lambda s: export_corpus(s, line.name, path, overwrite=replace))
        )
        if count is not None:
            self.app.say(f"{count:,} papers are in {path}.")


def _check_export(typed: str) -> None:
    path = named_path(typed.strip())
    if not typed.strip() or path.is_dir():
        raise UsageError("Name a file to export to.")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {path.absolute().parent}.")
    if not path.name.endswith((".jsonl", ".txt", ".jsonl.gz", ".txt.gz")):
        raise UsageError("The name must end in .jsonl or .txt, .gz after it if you like.")
