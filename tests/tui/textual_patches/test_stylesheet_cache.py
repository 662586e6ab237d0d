"""Style sheets are parsed once for each set of colours."""

from tests.support.pilot import app_of, opened, until, until_open, until_shown
from titletui.paths import Home
from titletui.tui.dialogs.settings import SettingsDialog


async def test_style_sheets_are_parsed_again_only_for_other_colours(home: Home) -> None:
    async with opened(home, "generate").run_test(size=(120, 40)) as pilot:
        app = app_of(pilot)
        await until_shown(pilot, "No titles yet")
        known = set(map(id, app.stylesheet.rules))
        assert known
        await pilot.press("escape", "1", "2", "4", "comma")
        await until_open(pilot, SettingsDialog)
        again = known - set(map(id, app.stylesheet.rules))
        assert len(again) < len(known) / 10, "only defaults whose specificity has changed"
        app.theme = "titletui-light"
        await until(pilot, lambda: known.isdisjoint(map(id, app.stylesheet.rules)))
