"""Keys that come in one breath, as over a slow line, are taken in their order."""

from textual.events import Key, Paste
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support.pilot import app_of, opened, until, until_open
from titletui.paths import Home
from titletui.tui.corpus.harvest_dialog import ScrapeDialog
from titletui.tui.train.new_run_dialog import NewRunDialog


def type_at_once(pilot: Pilot[int], *keys: str) -> None:
    driver = pilot.app._driver
    assert driver is not None
    for key in keys:
        driver.send_message(Key(key, key if len(key) == 1 else None))


async def all_taken(pilot: Pilot[int]) -> None:
    app = app_of(pilot)
    await pilot.pause(0.1)
    await until(pilot, app._message_queue.empty)
    await until(pilot, lambda: not app._handling and not app._queued_keys)


def prefix_of(pilot: Pilot[int]) -> str:
    return app_of(pilot).settings.generate.prefix


async def test_a_line_emptied_and_typed_anew_in_one_breath_is_what_was_typed(home: Home) -> None:
    async with opened(home, "generate").run_test(size=(80, 24)) as pilot:
        type_at_once(pilot, "slash", *"Neural", "ctrl+u", *"Audio", "left", "left", "x")
        await until(pilot, lambda: prefix_of(pilot) == "Audxio")
        type_at_once(pilot, "ctrl+u", *"a b", "home", "c", "end", "d")
        await until(pilot, lambda: prefix_of(pilot) == "ca biod")


async def test_an_escape_right_behind_the_key_closes_what_it_opened(home: Home) -> None:
    async with opened(home, "corpus").run_test(size=(80, 24)) as pilot:
        for key in ("n", "i", "question_mark", "comma"):
            type_at_once(pilot, key, "escape")
            await all_taken(pilot)
            assert len(pilot.app.screen_stack) == 1, key
        type_at_once(pilot, "2", "n", "escape", "3", "m", "escape", "a", "escape", "p", "escape")
        await all_taken(pilot)
        assert app_of(pilot).current_mode == "generate"
        assert len(pilot.app.screen_stack) == 1


async def test_what_is_typed_behind_the_key_goes_into_the_dialog(home: Home) -> None:
    async with opened(home, "corpus").run_test(size=(80, 24)) as pilot:
        type_at_once(pilot, "n", *"speech")
        await all_taken(pilot)
        dialog = pilot.app.screen
        assert isinstance(dialog, ScrapeDialog)
        await until(pilot, lambda: dialog.category.value == "speech")
        type_at_once(pilot, "escape", "2", "n", "tab", "tab", "ctrl+u", *"gpt2")
        await until_open(pilot, NewRunDialog)
        await until(pilot, lambda: [i.value for i in pilot.app.screen.query(Input)][:1] == ["gpt2"])


async def test_a_paste_keeps_its_place_among_the_keys(home: Home) -> None:
    async with opened(home, "generate").run_test(size=(80, 24)) as pilot:
        type_at_once(pilot, "slash", "ctrl+u")
        driver = pilot.app._driver
        assert driver is not None
        driver.send_message(Paste("pasted"))
        type_at_once(pilot, "home", "x")
        await until(pilot, lambda: prefix_of(pilot) == "xpasted")


async def test_no_key_waits_for_ever_for_one_that_got_lost(home: Home) -> None:
    async with opened(home, "generate").run_test(size=(80, 24)) as pilot:
        app = app_of(pilot)
        with app.opening():
            type_at_once(pilot, "4", "1")
            await until(pilot, lambda: app.current_mode == "corpus")
