"""What a small terminal shows, and an empty one."""

from functools import partial

from textual.pilot import Pilot
from textual.widgets import Input

from tests.support.corpora import fill, paper
from tests.support.pilot import opened, text_of, until, until_gone, until_shown
from tests.support.run_folders import run_folder
from titletui.paths import Home
from titletui.shortlist.library import Library
from titletui.shortlist.records import BatchSettings
from titletui.tui.app import TitletuiApp
from titletui.tui.generate.batch import LiveBatch
from titletui.tui.generate.batch_column import BatchColumn
from titletui.tui.generate.candidate_row import CandidateRow
from titletui.tui.generate.screen import GenerateScreen
from titletui.tui.widgets.edit_line import EditLine

LONG = "Neural " * 12 + "and the very last words"


def has_footer(pilot: Pilot[int], footer: str) -> bool:
    return text_of(pilot).split("\n")[-1].strip() == footer


async def test_a_text_longer_than_its_line_is_seen_while_it_is_typed(home: Home) -> None:
    async with opened(home, "generate").run_test(size=(60, 20)) as pilot:
        await until_shown(pilot, "No titles yet")
        await pilot.press("slash")
        await until(pilot, lambda: isinstance(pilot.app.focused, Input))
        await pilot.press(*("space" if key == " " else key for key in LONG))
        await until_shown(pilot, "and the very last words")


async def test_a_long_title_is_edited_where_its_end_is_seen(home: Home) -> None:
    with Library.open(home) as library:
        library.star(LONG)
    async with opened(home, "shortlist").run_test(size=(60, 20)) as pilot:
        await until_shown(pilot, "★ 1")
        await pilot.press("e")
        await until(pilot, lambda: pilot.app.screen.query(EditLine))
        line = pilot.app.screen.query_one(EditLine).region.y
        await until(pilot, lambda: "very last words" in text_of(pilot).split("\n")[line])


async def test_an_empty_mode_offers_only_keys_that_mean_something(home: Home) -> None:
    async with opened(home, "corpus").run_test(size=(60, 20)) as pilot:
        for key, footer in (
            ("1", "? help  n new  i import"),
            ("2", "? help  n new  1 Corpus"),
            ("4", "? help  3 Generate  u undo"),
        ):
            await pilot.press(key)
            await until(pilot, partial(has_footer, pilot, footer))


async def test_columns_side_by_side_come_one_at_a_time_where_there_is_no_room(home: Home) -> None:
    async with opened(home, "generate").run_test(size=(60, 20)) as pilot:
        await until_shown(pilot, "No titles yet")
        screen = pilot.app.screen
        assert isinstance(screen, GenerateScreen)
        columns = []
        for number in (1, 2):
            batch = LiveBatch(BatchSettings())
            batch.rows.append(CandidateRow(text=f"Title of column {number}", index=0))
            columns.append(BatchColumn(batch, f"t {number}.00", f"{number} of 2, ← →"))
        await screen.batches.show(columns, focus=True)
        await until_shown(pilot, "t 1.00 · 1 of 2, ← →", "Title of column 1")
        await until_gone(pilot, "Title of column 2")
        await pilot.press("right")
        await until_shown(pilot, "2 of 2", "Title of column 2")
        await until_gone(pilot, "Title of column 1")
        await pilot.resize_terminal(120, 30)
        await until_shown(pilot, "Title of column 1", "Title of column 2")


async def test_in_a_few_rows_both_halves_of_a_screen_have_some(home: Home) -> None:
    fill(home, "a", [paper(n, f"Speech {n}") for n in range(9)])
    run_folder(home, "eess-as-1", [3.0, 2.5, 2.0], every=1)
    async with opened(home, "corpus").run_test(size=(30, 9)) as pilot:
        await until_shown(pilot, "▸ a", "Speech 8", "Speech 6")
        await pilot.press("2")
        await until_shown(pilot, "eess-as-1", "▾ overfit")


async def test_the_welcome_is_one_line_where_there_is_little_room(home: Home) -> None:
    first, second = "1 Type how a title begins", "2 Titles appear as they are written"
    async with TitletuiApp(home).run_test(size=(120, 30)) as pilot:
        await until_shown(pilot, first, second)
        await pilot.resize_terminal(76, 18)
        await until_shown(pilot, "Type how a title begins")
        await until_gone(pilot, first, second, "Press space to star")
