"""One state of the app: what lies in its home, and the keys that lead there."""

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from tests.support.pilot import forecast_at_once, text_of, until, until_shown
from titletui.paths import Home, private_folder
from titletui.settings import GenerateSettings, Settings
from titletui.tui.app import TitletuiApp

Fill = Callable[[Home, ExitStack], None]
Act = Callable[[Pilot[int]], Awaitable[None]]

MODEL = "eess-as-1@200"
FORECAST: dict[str, object] = {
    "examples": 2_911,
    "tokens": 51_204,
    "steps": 500,
    "epochs": 2.8,
    "heldout": 153,
    "memory": 1_300_000_000,
    "free": 21_000_000_000,
    "seconds": 380.0,
    "device": "cpu",
    "shown": [
        ("", "Neural Vocoding for Low-Resource Emotional Speech"),
        ("", "Streaming Speaker Diarization with Overlap"),
        ("", "A Study of Codec Mismatch in Speaker Embeddings"),
    ],
}


def nothing(home: Home, stack: ExitStack) -> None:
    """An empty home."""


@dataclass(frozen=True)
class Scene:
    """One state of the app.

    Attributes:
        mode: the screen that it opens on.
        begin: what the screen shows before a key is pressed.
        steps: in turn: keys, as one string with spaces between; something to do; and what must be
            shown before the next, as a tuple.
        fill: puts into the home what is to be there; what it opens ends with the stack.
        forecast: what the process that measures a run would answer.
    """

    name: str
    mode: str
    begin: tuple[str, ...]
    steps: tuple[str | tuple[str, ...] | Act, ...] = ()
    fill: Fill = nothing
    welcome: bool = False
    theme: str = "titletui-dark"
    forecast: dict[str, object] = field(default_factory=lambda: dict(FORECAST))

    def prepare(
        self, folder: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
    ) -> TitletuiApp:
        """The app on a home that is filled; to be run with `play`.

        The home is named from `folder`, so that paths on the screen are the same everywhere.
        """
        monkeypatch.chdir(folder)
        forecast_at_once(monkeypatch, **self.forecast)
        monkeypatch.setattr(TitletuiApp, "NOTIFICATION_TIMEOUT", 600.0)
        here = Path("home")
        home = Home(here, here, here / "cache", here / "logs")
        for part in (home.data, home.cache, home.logs):
            private_folder(part)
        self.fill(home, stack)
        app = TitletuiApp(
            home,
            Settings(
                mode=self.mode,
                theme=self.theme,
                welcome=self.welcome,
                generate=GenerateSettings(model=MODEL),
            ),
        )
        app.animation_level = "none"
        return app

    async def play(self, pilot: Pilot[int]) -> None:
        """Goes through the steps, until the screen is at rest and no cursor blinks."""
        await until_shown(pilot, *self.begin)
        await at_rest(pilot)
        for step in self.steps:
            if isinstance(step, str):
                await pilot.press(*step.split())
            elif isinstance(step, tuple):
                await until_shown(pilot, *step)
            else:
                await step(pilot)
        for line in pilot.app.screen.query("*"):
            if isinstance(line, Input | TextArea):
                line.cursor_blink = False
        await at_rest(pilot)


async def focused(pilot: Pilot[int]) -> None:
    """Waits until something takes the keys."""
    await until(pilot, lambda: pilot.app.focused is not None)


async def unfocused(pilot: Pilot[int]) -> None:
    """Waits until nothing does."""
    await until(pilot, lambda: pilot.app.focused is None)


async def at_rest(pilot: Pilot[int]) -> None:
    """Waits until eight looks in a row show the same screen."""
    seen: list[str] = []

    def still() -> bool:
        seen.append(text_of(pilot))
        return len(seen) >= 8 and len({*seen[-8:]}) == 1

    await until(pilot, still)


def put(where: str, text: str) -> Act:
    """Puts a text into an input, as if it had been typed there."""

    async def act(pilot: Pilot[int]) -> None:
        box = pilot.app.screen.query_one(where, Input)
        box.value = text
        box.cursor_position = len(text)
        box.focus()

    return act
