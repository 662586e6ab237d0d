"""Which row is highlighted is seen in every theme; keys and clicks go where there is a row."""

from typing import Any

import pytest
from rich.style import Style
from textual.app import App, ComposeResult
from textual.content import Content

from tests.support.corpora import fill, paper
from tests.support.pilot import corpus_screen as screen_of
from tests.support.pilot import until, until_shown
from titletui.paths import Home
from titletui.settings import Settings
from titletui.tui.app import TitletuiApp
from titletui.tui.widgets.row_list import RowList


def style_of(rows: RowList[Any], y: int) -> Style:
    """Of the name in that line, behind the pointer."""
    style = list(rows.render_line(y))[1].style
    assert style is not None
    return Style(color=style.color, bgcolor=style.bgcolor, bold=style.bold, reverse=style.reverse)


@pytest.mark.parametrize("theme", ["titletui-dark", "titletui-light", "ansi-dark", "ansi-light"])
async def test_the_highlighted_row_differs_by_more_than_its_pointer(home: Home, theme: str) -> None:
    for name in ("a", "b"):
        fill(home, name, [paper(1, "Speech")])
    settings = Settings(mode="corpus", welcome=False, theme=theme)
    async with TitletuiApp(home, settings).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Speech")
        rows = screen_of(pilot).corpora
        await until(pilot, lambda: rows.has_focus)
        focused = style_of(rows, 0)
        assert focused != style_of(rows, 1)
        await pilot.press("l")
        await until(pilot, lambda: not rows.has_focus)
        assert style_of(rows, 1) != style_of(rows, 0) != focused


@pytest.mark.parametrize("theme", ["ansi-dark", "ansi-light"])
async def test_a_reversed_row_is_of_one_colour(home: Home, theme: str) -> None:
    fill(home, "a", [paper(1, "Speech")])
    settings = Settings(mode="corpus", welcome=False, theme=theme)
    async with TitletuiApp(home, settings).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Speech")
        rows = screen_of(pilot).corpora
        await until(pilot, lambda: rows.has_focus)
        styles = [part.style for part in rows.render_line(0) if part.text.strip() and part.style]
        assert all(style.reverse for style in styles)
        assert len({style.color for style in styles}) == 1


class Rows(App[None]):
    """A list of texts, each as high as it has lines."""

    def compose(self) -> ComposeResult:
        yield Texts()


class Texts(RowList[str]):
    DEFAULT_CSS = "Texts { height: 1fr; border: solid $primary; }"

    def lines(self, row: str, width: int) -> list[Content]:
        return [Content(line).truncate(width) for line in row.split("\n")]


async def test_keys_and_clicks_in_an_empty_list_or_below_its_rows_do_nothing() -> None:
    async with Rows().run_test(size=(40, 12)) as pilot:
        rows = pilot.app.query_one(Texts)
        rows.focus()
        await pilot.press("j", "k", "g", "G", "pagedown", "pageup")
        await pilot.click(Texts, offset=(5, 3))
        assert [rows.row] == [None]
        rows.show(["one", "two"])
        await pilot.press("j")
        await pilot.click(Texts, offset=(5, 8))
        await pilot.click(Texts, offset=(0, 0))
        assert [rows.row] == ["two"]
        await pilot.click(Texts, offset=(5, 1))
        assert [rows.row] == ["one"]


async def test_a_row_that_grows_moves_those_below_it() -> None:
    async with Rows().run_test(size=(40, 12)) as pilot:
        rows = pilot.app.query_one(Texts)
        rows.show(["one", "two", "three"])
        assert rows.region_of(2).y == 2
        rows.replace(0, "one\nand more\nand more")
        await pilot.pause()
        assert rows.region_of(2).y == 4
        rows.replace(1, "another")
        assert rows.region_of(2).y == 4
        assert rows.rows == ["one\nand more\nand more", "another", "three"]
