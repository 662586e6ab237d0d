"""A screen is styled once before it is first shown, and painted only while it is on top."""

from collections import Counter
from typing import Any

import pytest
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.widgets import Input

from tests.support.corpora import fill, paper
from tests.support.pilot import opened, until_open, until_shown
from tests.support.terminal import CORPUS, Terminal
from titletui.paths import Home
from titletui.tui.dialogs.settings import SettingsDialog


async def test_the_inputs_of_a_dialog_are_styled_once_when_it_opens(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    styled: Counter[str] = Counter()
    apply = Stylesheet.apply

    def counting(self: Stylesheet, node: DOMNode, **options: Any) -> None:
        if isinstance(node, Input):
            styled[node.id or ""] += 1
        apply(self, node, **options)

    monkeypatch.setattr(Stylesheet, "apply", counting)
    async with opened(home, "shortlist").run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "Nothing starred yet")
        styled.clear()
        await pilot.press("comma")
        await until_open(pilot, SettingsDialog)
        await pilot.pause(0.2)
        assert set(styled.values()) == {1}


@pytest.mark.slow
def test_a_screen_at_rest_paints_nothing_whether_or_not_a_dialog_is_over_it(home: Home) -> None:
    fill(home, "a", [paper(n, f"Speech {n}") for n in range(40)])
    with Terminal() as terminal:
        terminal.until("Temperature")
        terminal.press(CORPUS)
        terminal.until("Speech 39")
        terminal.until("speech 40")  # The statistics arrive last.
        for key, shown in (("", "Speech"), ("?", "escape close")):
            terminal.press(key)
            terminal.until(shown)
            terminal.quiet(1.5)
            painted = len(terminal.painted)
            for _ in range(30):
                terminal.read(0.1)
            assert len(terminal.painted) == painted
