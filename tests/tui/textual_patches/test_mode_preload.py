"""A mode that was built before its first visit shows what is true when it is visited."""

import subprocess
import sys

from tests.support.corpora import fill, paper
from tests.support.pilot import app_of, opened, until, until_gone, until_shown
from titletui.paths import Home
from titletui.tui.modes import MODES
from titletui.tui.preload import preload_modes

FREEZING = """
import gc
from titletui.tui.preload import freeze_gc
gc.disable()
freeze_gc()
assert gc.isenabled()
assert gc.get_freeze_count() > 1000
"""


async def test_a_preloaded_mode_is_built_but_not_shown(home: Home) -> None:
    async with opened(home, "generate").run_test(size=(120, 40)) as pilot:
        app = app_of(pilot)
        assert not app.is_built("corpus")
        await preload_modes(app)
        assert all(app.is_built(mode) for mode in MODES)
        assert app.current_mode == "generate"


async def test_a_theme_reaches_preloaded_modes(home: Home) -> None:
    async with opened(home, "generate").run_test(size=(120, 40)) as pilot:
        app = app_of(pilot)
        await preload_modes(app)
        app.theme = "titletui-light"
        await pilot.pause()
        for key, mode in (("1", "corpus"), ("2", "train"), ("4", "shortlist"), ("3", "generate")):
            await pilot.press("escape", key)
            await until(pilot, lambda mode=mode: app.current_mode == mode)  # type: ignore[misc]
            assert app.screen.styles.background.hex.lower() == "#faf9f5"


async def test_a_preloaded_mode_shows_what_has_arrived_since(home: Home) -> None:
    async with opened(home, "generate").run_test(size=(80, 24)) as pilot:
        await preload_modes(app_of(pilot))
        fill(home, "later", [paper(1, "Speech Separation")])
        await pilot.press("escape", "1")
        await until_shown(pilot, "later", "Speech Separation")
        await until_gone(pilot, "No corpus yet")


def test_garbage_collection_goes_on_after_the_start() -> None:
    subprocess.run([sys.executable, "-c", FREEZING], check=True)
