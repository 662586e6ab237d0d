"""A screen that is styled once before it is first seen, and painted only when it is on top."""

import contextlib
from typing import Any, cast

from textual._context import NoActiveAppError
from textual.events import ScreenResume
from textual.message_pump import MessagePump
from textual.screen import Screen


class DeferredPaint(MessagePump):
    """To be named before `Screen` among a screen's bases.

    Textual styles all parts of a new screen when they are mounted, again when the screen is shown,
    and once more when it hears of its size; and it has the whole style sheet parsed for it.
    """

    _seen = False

    def __init__(self) -> None:
        super().__init__()
        with contextlib.suppress(NoActiveAppError):
            self._get_ready()

    def _get_ready(self) -> None:
        screen = cast("Screen[Any]", self)
        # The parts are styled when they are mounted, by the style sheet as it is now.
        screen._css_update_count = self.app._css_update_count
        width, height = self.app.size
        fitting = [
            name
            for length, breakpoints in (
                (width, screen.HORIZONTAL_BREAKPOINTS),
                (height, screen.VERTICAL_BREAKPOINTS),
            )
            for name in screen._get_breakpoint_classes(length, breakpoints or [])
        ]
        screen.update_classes(dict.fromkeys(fitting, True), update=False)

    def _on_screen_resume(self, event: ScreenResume) -> None:
        """Leaves the styles as they are when it is shown for the first time."""
        if not self._seen:
            self._seen = True
            event.refresh_styles = False

    def _compositor_refresh(self) -> None:
        """Paints what has changed, once.

        Behind another screen Textual would paint all of it again with each message that comes;
        when it is on top again it is painted whole anyway.
        """
        screen = cast("Screen[Any]", self)
        super()._compositor_refresh()  # type: ignore[misc]
        if screen is not screen.app.screen:
            screen._repaint_required = False
