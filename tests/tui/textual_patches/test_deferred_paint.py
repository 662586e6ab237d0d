"""What was made ready before it is first seen is right when it is seen, and costs nothing after."""

import subprocess
import sys

from tests.support.corpora import fill, paper
from tests.support.pilot import app_of, opened, until, until_gone, until_open, until_shown
from tests.support.terminal import CORPUS, Terminal
from titletui.paths import Home
from titletui.tui.dialogs.settings import SettingsDialog
from titletui.tui.preload import preload_modes

SETTLED = """
import gc
from titletui.tui.preload import freeze_gc
gc.disable()
freeze_gc()
assert gc.isenabled()
assert gc.get_freeze_count() > 1000
"""


async def test_a_theme_reaches_the_modes_that_were_made_ready_before(home: Home) -> None:
    async with opened(home, "generate").run_test(size=(120, 40)) as pilot:
        app = app_of(pilot)
        await preload_modes(app)
        app.theme = "titletui-light"
        await pilot.pause()
        for key, mode in (("1", "corpus"), ("2", "train"), ("4", "shortlist"), ("3", "generate")):
            await pilot.press("escape", key)
            await until(pilot, lambda mode=mode: app.current_mode == mode)  # type: ignore[misc]
            assert app.screen.styles.background.hex.lower() == "#faf9f5"


async def test_what_was_parsed_once_is_not_parsed_again_but_for_other_colours(home: Home) -> None:
    async with opened(home, "generate").run_test(size=(120, 40)) as pilot:
        app = app_of(pilot)
        await until_shown(pilot, "No titles yet")
        known = set(map(id, app.stylesheet.rules))
        assert known
        await pilot.press("escape", "1", "2", "4", "comma")
        await until_open(pilot, SettingsDialog)
        again = known - set(map(id, app.stylesheet.rules))
        assert len(again) < len(known) / 10, "but for defaults that weigh less now"
        app.theme = "titletui-light"
        await until(pilot, lambda: known.isdisjoint(map(id, app.stylesheet.rules)))


async def test_a_mode_that_was_made_ready_shows_what_has_come_since(home: Home) -> None:
    async with opened(home, "generate").run_test(size=(80, 24)) as pilot:
        await preload_modes(app_of(pilot))
        fill(home, "later", [paper(1, "Speech Separation")])
        await pilot.press("escape", "1")
        await until_shown(pilot, "later", "Speech Separation")
        await until_gone(pilot, "No corpus yet")


def test_a_screen_at_rest_paints_nothing_whether_or_not_a_dialog_is_over_it(home: Home) -> None:
    fill(home, "a", [paper(n, f"Speech {n}") for n in range(40)])
    with Terminal() as terminal:
        terminal.until("Temperature")
        terminal.press(CORPUS)
        terminal.until("Speech 39")
        terminal.until("speech 40")  # Counted; what comes after that are no news.
        for key, shown in (("", "Speech"), ("?", "escape close")):
            terminal.press(key)
            terminal.until(shown)
            terminal.quiet(1.5)
            painted = len(terminal.painted)
            for _ in range(30):
                terminal.read(0.1)
            assert len(terminal.painted) == painted


def test_garbage_is_looked_for_again_once_the_app_stands() -> None:
    subprocess.run([sys.executable, "-c", SETTLED], check=True)
