"""Stars on the Generate screen, on their way to the disk while all else goes on."""

import asyncio
import threading
from collections.abc import Iterator

import msgspec
import pytest

from tests.support.candidates import TITLES, current, opened, two_batches
from tests.support.pilot import app_of, text_of, until, until_gone, until_shown
from tests.support.pilot import generate_screen as screen_of
from titletui.candidate import Candidate
from titletui.paths import Home
from titletui.shortlist.library import Library
from titletui.shortlist.records import BatchSettings
from titletui.tui import title_screen
from titletui.tui.generate import batch_column
from titletui.tui.generate.batch import LiveBatch
from titletui.tui.generate.batch_column import BatchColumn
from titletui.tui.generate.candidate_row import CandidateRow
from titletui.tui.generate.screen import GenerateScreen


@pytest.fixture
def library(home: Home) -> Iterator[Library]:
    with two_batches(home) as library:
        yield library


async def test_a_star_that_is_read_while_a_batch_comes_up_does_not_move_the_cursor(
    home: Home,
) -> None:
    batch = LiveBatch(BatchSettings())
    batch.rows += [CandidateRow(text=f"Title {number}", index=number) for number in range(5)]
    column = BatchColumn(batch)
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "No titles yet")
        screen = pilot.app.screen
        assert isinstance(screen, GenerateScreen)
        coming_up = asyncio.create_task(screen.batches.show([column]))
        while not coming_up.done():
            column.changed(3)
            await asyncio.sleep(0)
        await until_shown(pilot, *(row.text for row in batch.rows))
        assert column.place == 0


async def test_a_second_press_while_a_star_is_on_its_way_takes_nothing_back(
    home: Home, library: Library
) -> None:
    go_on = threading.Event()
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, *TITLES)
        slow = asyncio.create_task(app_of(pilot).library.run(lambda _: go_on.wait(60)))
        await pilot.press("space")
        assert current(pilot).live_batch.rows[0].star == "saving"
        await pilot.press("space")
        go_on.set()
        await slow
        await until_shown(pilot, "★ Neural Aardvarks")
    assert [one.text for one in library.favourites()] == ["Neural Aardvarks"]


async def test_a_star_that_another_instance_took_back_goes_without_a_word(
    home: Home, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(title_screen, "POLL_INTERVAL", 1_000.0)
    library.star(TITLES[0])
    async with opened(home).run_test(size=(80, 24), notifications=True) as pilot:
        await until_shown(pilot, "★ Neural Aardvarks")
        library.unstar(library.favourites()[0].id)
        await pilot.press("space")
        await until_gone(pilot, "★")
        assert "✕" not in text_of(pilot)
        assert len(pilot.app.screen_stack) == 1
    assert library.favourites() == []


async def test_a_title_is_starred_as_soon_as_it_is_kept(home: Home) -> None:
    batch = LiveBatch(BatchSettings())
    batch.running = True
    batch.rows.append(CandidateRow(text="A Title", index=0))
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "No titles yet")
        await screen_of(pilot).batches.show([BatchColumn(batch)], focus=True)
        await until_shown(pilot, "A Title")
        await pilot.press("space")
        await pilot.pause(0.2)
        with Library.open(home) as library:
            assert not library.favourites()
            number = library.start_batch(BatchSettings(model="starter"))
            (kept,) = library.add_candidates(number, [Candidate(text="A Title", index=0)])
            batch.rows[0] = msgspec.structs.replace(batch.rows[0], id=kept)
            await until_shown(pilot, "★ A Title")
            assert [one.settings.model for one in library.favourites()] == ["starter"]


async def test_what_has_arrived_but_was_not_drawn_yet_is_drawn_before_it_is_starred(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_column, "REDRAW_INTERVAL", 1_000.0)
    batch = LiveBatch(BatchSettings())
    column = BatchColumn(batch)
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "No titles yet")
        await screen_of(pilot).batches.show([column], focus=True)
        column.changed(None)
        batch.rows.append(CandidateRow(text="A Title", index=0))
        column.changed(0)
        await pilot.pause(0.1)
        assert "A Title" not in text_of(pilot)
        await pilot.press("space")
        await until_shown(pilot, "A Title")
        with Library.open(home) as library:
            await until(pilot, lambda: [one.text for one in library.favourites()] == ["A Title"])
