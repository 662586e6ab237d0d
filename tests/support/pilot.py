"""What stands on the screen of an app under test, and waiting for it."""

import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

import msgspec
import pytest
from textual.pilot import Pilot
from textual.screen import Screen

from titletui.paths import Home
from titletui.settings import Settings
from titletui.training.estimate import Forecast
from titletui.tui.app import TitletuiApp
from titletui.tui.corpus.screen import CorpusScreen
from titletui.tui.generate.screen import GenerateScreen
from titletui.tui.shortlist.screen import ShortlistScreen
from titletui.tui.train import estimate
from titletui.tui.train.screen import TrainScreen

RunSnapshot = TypeVar("RunSnapshot", bound=Screen[Any])


def opened(home: Home, mode: str) -> TitletuiApp:
    """The app on `mode`; run it with `notifications=True`."""
    return TitletuiApp(home, Settings(mode=mode, welcome=False))


def app_of(pilot: Pilot[int]) -> TitletuiApp:
    return cast(TitletuiApp, pilot.app)


def corpus_screen(pilot: Pilot[int] | TitletuiApp) -> CorpusScreen:
    return mode_screen(pilot, CorpusScreen)


def train_screen(pilot: Pilot[int] | TitletuiApp) -> TrainScreen:
    return mode_screen(pilot, TrainScreen)


def generate_screen(pilot: Pilot[int] | TitletuiApp) -> GenerateScreen:
    return mode_screen(pilot, GenerateScreen)


def shortlist_screen(pilot: Pilot[int] | TitletuiApp) -> ShortlistScreen:
    return mode_screen(pilot, ShortlistScreen)


def mode_screen(pilot: Pilot[int] | TitletuiApp, kind: type[RunSnapshot]) -> RunSnapshot:
    """The screen of the current mode, also under a dialog."""
    app = pilot if isinstance(pilot, TitletuiApp) else pilot.app
    screen = app.screen_stack[0]
    assert isinstance(screen, kind)
    return screen


def text_of(pilot: Pilot[int]) -> str:
    """Everything that is on the screen, line by line."""
    app = pilot.app
    strips = app.screen._compositor.render_strips(app.size)
    return "\n".join(strip.crop(0, app.size.width).text for strip in strips)


def forecast_at_once(monkeypatch: pytest.MonkeyPatch, **known: object) -> None:
    """Lets a process that knows the answer take the place of the one that measures steps."""
    answer = msgspec.json.encode(Forecast(**known)).decode()  # type: ignore[arg-type]
    command = [sys.executable, "-c", "import sys; sys.stdin.read(); print(sys.argv[1])", answer]
    monkeypatch.setattr(estimate, "command", lambda: command)


async def until(pilot: Pilot[int], true: Callable[[], object], seconds: float = 120.0) -> None:
    """Waits until `true()`; fails with what is on the screen."""
    limit = time.monotonic() + seconds
    while not true():
        if time.monotonic() > limit:
            raise AssertionError(f"it did not come; on the screen:\n{text_of(pilot)}")
        await pilot.pause(0.05)


async def until_open(pilot: Pilot[int], kind: type[RunSnapshot]) -> RunSnapshot:
    """Waits until a screen of this kind is in front, and returns it."""
    await until(pilot, lambda: isinstance(pilot.app.screen, kind))
    screen = pilot.app.screen
    assert isinstance(screen, kind)
    return screen


async def until_shown(pilot: Pilot[int], *texts: str) -> None:
    """Waits until all the texts are on the screen."""
    await until(pilot, lambda: all(text in text_of(pilot) for text in texts))


async def until_gone(pilot: Pilot[int], *texts: str) -> None:
    """Waits until none of the texts is on the screen."""
    await until(pilot, lambda: not any(text in text_of(pilot) for text in texts))


async def until_still(pilot: Pilot[int], seconds: float = 0.5) -> None:
    """Waits until nothing on the screen has changed for a while."""
    before = ""
    for _ in range(60):
        await pilot.pause(seconds)
        now = text_of(pilot)
        if now == before:
            return
        before = now
    raise AssertionError(f"the screen does not come to rest:\n{before}")
