"""Titles: write them, look at them, star them."""

from typing import ClassVar

from titletui.tui.screens.mode import ModeScreen


class GenerateScreen(ModeScreen):
    """Candidates from a model."""

    AREA: ClassVar[str] = "Generate"
