"""Ask what to scrape from arXiv."""

import asyncio
import shlex
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from textual import events, getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input

from titletui.arxiv.categories import Category, find_category, search_categories
from titletui.arxiv.filters import parse_filters
from titletui.arxiv.harvest_state import HarvestQuery
from titletui.arxiv.job import check_days
from titletui.corpus.store import CorpusSummary
from titletui.errors import TitletuiError, UsageError
from titletui.paths import checked_name
from titletui.tui.app_base import AppBase
from titletui.tui.dialogs.base import Dialog
from titletui.tui.textual_patches.line_input import LineInput
from titletui.tui.widgets.field import Field, Verdict
from titletui.tui.widgets.row_list import RowList

_TYPING = 0.15
_YEAR = timedelta(days=365)
_MATCHES = 60
_TALLEST = 7
_SECONDS_PER_PAGE = 9
_PAPERS_PER_PAGE = 2_400


class CategoryList(RowList[Category]):
    """Categories: code and name."""

    def lines(self, row: Category, width: int) -> list[Content]:
        codes = max(len(one.code) for one in self.rows)
        line = Content.assemble((f"{row.code:<{codes}}  ", "bold"), row.name)
        group = f" · {row.group}"
        if line.cell_length + len(group) <= width:
            line = Content.assemble(line, (group, "$foreground 60%"))
        return [line.truncate(width, ellipsis=True)]


class ScrapeDialog(Dialog[HarvestQuery | None]):
    """A category found by code or name, dates, filters and the name of the corpus.

    Args:
        corpora: the existing ones, by name.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "cancel", id="scrape.cancel", tooltip="Scrape nothing"),
        Binding("ctrl+r", "start", "scrape", id="scrape.start", tooltip="Start scraping"),
    ]
    app = getters.app(AppBase)
    category = getters.query_one("#category", Input)
    matches = getters.query_one("#matches", CategoryList)
    start = getters.query_one("#start", Input)
    until = getters.query_one("#until", Input)
    filters = getters.query_one("#filters", Input)
    corpus = getters.query_one("#corpus", Input)
    verdict = getters.query_one(Verdict)

    def __init__(self, corpora: dict[str, CorpusSummary]) -> None:
        super().__init__()
        self._corpora = corpora

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "New scrape"
            box.border_subtitle = "enter next · ctrl+r start · escape cancel"
            yield Field(
                "Category",
                LineInput(id="category", placeholder="cs.CL, speech, machine learning…"),
            )
            yield CategoryList(id="matches")
            begin = (datetime.now(UTC) - _YEAR).date().isoformat()
            yield Field(
                "From",
                LineInput(begin, id="start", placeholder="the beginning"),
                "until",
                LineInput(id="until", placeholder="today"),
            )
            yield Field(
                "Filters",
                LineInput(id="filters", placeholder="title=speech author=Lee …"),
            )
            yield Field("Corpus", LineInput(id="corpus", placeholder="after the category"))
            yield Verdict()

    def on_mount(self) -> None:
        self.category.focus()
        self.matches.can_focus = False
        self._match("")

    def on_key(self, event: events.Key) -> None:
        if self.category.has_focus and event.key in ("up", "down"):
            self.matches.action_go(1 if event.key == "down" else -1)
            event.stop()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if event.input is self.category:
            self._match(event.value)
        self._check_when_typed()

    def on_row_list_highlighted(self, event: CategoryList.Highlighted) -> None:
        event.stop()
        self._check_when_typed()

    def on_row_list_chosen(self, event: CategoryList.Chosen) -> None:
        event.stop()
        self.start.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.input is self.corpus:
            self.action_start()
        else:
            self.focus_next()

    def _match(self, text: str) -> None:
        found = search_categories(text)[:_MATCHES] if text.strip() else []
        self.matches.styles.height = min(_TALLEST, len(found))
        self.matches.show(found)

    def query_from_form(self) -> HarvestQuery:
        """Return what is to be scraped.

        Raises:
            UsageError: a value is impossible; the message says which.
        """
        category = self.matches.row
        if category is None:
            if not self.category.value.strip():
                raise UsageError("Choose a category: type its code or what it is about.")
            category = find_category(self.category.value)
        try:
            words = shlex.split(self.filters.value)
        except ValueError as error:
            raise UsageError("A quotation mark in the filters is not closed.") from error
        query = HarvestQuery(
            corpus=checked_name(self.corpus.value.strip() or category.code, "corpus name"),
            category=category.code,
            start=self.start.value.strip(),
            until=self.until.value.strip(),
            filters=parse_filters(words),
        )
        check_days(query)
        return query

    @work(exclusive=True, group="check")
    async def _check_when_typed(self) -> None:
        await asyncio.sleep(_TYPING)
        if self.gone():
            return
        try:
            query = self.query_from_form()
        except TitletuiError as error:
            say = self.verdict.refuse if self.category.value else self.verdict.say
            say(str(error))
            return
        self.corpus.placeholder = query.category
        self.verdict.say(self._estimate(query))

    def _estimate(self, query: HarvestQuery) -> str:
        minutes = round(100_000 / _PAPERS_PER_PAGE * _SECONDS_PER_PAGE / 60)
        parts = [f"arXiv names no total beforehand; 100,000 papers take about {minutes} min."]
        if query.start or query.until:
            parts.append(
                "The days are those of the last change, so older papers that were revised come "
                "too; submitted=2024 keeps those of one year."
            )
        there = self._corpora.get(query.corpus)
        if there is not None:
            parts.append(f"{query.corpus} holds {there.papers:,} papers; new ones are added.")
        return " ".join(parts)

    def action_start(self) -> None:
        """Dismiss with the query, or show what is wrong with it."""
        try:
            query = self.query_from_form()
        except TitletuiError as error:
            self.verdict.refuse(str(error))
            return
        self.dismiss(query)
