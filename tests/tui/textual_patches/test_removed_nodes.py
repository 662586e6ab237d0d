"""What continues after its screen was removed ends quietly, in every mode and dialog."""

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import pytest
from textual import work
from textual.app import ComposeResult
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from tests.support.corpora import fill, paper
from tests.support.pilot import app_of, opened
from titletui.paths import Home
from titletui.tui.modes import MODES
from titletui.tui.textual_patches.removed_nodes import RemovedNodeApp
from titletui.tui.widgets.key_bar import KeyBar
from titletui.tui.worker_thread import WorkerThread

T = TypeVar("T")


class LastChild(Static):
    """Stays while the screen's worker goes on and the other children are gone."""

    async def on_unmount(self) -> None:
        await asyncio.sleep(0.05)
        Page.removing.set()
        await asyncio.sleep(0.1)


class Page(Screen[None]):
    removing: ClassVar[asyncio.Event]

    def compose(self) -> ComposeResult:
        Page.removing = asyncio.Event()
        yield Static(id="child")
        yield LastChild()

    @work
    async def on_mount(self) -> None:
        await self.removing.wait()
        self.query_one("#child")


@pytest.mark.timeout(30)
async def test_a_worker_ends_with_the_screen_that_it_searches() -> None:
    app = RemovedNodeApp()
    async with app.run_test() as pilot:
        app.push_screen(Page())
        await pilot.pause(0.1)
        await app.pop_screen()
        await pilot.pause(0.1)
        assert app.is_running


async def test_a_mistaken_query_on_a_screen_that_is_shown_is_still_a_fault() -> None:
    app = RemovedNodeApp()

    async def query_nothing() -> None:
        async with app.run_test() as pilot:
            app.screen.call_later(app.screen.query_one, "#nothing")
            await pilot.pause()

    with pytest.raises(NoMatches):
        await query_nothing()


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("mode", "dialog"),
    [
        *((mode, dialog) for mode in MODES for dialog in ("", "comma")),
        *(("corpus", dialog) for dialog in ("n", "i")),
        ("train", "n"),
        *(("generate", dialog) for dialog in ("p", "a", "m")),
    ],
)
async def test_an_answer_that_arrives_while_a_screen_is_removed_is_dropped(
    home: Home, monkeypatch: pytest.MonkeyPatch, mode: str, dialog: str
) -> None:
    fill(home, "a", [paper(n, f"Speech {n}") for n in range(40)])
    removing = asyncio.Event()
    held = 0
    run = WorkerThread.run

    async def held_back(self: WorkerThread[Any], question: Callable[[Any], T]) -> T:
        nonlocal held
        answer = await run(self, question)
        if holding:
            held += 1
            await removing.wait()
        return answer

    async def on_unmount(self: Widget) -> None:
        await asyncio.sleep(0.05)
        removing.set()
        await asyncio.sleep(0.1)

    holding = False
    monkeypatch.setattr(WorkerThread, "run", held_back)
    async with opened(home, mode).run_test(size=(120, 40)) as pilot:
        app = app_of(pilot)
        await pilot.pause(0.3)
        holding = True
        await run(app.library, lambda library: library.star("Speech Separation"))
        if dialog:
            # A pilot would wait for the dialog, which waits for its answers.
            app.set_focus(None)
            app.simulate_key(dialog)
        for _ in range(40):
            await asyncio.sleep(0.05)
            if held:
                break
        await asyncio.sleep(0.2)
        monkeypatch.setattr(KeyBar, "on_unmount", on_unmount, raising=False)
        # A dialog that still waits in `on_mount` is removed only after that.
        asyncio.get_running_loop().call_later(0.5, removing.set)
