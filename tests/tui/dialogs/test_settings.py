"""The settings are changed, checked at the field and saved whole."""

import pytest
from textual.widgets import Input

from tests.support.pilot import app_of, opened, text_of, until, until_gone, until_shown
from titletui.paths import Home
from titletui.settings import Settings, fields, load_settings
from titletui.tui.themes import DEFAULT_THEME
from titletui.tui.widgets.choice import Choice


async def test_every_setting_of_the_schema_can_be_set(home: Home) -> None:
    async with opened(home, "shortlist").run_test(size=(120, 50)) as pilot:
        await until_shown(pilot, "Nothing starred")
        await pilot.press("comma")
        await until_shown(pilot, "Settings", "escape cancel")
        for field in fields(Settings):
            if field.kind != "table":
                assert pilot.app.screen.query(f"#{field.name.replace('.', '-')}"), field.name


async def test_a_value_out_of_range_is_refused_at_its_field_and_nothing_is_kept(home: Home) -> None:
    async with opened(home, "generate").run_test(size=(120, 50)) as pilot:
        await until_shown(pilot, "Temperature")
        await pilot.press("escape", "comma")
        await until_shown(pilot, "escape cancel")
        field = pilot.app.screen.query_one("#generate-temperature", Input)
        field.focus()
        field.value = "hot"
        await until_shown(pilot, "✕ must be a number from 0 to 5")
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen.focused is field)
        assert "generate.temperature must be" in text_of(pilot)
        field.value = "1.2"
        await pilot.press("enter")
        await until_gone(pilot, "escape cancel")
        await until_shown(pilot, "Temperature ◂ 1.20 ▸")
    assert app_of(pilot).settings.generate.temperature == 1.2


@pytest.mark.parametrize("end", ["escape", "enter"])
async def test_a_theme_shows_at_once_and_stays_only_if_it_is_kept(home: Home, end: str) -> None:
    async with opened(home, "corpus").run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "No corpus yet")
        await pilot.press("f9")
        await until_shown(pilot, "escape cancel")
        theme = pilot.app.screen.query_one("#theme", Choice)
        assert theme.has_focus
        await pilot.press("right")
        await until(pilot, lambda: pilot.app.theme == theme.value != DEFAULT_THEME)
        await pilot.press(end)
        await until_gone(pilot, "escape cancel")
        kept = theme.value if end == "enter" else DEFAULT_THEME
        await until(pilot, lambda: pilot.app.theme == kept)
        await pilot.press("q")
    assert load_settings(home.config_toml).theme == kept


async def test_another_choice_leaves_the_theme_as_it_is_and_is_kept(home: Home) -> None:
    async with opened(home, "corpus").run_test(size=(120, 50)) as pilot:
        await until_shown(pilot, "No corpus yet")
        await pilot.press("comma")
        await until_shown(pilot, "escape cancel")
        bell = pilot.app.screen.query_one("#bell", Choice)
        before = bell.value
        bell.focus()
        await pilot.press("right")
        assert bell.value != before
        assert pilot.app.theme == DEFAULT_THEME
        await pilot.press("enter")
        await until_gone(pilot, "escape cancel")
        await pilot.press("q")
    kept = load_settings(home.config_toml)
    assert (kept.bell, kept.theme) == (bell.value == "yes", DEFAULT_THEME)


async def test_the_default_is_for_the_setting_in_focus_and_for_none_without_one(
    home: Home,
) -> None:
    async with opened(home, "corpus").run_test(size=(120, 50)) as pilot:
        await until_shown(pilot, "No corpus yet")
        await pilot.press("comma")
        await until_shown(pilot, "escape cancel")
        dialog = pilot.app.screen
        field = dialog.query_one("#generate-temperature", Input)
        field.value = "1.7"
        dialog.set_focus(None)
        await pilot.press("ctrl+d")
        assert field.value == "1.7"
        field.focus()
        await pilot.press("ctrl+d")
        assert field.value == "0.8"
