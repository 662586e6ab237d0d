"""Runs: start, watch, stop, resume."""

from typing import ClassVar

from titletui.tui.screens.mode import ModeScreen


class TrainScreen(ModeScreen):
    """The runs and how they go."""

    AREA: ClassVar[str] = "Train"
