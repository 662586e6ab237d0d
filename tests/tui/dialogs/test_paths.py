"""Where a path is typed, one that nothing can have is answered where it was typed."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from tests.support.corpora import fill, paper
from tests.support.pilot import forecast_at_once, opened, until_open, until_shown
from titletui.paths import Home
from titletui.shortlist.library import Library
from titletui.tui.corpus.import_dialog import ImportDialog
from titletui.tui.dialogs.prompt import PromptDialog
from titletui.tui.generate.abstract_dialog import AbstractDialog
from titletui.tui.generate.model_dialog import ModelDialog
from titletui.tui.shortlist.export_dialog import ExportDialog
from titletui.tui.train.new_run_dialog import NewRunDialog

ODD = {"~nobody-of-that-name/x.txt": "There is no user", f"/tmp/{'x' * 300}.txt": "too long"}


async def refused(pilot: Pilot[int], field: Input, enter: str) -> None:
    """Each of the odd paths is refused by a sentence, and the dialog stays."""
    dialog = pilot.app.screen
    for typed, said in ODD.items():
        field.value = typed
        await pilot.press(enter)
        await until_shown(pilot, said)
        assert pilot.app.screen is dialog


async def first_field(pilot: Pilot[int], kind: type[Screen[Any]]) -> Input:
    """The one that a dialog of this kind opens with."""
    return (await until_open(pilot, kind)).query(Input).first()


async def test_a_corpus_is_neither_imported_from_it_nor_exported_to_it(home: Home) -> None:
    fill(home, "a", [paper(1, "Speech")])
    async with opened(home, "corpus").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "1 papers")
        await pilot.press("i")
        dialog = await until_open(pilot, ImportDialog)
        for typed, said in ODD.items():  # While it is being typed, it is looked into.
            dialog.path.value = typed
            await until_shown(pilot, said)
        await refused(pilot, dialog.path, "ctrl+r")
        await pilot.press("escape", "E")
        await refused(pilot, await first_field(pilot, PromptDialog), "enter")


async def test_the_shortlist_is_not_written_to_it(home: Home) -> None:
    with Library.open(home) as library:
        library.star("A Title")
    async with opened(home, "shortlist").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "A Title")
        await pilot.press("E")
        dialog = await until_open(pilot, ExportDialog)
        await refused(pilot, dialog.name_input, "enter")


async def test_no_abstract_and_no_model_is_read_from_it(home: Home) -> None:
    async with opened(home, "generate").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "No titles yet")
        await pilot.press("a")
        dialog = await until_open(pilot, AbstractDialog)
        for typed, said in ODD.items():
            await pilot.press("ctrl+o")
            (await first_field(pilot, PromptDialog)).value = typed
            await pilot.press("enter")
            await until_shown(pilot, said)
            assert pilot.app.screen is dialog
        await pilot.press("escape", "p")
        await refused(pilot, await first_field(pilot, ModelDialog), "enter")


async def test_no_run_begins_with_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    forecast_at_once(monkeypatch)
    fill(home, "a", [paper(1, "Speech")])
    async with opened(home, "train").run_test(size=(100, 40), notifications=True) as pilot:
        await until_shown(pilot, "No run yet")
        await pilot.press("n")
        dialog = await until_open(pilot, NewRunDialog)
        await refused(pilot, dialog.base, "ctrl+r")


async def test_an_export_that_cannot_be_written_is_told(home: Home) -> None:
    fill(home, "a", [paper(1, "Speech")])
    async with opened(home, "corpus").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "1 papers")
        await pilot.press("E")
        (await first_field(pilot, PromptDialog)).value = "/proc/a.jsonl"
        await pilot.press("enter")
        await until_shown(pilot, "That did not work", "/proc/a.jsonl")
        await pilot.press("escape")
    assert not Path("/proc/a.jsonl").exists()
