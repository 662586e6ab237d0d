"""Batches side by side: write new ones, show earlier ones, star their titles."""

import asyncio
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from msgspec.structs import replace
from textual import getters, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message

from titletui.candidate import Novelty
from titletui.errors import TitletuiError
from titletui.generation.protocol import Generate, with_seed
from titletui.shortlist.records import Batch, BatchSettings, Favourite
from titletui.text import fold
from titletui.tui.app_base import AppBase
from titletui.tui.generate.batch import LiveBatch
from titletui.tui.generate.batch_column import BatchColumn
from titletui.tui.generate.batch_writer import BatchWriter
from titletui.tui.generate.candidate_list import CandidateList
from titletui.tui.generate.preference import PreferenceRanker

if TYPE_CHECKING:
    from titletui.generation.client import GenerationClient
    from titletui.shortlist.library import Library

MAX_ROUNDS = 20
JUDGED_AT_ONCE = 50
STARTING = "starting the generator…"
WAITING = "waiting for its turn…"


class BatchColumns(Horizontal):
    """The batches on screen, one a column; a narrow terminal shows the current column alone."""

    app = getters.app(AppBase)

    @dataclass
    class Written(Message):
        """A batch has ended and has at least one title."""

    @dataclass
    class Starred(Message):
        """A title is on the shortlist, on disk."""

    def __init__(self) -> None:
        super().__init__()
        self.columns = [BatchColumn(LiveBatch(BatchSettings()))]
        self._writing: dict[int, GenerationClient] = {}

    @cached_property
    def _preference(self) -> PreferenceRanker:
        return PreferenceRanker(self.app)

    def compose(self) -> ComposeResult:
        yield from self.columns

    # --- columns

    @property
    def current(self) -> BatchColumn:
        """The column that keys apply to: the focused one, else the first."""
        return next((one for one in self.columns if one.has_focus_within), self.columns[0])

    async def show(self, columns: list[BatchColumn], *, focus: bool = False) -> None:
        """Replace the columns.

        Args:
            focus: focus the first list; it is focused anyway where a list or nothing had the
                focus.
        """
        focused = self.screen.focused
        focus = focus or isinstance(focused, CandidateList)
        focus = focus or (focused is None and not self.app.settings.welcome)
        with self.app.batch_update():
            self.columns = columns
            await self.remove_children()
            await self.mount(*columns)
            self._make_current(columns[0])
        # Refreshes requested inside `batch_update` were dropped.
        self.screen.refresh()
        if focus:
            columns[0].candidates.focus()

    def focus_column(self, step: int) -> None:
        """Focus the column `step` to the right of the current one, where there is one."""
        at = self.columns.index(self.current) + step
        if 0 <= at < len(self.columns):
            self._make_current(self.columns[at])
            self.columns[at].candidates.focus()

    def _make_current(self, column: BatchColumn) -> None:
        for one in self.columns:
            one.set_class(one is not column, "-not-current")

    def rearrange(self) -> None:
        """Sort and filter all columns anew."""
        for column in self.columns:
            column.rearrange()

    # --- writing

    @work(group="write")
    async def write(self, requests: list[tuple[str, Generate]], until_new: int = 0) -> None:
        """Stop what is being written, then write one batch for each request, side by side.

        Requests to one model run in turn; those to a second model run at the same time, on a
        server of their own.

        Args:
            requests: each with the label of its column.
            until_new: repeat each request until its batch has this many new titles, or for
                `MAX_ROUNDS`.
        """
        await self.stop()
        against = self.app.settings.generate.against
        first_model = requests[0][1].model
        group = secrets.token_hex(8) if len(requests) > 1 else ""
        columns: list[BatchColumn] = []
        turns: dict[str, list[tuple[BatchColumn, Generate]]] = {}
        for number, (label, request) in enumerate(requests, start=1):
            batch = LiveBatch(BatchSettings.of(request, against, group, column=number - 1))
            batch.running = True
            batch.status = WAITING if request.model in turns else STARTING
            place = f"{number} of {len(requests)}, ← →" if len(requests) > 1 else ""
            columns.append(BatchColumn(batch, label, place))
            turns.setdefault(request.model, []).append((columns[-1], request))
            self._writing[request.id] = (
                self.app.generator if request.model == first_model else self.app.second_generator
            )
        await self.show(columns, focus=True)
        await asyncio.gather(*(self._write_in_turn(turn, until_new) for turn in turns.values()))

    async def _write_in_turn(
        self, turn: list[tuple[BatchColumn, Generate]], until_new: int
    ) -> None:
        """Write batches one after the other; a failure or a stop ends those after it too."""
        for column, request in turn:
            if request.id in self._writing and not await self._write_one(
                column, request, until_new
            ):
                for _, later in turn:
                    self._writing.pop(later.id, None)
            column.live_batch.running = False
            column.changed(None)

    async def _write_one(self, column: BatchColumn, request: Generate, until_new: int) -> bool:
        """Write one batch; return False after an error, which is shown."""
        generator = self._writing[request.id]
        batch = column.live_batch
        writer = BatchWriter(self.app, generator, batch, self._preference, column.changed)
        try:
            await writer.write(request)
            for _ in range(MAX_ROUNDS):
                stopped = self._writing.pop(request.id, None) is None
                if stopped or batch.new_titles >= until_new:
                    break
                request = replace(with_seed(request, None), id=self.app.next_request_id())
                self._writing[request.id] = generator
                await writer.write(request)
        except TitletuiError as error:
            self.app.show_error(error)
            return False
        finally:
            self._writing.pop(request.id, None)
        if batch.rows:
            self.post_message(self.Written())
        return True

    async def stop(self) -> bool:
        """Stop writing; return whether anything was being written."""
        running, self._writing = self._writing, {}
        for request, generator in running.items():
            await generator.cancel(request)
        return bool(running)

    # --- earlier batches

    @work(group="walk", exclusive=True)
    async def walk(self, step: int) -> None:
        """Show the batch `step` after the current one; 0 shows the newest.

        Batches that were written side by side are one step, and side by side again.
        """
        shown = {column.live_batch.id for column in self.columns}

        def read(library: "Library") -> list[BatchColumn] | str:
            groups = _grouped(one for one in library.batches(limit=10_000) if one.candidates)
            current = [n for n, group in enumerate(groups) if shown & {one.id for one in group}]
            at = current[0] + step if current else len(groups) - 1
            if not groups:
                return ""
            if not 0 <= at < len(groups):
                return f"This is the {'oldest' if step < 0 else 'newest'} batch."
            return _columns(library, groups[at], f"batch {at + 1} of {len(groups)}")

        try:
            columns = await self.app.library.run(read)
        except TitletuiError as error:
            self.app.show_error(error)
            return
        if isinstance(columns, str):
            if columns:
                self.app.say(columns)
            return
        await self.show(columns)
        await self.refresh_stars()
        for column in columns:
            await self.judge(column)
            if self.app.settings.generate.sort == "taste":
                await self._score(column)
                column.rearrange()

    async def judge(self, column: BatchColumn) -> None:
        """Compare the candidates with the papers as they are now, and store what changed."""
        rows, against = column.live_batch.rows, column.live_batch.settings.against
        try:
            for start in range(0, len(rows), JUDGED_AT_ONCE):
                chunk = rows[start : start + JUDGED_AT_ONCE]
                found = await self.app.novelty.check([row.text for row in chunk], against)
                changed: list[tuple[int, Novelty]] = []
                for place, novelty in enumerate(found, start):
                    row = rows[place]
                    if novelty != row.novelty:
                        rows[place] = replace(row, novelty=novelty)
                        column.changed(place)
                        changed += [(row.id, novelty)] if row.id is not None else []
                if changed:
                    await self.app.library.run(partial(_store_novelty, changed))
        except TitletuiError as error:
            self.app.show_error(error)

    # --- preference

    async def fit_preference(self) -> bool:
        """Fit the preference model and score what is shown; return whether there are scores."""
        try:
            message = await self._preference.fit()
            for column in self.columns:
                await self._score(column)
        except TitletuiError as error:
            self.app.show_error(error)
            return False
        self.app.say(message or "Taste is learned from 20 stars and 20 titles passed over.")
        return bool(message)

    async def _score(self, column: BatchColumn) -> None:
        """Score the column's candidates; without a fitted model they keep no score."""
        rows = column.live_batch.rows
        scores = await self._preference.scores(rows)
        for place, score in enumerate(scores):
            rows[place] = replace(rows[place], preference=score)

    # --- stars

    def toggle_star(self) -> None:
        """Star the highlighted candidate, or unstar it."""
        column = self.current
        # The key applies to a title that has arrived, even one that is not drawn yet.
        column.draw_now()
        place = column.place
        if place is None:
            self.app.say(
                "There is no title yet; the first one is on its way."
                if column.live_batch.running
                else "There is no title to star yet: type a prefix and press enter."
            )
        elif column.live_batch.rows[place].star == "":
            self._star_later(column, place)
        elif column.live_batch.rows[place].star == "saved":
            self._unstar(column.live_batch.rows[place].text)

    @work(group="library")
    async def _star_later(self, column: BatchColumn, place: int) -> None:
        await self.star(column, place)

    @work(group="library")
    async def _unstar(self, text: str) -> None:
        def unstar(library: "Library") -> None:
            favourite = library.favourite(text)
            if favourite is not None:
                library.unstar(favourite.id)

        try:
            await self.app.library.run(unstar)
        except TitletuiError as error:
            self.app.show_error(error)
        await self.refresh_stars()

    async def star(self, column: BatchColumn, place: int) -> Favourite | None:
        """Put the candidate on the shortlist once it is stored; return None after an error."""
        batch = column.live_batch
        if batch.rows[place].star != "saved":
            batch.rows[place] = replace(batch.rows[place], star="saving")
            column.changed(place)
        while batch.rows[place].id is None and batch.running:
            await asyncio.sleep(0.01)
        row = batch.rows[place]
        try:
            starred = await self.app.library.run(
                lambda library: library.star(row.text, candidate=row.id)
            )
        except TitletuiError as error:
            self.app.show_error(error)
            starred = None
            if batch.rows[place].star == "saving":
                batch.rows[place] = replace(batch.rows[place], star="")
                column.changed(place)
        else:
            self.post_message(self.Starred())
        await self.refresh_stars()
        return starred

    async def refresh_stars(self) -> None:
        """Draw the stars and the edited titles as the library has them."""
        try:
            favourites = await self.app.library.run(lambda library: library.favourites())
        except TitletuiError:
            # The action that needs the library shows its error.
            return
        texts = {fold(one.original): one.text for one in favourites}
        texts |= {fold(one.text): one.text for one in favourites}
        for column in self.columns:
            for place, row in enumerate(column.live_batch.rows):
                text = texts.get(fold(row.text))
                star = "saved" if text is not None else row.star if row.star == "saving" else ""
                edited = text if text is not None and text != row.text else ""
                if (star, edited) != (row.star, row.edited):
                    column.live_batch.rows[place] = replace(row, star=star, edited=edited)
                    column.changed(place)


def _store_novelty(found: list[tuple[int, Novelty]], library: "Library") -> None:
    library.set_novelty(found)


def _grouped(newest_first: Iterable[Batch]) -> list[list[Batch]]:
    """Return the batches, oldest first, those that were written side by side together."""
    groups: dict[str | int, list[Batch]] = {}
    for batch in newest_first:
        groups.setdefault(batch.settings.group or batch.id, []).append(batch)
    return [sorted(group, key=lambda one: one.settings.column) for group in groups.values()][::-1]


def _columns(library: "Library", group: list[Batch], place: str) -> list[BatchColumn]:
    """Read the columns of a group, labelled by what sets them apart."""
    alike = len({one.settings.model for one in group}) == 1
    columns: list[BatchColumn] = []
    for number, one in enumerate(group, start=1):
        batch = LiveBatch.from_library(one.settings, one.id, library.candidates(one.id))
        if len(group) == 1:
            columns.append(BatchColumn(batch, place=place))
        else:
            label = f"t {one.settings.temperature:.2f}" if alike else one.settings.model
            columns.append(BatchColumn(batch, label, f"{place} · {number} of {len(group)}, ← →"))
    return columns
