"""Batches side by side: written, walked through, starred."""

import asyncio
from functools import cached_property, partial
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace
from textual import getters, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from titletui.errors import TitletuiError
from titletui.generation.protocol import Generate, with_seed
from titletui.settings import GenerateSettings
from titletui.shortlist.records import BatchSettings, Favourite
from titletui.text import fold
from titletui.tui.generate.batch_column import BatchColumn
from titletui.tui.generate.batch_writer import Batch, Writing
from titletui.tui.generate.candidate_list import CandidateList
from titletui.tui.generate.candidate_row import Row
from titletui.tui.generate.preference import Tasting
from titletui.tui.generate.welcome import Welcome
from titletui.tui.title_screen import Pick, TitleScreen
from titletui.tui.widgets.row_list import RowList
from titletui.tui.widgets.title_content import nearest_paper

if TYPE_CHECKING:
    from titletui.generation.client import GenerationClient

MOST_ROUNDS = 20
NO_PAPERS = "No papers to compare with yet: 1 is where they are scraped and imported."
STARTING = "starting the generator…"
WAITING = "waiting for its turn…"


class BatchesScreen(TitleScreen):
    """One batch, or several in columns, and the highlighted candidate's nearest paper."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "star", "star", id="generate.star",
                tooltip="Star the title, or unstar it"),
        Binding("left_square_bracket", "walk(-1)", "batch before", show=False,
                id="generate.before", tooltip="The batch before"),
        Binding("right_square_bracket", "walk(1)", "next batch", show=False, id="generate.next",
                tooltip="The next batch"),
        Binding("right", "column(1)", "next column", show=False, id="generate.right",
                tooltip="To the column on the right"),
        Binding("left", "column(-1)", "column before", show=False, id="generate.left",
                tooltip="To the column on the left"),
    ]  # fmt: skip

    nearest = getters.query_one("#nearest", Static)
    holder = getters.query_one("#columns", Horizontal)

    def __init__(self) -> None:
        super().__init__()
        self.columns: list[BatchColumn] = []
        self._writing: dict[int, GenerationClient] = {}
        self._walked: int | None = None

    @cached_property
    def taste(self) -> Tasting:
        """Ranks candidates by what was starred."""
        return Tasting(self.app)

    @property
    def chosen(self) -> GenerateSettings:
        """The knobs as they stand."""
        return self.app.settings.generate

    def main_widget(self) -> Widget | None:
        return self.column.candidates

    # --- columns

    @property
    def column(self) -> BatchColumn:
        """The column that the keys are about."""
        return next((one for one in self.columns if one.has_focus_within), self.columns[0])

    async def set_columns(self, columns: list[BatchColumn], *, focus: bool = False) -> None:
        """Shows these; the focus stays in the list if it was there, or on its way there."""
        nowhere = self.focused is None and not self.app.settings.welcome
        focus = focus or nowhere or isinstance(self.focused, CandidateList)
        with self.app.batch_update():
            self.columns = columns
            await self.holder.remove_children()
            await self.holder.mount(*columns)
            self._bring_up(columns[0])
        # Nothing was painted meanwhile, whatever asked for it.
        self.refresh()
        if focus:
            columns[0].take_focus()

    def action_column(self, step: int) -> None:
        """Goes to the column beside this one."""
        at = self.columns.index(self.column) + step
        if 0 <= at < len(self.columns):
            self._bring_up(self.columns[at])
            self.columns[at].take_focus()

    def _bring_up(self, column: BatchColumn) -> None:
        """Of several columns a narrow terminal shows this one."""
        for one in self.columns:
            one.set_class(one is not column, "-beside")

    def on_row_list_highlighted(self, event: RowList.Highlighted) -> None:
        if event.row_list is self.column.candidates:
            self.show_nearest(self.column.row)

    def on_row_list_chosen(self) -> None:
        self.action_star()

    def on_descendant_focus(self) -> None:
        if isinstance(self.focused, CandidateList):
            self.show_nearest(self.column.row)

    def show_nearest(self, row: Row | None) -> None:
        """Shows the paper that is most like the candidate."""
        said = self._nearest(row)
        self.nearest.set_class(not said, "-silent")
        self.nearest.update(said)

    def _nearest(self, row: Row | None) -> Content:
        if row is None or row.novelty is None:
            alone = row is not None and not self.column.titles.running
            return Content.styled(NO_PAPERS if alone else "", "$foreground 60%")
        paper = row.novelty
        if not paper.title:
            return Content.styled("No paper has words in common with it.", "$foreground 60%")
        return nearest_paper(paper)

    # --- writing

    @work(group="write")
    async def write(self, asked: list[tuple[str, Generate]], until_new: int = 0) -> None:
        """Stops what is being written and writes one batch for each of `asked`, side by side.

        Batches of one model come one after the other, those of two models at the same time, each
        from a server of its own.
        """
        await self.stop()
        against = self.chosen.against
        columns = [
            BatchColumn(
                Batch(BatchSettings.of(request, against=against)),
                label,
                f"{number} of {len(asked)}, ← →" if len(asked) > 1 else "",
            )
            for number, (label, request) in enumerate(asked, start=1)
        ]
        turns: dict[str, list[tuple[BatchColumn, Generate]]] = {}
        for column, (_, request) in zip(columns, asked, strict=True):
            turns.setdefault(request.model, []).append((column, request))
            second = request.model != asked[0][1].model
            generator = self.app.second_generator if second else self.app.generator
            self._writing[request.id] = generator
            column.titles.running = True
            first = turns[request.model][0][0] is column
            column.titles.status = STARTING if first else WAITING
        self._walked = None
        self.welcome(1)
        await self.set_columns(columns, focus=True)
        await asyncio.gather(*(self._write_all(turn, until_new) for turn in turns.values()))

    async def _write_all(self, turn: list[tuple[BatchColumn, Generate]], until_new: int) -> None:
        """Writes one after the other; where one fails or is stopped, so are those after it."""
        well = True
        for column, request in turn:
            generator = self._writing.get(request.id)
            if well and generator is not None:
                well = await self._write_one(column, request, until_new, generator)
            else:
                self._writing.pop(request.id, None)
                column.titles.running = False
                column.changed(None)

    async def _write_one(
        self, column: BatchColumn, request: Generate, until_new: int, generator: "GenerationClient"
    ) -> bool:
        writing = Writing(self.app, generator, column.titles, self.taste, column.changed)
        try:
            await writing.run(request)
            for _ in range(MOST_ROUNDS):
                if column.titles.new >= until_new or self._writing.pop(request.id, None) is None:
                    break
                request = replace(with_seed(request, None), id=self.app.next_request_id())
                self._writing[request.id] = generator
                await writing.run(request)
        except TitletuiError as error:
            self.app.show_error(error)
            return False
        finally:
            self._writing.pop(request.id, None)
            column.titles.running = False
            column.changed(None)
        if column.titles.rows:
            self.welcome(2)
        return True

    async def stop(self) -> bool:
        """Stops what is being written; returns whether anything was."""
        running, self._writing = self._writing, {}
        for number, generator in running.items():
            await generator.cancel(number)
        return bool(running)

    # --- batches of before

    @work(group="walk", exclusive=True)
    async def action_walk(self, step: int) -> None:
        """Shows the batch before or after the one that is shown; 0 the newest."""
        try:
            batches = await self.app.library.run(lambda library: library.batches(limit=10_000))
        except TitletuiError as error:
            self.app.show_error(error)
            return
        ids = [batch.id for batch in reversed(batches) if batch.candidates]
        if not ids:
            return
        here = self.column.titles.id
        at = ids.index(here) + step if here in ids else len(ids) - 1
        if not 0 <= at < len(ids):
            self.app.say("This is the oldest batch." if step < 0 else "This is the newest batch.")
            return
        number = ids[at]
        kept = await self.app.library.run(lambda library: library.candidates(number))
        batch = Batch(next(one.settings for one in batches if one.id == number), number)
        texts: set[str] = set()
        for candidate in kept:
            batch.rows.append(Row.of(candidate, repeat=fold(candidate.text) in texts))
            texts.add(fold(candidate.text))
        place = f"batch {at + 1} of {len(ids)}"
        column = BatchColumn(batch, place=place)
        await self.set_columns([column])
        await self.refresh_titles()
        await self._judge(column)
        if self.chosen.sort == "taste":
            await self.like(column)
            column.rearrange()

    async def like(self, column: BatchColumn) -> None:
        """Says of each candidate how it is to the owner's taste, as far as that is known."""
        rows = column.titles.rows
        likings = await self.taste.likings(rows)
        for place, liking in enumerate(likings):
            rows[place] = replace(rows[place], liking=liking)

    async def _judge(self, column: BatchColumn) -> None:
        """Compares what could not be compared when it was written, for want of papers."""
        rows = column.titles.rows
        places = [place for place, row in enumerate(rows) if row.novelty is None]
        try:
            verdicts = await self.app.novelty.check(
                [rows[place].text for place in places], column.titles.settings.against
            )
        except TitletuiError as error:
            self.app.show_error(error)
            return
        for place, verdict in zip(places, verdicts, strict=False):
            rows[place] = replace(rows[place], novelty=verdict)
            column.changed(place)

    # --- stars

    def title_list(self) -> RowList[object]:
        return self.column.candidates  # type: ignore[return-value]

    def title_text(self) -> str:
        row = self.column.row
        return row.reads if row else ""

    def picked(self) -> Pick | None:
        column, place = self.column, self.column.at
        return None if place is None else partial(self._star, column, place)

    def action_star(self) -> None:
        """Stars the highlighted candidate, or unstars it; it counts once it is on disk."""
        column = self.column
        # A title that is there is seen before it is starred, however quick the key was.
        column.show_now()
        place = column.at
        if place is None:
            self.app.say(
                "There is no title yet; the first one is on its way."
                if column.titles.running
                else "There is no title to star yet: type a prefix and press enter."
            )
        elif column.titles.rows[place].star == "":
            self._star_soon(column, place)
        elif column.titles.rows[place].star == "saved":
            self._unstar(column.titles.rows[place].text)

    @work(group="library")
    async def _star_soon(self, column: BatchColumn, place: int) -> None:
        await self._star(column, place)

    @work(group="library")
    async def _unstar(self, text: str) -> None:
        there = await self.change(lambda library: library.favourite(text))
        if there is not None:
            await self.change(lambda library: library.unstar(there.id))

    async def _star(self, column: BatchColumn, place: int) -> Favourite | None:
        batch = column.titles
        if batch.rows[place].star != "saved":
            batch.rows[place] = replace(batch.rows[place], star="saving")
            column.changed(place)
        while batch.rows[place].id is None and batch.running:
            await asyncio.sleep(0.01)
        row = batch.rows[place]
        starred = await self.change(lambda library: library.star(row.text, candidate=row.id))
        if starred is None and batch.rows[place].star == "saving":
            batch.rows[place] = replace(batch.rows[place], star="")
            column.changed(place)
        elif starred is not None:
            self.welcome(3)
        return starred

    async def refresh_titles(self) -> None:
        """Shows the stars as the library has them."""
        try:
            titles = await self.app.library.run(lambda library: library.favourites())
        except TitletuiError:
            # What was asked for has failed too and was told.
            return
        reads = {fold(one.original): one.text for one in titles}
        reads |= {fold(one.text): one.text for one in titles}
        for column in self.columns:
            for place, row in enumerate(column.titles.rows):
                text = reads.get(fold(row.text))
                star = "saved" if text is not None else row.star if row.star == "saving" else ""
                edited = text if text is not None and text != row.text else ""
                if (star, edited) != (row.star, row.edited):
                    column.titles.rows[place] = replace(row, star=star, edited=edited)
                    column.changed(place)

    def welcome(self, done: int) -> None:
        """Ticks the first lines of the welcome off; after the third it goes for good."""
        for lines in self.query(Welcome):
            lines.done = max(lines.done, done)
            if done == 3:
                self.app.settings.welcome = False
                self.app.call_later(self.app.save_changed_settings)
                lines.remove()
