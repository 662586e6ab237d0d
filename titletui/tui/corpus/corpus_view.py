"""One corpus: its statistics and its papers, searched while typing."""

import asyncio
import time

from textual import getters, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from titletui.corpus.pagination import END, Cursor
from titletui.corpus.statistics import compute_statistics
from titletui.corpus.store import CorpusStore, CorpusSummary
from titletui.errors import TitletuiError
from titletui.text import display
from titletui.tui.app_base import AppBase
from titletui.tui.corpus.page_window import PAGE, PaperPages
from titletui.tui.corpus.paper_list import PaperList
from titletui.tui.corpus.statistics_view import StatisticsView
from titletui.tui.textual_patches.line_input import LineInput
from titletui.tui.textual_patches.static import StableStatic
from titletui.tui.widgets.empty_state import EmptyState, keyed
from titletui.tui.worker_thread import WorkerThread

_TYPING_PAUSE = 0.12
_COUNT_INTERVAL = 1.0
_COUNT_SHARE = 0.03
_NEAR_END = 20


class CorpusView(Vertical):
    """One corpus at a time, of whose papers at most a few pages are in memory.

    Args:
        slow_store: for statistics, which take seconds, so that pages need not wait for them.

    Attributes:
        shown: the name of the corpus; empty without one.
    """

    DEFAULT_CSS = """
    CorpusView {
        & > #search-line { height: 1; padding: 0 1; background: $surface; }
        & > #papers, & > #none { border-top: solid $foreground 20%; }
        & > #papers:focus { border-top: solid $primary 60%; }
        & #slash { width: 2; color: $text-muted; }
        & #search { width: 1fr; }
        & #found { width: auto; padding-left: 1; color: $text-muted; }
        & #none { display: none; }
        &.-none #papers { display: none; }
        &.-none #none { display: block; }
    }
    """

    app = getters.app(AppBase)
    statistics = getters.query_one(StatisticsView)
    search = getters.query_one("#search", Input)
    found = getters.query_one("#found", StableStatic)
    papers = getters.query_one("#papers", PaperList)
    none = getters.query_one("#none", EmptyState)

    def __init__(self, slow_store: WorkerThread[CorpusStore], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.shown = ""
        self._slow_store = slow_store
        self._summary: CorpusSummary | None = None
        self._pages = PaperPages()
        self._asked = ""
        self._uncounted = False
        self._count_next = 0.0

    def compose(self) -> ComposeResult:
        yield StatisticsView()
        with Horizontal(id="search-line"):
            yield Static("/", id="slash")
            yield LineInput(placeholder="search the titles", id="search")
            yield StableStatic(id="found")
        yield PaperList(id="papers")
        yield EmptyState("", "", id="none")

    def show(self, name: str, summary: CorpusSummary | None) -> None:
        """Show the corpus `name`; `summary` is None while it has no papers.

        Cheap to call: only what changed is read again.
        """
        if name != self.shown:
            self.shown, self._summary, self._count_next = name, None, 0.0
            self._pages = PaperPages()
            with self.prevent(Input.Changed):
                self.search.clear()
            self.papers.show([])
            self.remove_class("-none")
            self.found.update("")
            self.statistics.show_nothing(name)
        before, self._summary = self._summary, summary
        if summary is not None and summary != before:
            self._uncounted = True
            self.statistics.show_summary(summary)
            if before is None:
                self._load(name, "")
            elif not self._pages.before and not self.papers.highlighted:
                self._load(name, self._asked)
        if summary is not None and self._uncounted and time.monotonic() > self._count_next:
            self._uncounted = False
            self._count_next = time.monotonic() + _COUNT_INTERVAL
            self._count(summary)

    @property
    def _gone(self) -> bool:
        """Whether the app was closed during an await."""
        return not (self.app.is_running and self.query("#papers"))

    def leave_search(self) -> bool:
        """Leave the search line, then clear the search; return False if there was neither."""
        if self.search.has_focus and self.papers.display:
            self.papers.focus()
        elif self.search.value:
            self.search.clear()
        else:
            return False
        return True

    def on_row_list_highlighted(self, event: PaperList.Highlighted) -> None:
        event.stop()
        if event.index is None:
            return
        if event.index >= len(self.papers.rows) - _NEAR_END and self._pages.after:
            self._load_more(self.shown, self._asked, down=True)
        elif event.index < _NEAR_END and self._pages.before:
            self._load_more(self.shown, self._asked, down=False)

    def on_paper_list_end(self, event: PaperList.End) -> None:
        event.stop()
        if event.last and self._pages.after:
            self._load(self.shown, self._asked, END)
        elif not event.last and self._pages.before:
            self._load(self.shown, self._asked)
        elif self.papers.rows:
            self.papers.highlighted = len(self.papers.rows) - 1 if event.last else 0

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._search_when_typed(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self.papers.display:
            self.papers.focus()

    @work(exclusive=True, group="typing")
    async def _search_when_typed(self, text: str) -> None:
        await asyncio.sleep(_TYPING_PAUSE)
        if self._summary is not None and text != self._asked and not self._gone:
            self._load(self.shown, text)

    @work(exclusive=True, group="papers")
    async def _load(self, name: str, search: str, at: Cursor | None = None) -> None:
        """Show the papers that match `search` from the first, or from the `END`."""
        try:
            page = await self.app.corpora.run(
                lambda store: store.page(name, search=search, after=at, limit=PAGE)
            )
        except TitletuiError as error:
            if not self._gone:
                self.found.update(Content(display(str(error))))
            return
        if self._gone:
            return
        self._asked = search
        self._pages.start(page)
        self.papers.show(self._pages.rows, len(page.rows) - 1 if at == END else 0)
        self.found.update(_found(self._pages) if search else "")
        self.none.say(f"No title has “{display(search)}”", keyed("`escape` takes the search back"))
        self.set_class(bool(search) and not page.rows, "-none")

    @work(exclusive=True, group="papers")
    async def _load_more(self, name: str, search: str, *, down: bool) -> None:
        pages = self._pages
        cursor = pages.after if down else pages.before
        try:
            page = await self.app.corpora.run(
                lambda store: store.page(name, search=search, after=cursor, limit=PAGE)
            )
        except TitletuiError as error:
            self.app.show_error(error)
            return
        if self._gone:
            return
        at = self.papers.highlighted or 0
        moved = -pages.append(page) if down else pages.prepend(page)
        self.papers.show(pages.rows, max(0, at + moved))

    @work(exclusive=True, group="count")
    async def _count(self, summary: CorpusSummary) -> None:
        """Compute the statistics; of a growing corpus, in at most `_COUNT_SHARE` of the time."""
        started = time.monotonic()
        try:
            statistics = await self._slow_store.run(
                lambda store: compute_statistics(store, summary.name)
            )
        except TitletuiError as error:
            if not self._gone:
                self.statistics.show_error(str(error))
            return
        if summary.name == self.shown and not self._gone:
            took = time.monotonic() - started
            self._count_next = time.monotonic() + max(_COUNT_INTERVAL, took / _COUNT_SHARE)
            self.statistics.show_statistics(statistics)


def _found(pages: PaperPages) -> Content:
    more = "" if pages.exact else "over "
    return Content(f"{more}{pages.total:,} found" if pages.total else "none found")
