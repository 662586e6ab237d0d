"""Favourites: what was starred, in the order one likes."""

from typing import ClassVar

from titletui.tui.screens.mode import ModeScreen


class ShortlistScreen(ModeScreen):
    """The starred titles."""

    AREA: ClassVar[str] = "Shortlist"
