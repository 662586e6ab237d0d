"""The corpora of this home, and what the highlighted one holds."""

from collections.abc import Awaitable
from typing import TypeVar

from textual import getters, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from titletui.corpus.store import CorpusStore, CorpusSummary
from titletui.errors import TitletuiError
from titletui.jobs.job import State
from titletui.text import display
from titletui.tui.corpus.corpus_list import CorpusLine, CorpusList
from titletui.tui.corpus.corpus_view import CorpusView
from titletui.tui.corpus.job_pane import Deletion, JobPane
from titletui.tui.corpus.job_status import CorpusJob, CorpusJobs
from titletui.tui.list_screen import ListScreen
from titletui.tui.widgets.empty_state import EmptyState, keyed
from titletui.tui.worker_thread import WorkerThread

_HOW = "`n` scrapes a category of arXiv, `i` imports a file of papers or titles"

T = TypeVar("T")


class CorporaScreen(ListScreen):
    """The corpora on the left; on the right the highlighted one, as it grows or goes."""

    THING = "corpus"

    corpora = getters.query_one("#corpora", CorpusList)
    view = getters.query_one("#right", CorpusView)
    job_pane = getters.query_one("#job", JobPane)
    nothing = getters.query_one("#nothing", EmptyState)

    def __init__(self) -> None:
        super().__init__()
        self.summaries: dict[str, CorpusSummary] = {}
        self._fruitless: list[CorpusJob] = []
        self._going: list[Deletion] = []
        self._jobs = WorkerThread("corpus jobs", lambda: CorpusJobs(self.app.home.jobs))
        self._deletions = WorkerThread("deletions", lambda: CorpusStore.open(self.app.home))
        self.slow_store = WorkerThread("corpora, slowly", lambda: CorpusStore.open(self.app.home))

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="columns"):
            with Vertical(id="left"):
                yield Static("Corpora", classes="heading")
                yield CorpusList(id="corpora")
                yield JobPane(id="job")
            yield CorpusView(self.slow_store, id="right")
        yield EmptyState("No corpus yet", keyed(_HOW), id="nothing")

    def on_mount(self) -> None:
        self._finish_deletions()

    def main_widget(self) -> Widget | None:
        return self.view.papers if self.view.search.has_focus else self.corpora

    @property
    def chosen(self) -> CorpusLine | None:
        """The highlighted corpus."""
        return self.corpora.row

    async def read(self) -> None:
        """Reads the jobs and the corpora, and shows them."""
        try:
            jobs = {job.corpus: job for job in await self._jobs.run(lambda jobs: jobs.look())}
            summaries, notice = await self.app.corpora.run(
                lambda store: (store.corpora(), store.notice)
            )
        except TitletuiError as error:
            if not self.gone:
                self.nothing.say("The corpora cannot be read", display(str(error)))
                self.show_empty(True)
            return
        if self.gone:
            return
        if self.is_current:
            self.app.show_notices([notice] if notice else [])
        self.summaries = {summary.name: summary for summary in summaries}
        lines = [CorpusLine(s.name, s.papers, jobs.get(s.name)) for s in summaries]
        lines += [
            CorpusLine(job.corpus, 0, job)
            for job in jobs.values()
            if job.corpus not in self.summaries and job.state is not State.DONE
        ]
        self._fruitless = [
            job for job in jobs.values() if job.corpus not in self.summaries and job.said
        ]
        self._show_corpora(lines)
        self._show_view()

    def _show_corpora(self, lines: list[CorpusLine]) -> None:
        self.show_empty(not lines)
        if not lines:
            why = "".join(f"{display(job.corpus)}: {job.said}\n\n" for job in self._fruitless[:1])
            why += "".join(f"{deletion.line}\n\n" for deletion in self._going[:1])
            self.nothing.say("No corpus yet", Content.assemble(why, keyed(_HOW)))
        if list(self.corpora.rows) != lines:
            chosen = self.chosen.name if self.chosen else self.app.settings.corpus
            names = [line.name for line in lines]
            known = [name for name in (self.wanted, chosen) if name in names]
            place = names.index(known[0]) if known else 0
            if self.wanted in known:
                self.wanted = ""
            self.corpora.show(lines, place)
        elif self.wanted:
            for at, line in enumerate(lines):
                if line.name == self.wanted:
                    self.corpora.highlighted, self.wanted = at, ""
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
        self.view.show(name, self.summaries.get(name))

    # --- what waits for an answer

    @work(group="deletions")
    async def _finish_deletions(self) -> None:
        """Goes on with deletions that were cut off."""
        left = await self.said(
            self._deletions.run(lambda store: 0 if store.read_only else store.hidden())
        )
        if left:
            await self.purge(Deletion("what is left of one", left))

    async def purge(self, deletion: Deletion) -> None:
        """Removes the papers of the corpora that are off the list, and shows how far that is."""
        self._going.append(deletion)
        await self.look(always=True)
        await self.said(self._deletions.run(lambda store: store.purge(deletion.told)))
        self._going.remove(deletion)

    async def said(self, answer: Awaitable[T]) -> T | None:
        """What `answer` gives; None after an error, which is shown."""
        try:
            return await answer
        except TitletuiError as error:
            self.app.show_error(error)
            return None
