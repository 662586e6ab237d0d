"""The app's type, for `textual.getters.app` in screens and widgets."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from titletui.tui.app import TitletuiApp


def app_type() -> "type[TitletuiApp]":
    """The app; imported late because the app is what imports the screens."""
    from titletui.tui.app import TitletuiApp

    return TitletuiApp
