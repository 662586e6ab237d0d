"""Styling a new screen once, and painting a screen only while it is on top.

Fault: Textual computes the styles of a new screen when its widgets are mounted, again when it
hears of its size, and again when it is shown; behind another screen it repaints everything with
each message.
See it: count `Stylesheet.apply` while the settings open; watch the bytes sent while a dialog is
open over a list that changes.
Measured at 120×40: 337 styles computed without this patch and 128 with it when the settings open,
385 and 240 ms of CPU time.
Test: tests/tui/textual_patches/test_deferred_paint.py.
"""

import contextlib
from typing import Any, cast

from textual._context import NoActiveAppError
from textual.events import ScreenResume
from textual.message_pump import MessagePump
from textual.screen import Screen


class DeferredPaint(MessagePump):
    """A mixin that is named before `Screen` among a screen's bases."""

    _was_shown = False

    def __init__(self) -> None:
        super().__init__()
        with contextlib.suppress(NoActiveAppError):
            self._prepare_styles()

    def _prepare_styles(self) -> None:
        """Set the breakpoint classes before the widgets are styled by the current style sheet."""
        screen = cast("Screen[Any]", self)
        screen._css_update_count = self.app._css_update_count
        width, height = self.app.size
        classes = [
            *screen._get_breakpoint_classes(width, screen.HORIZONTAL_BREAKPOINTS or []),
            *screen._get_breakpoint_classes(height, screen.VERTICAL_BREAKPOINTS or []),
        ]
        screen.update_classes(dict.fromkeys(classes, True), update=False)

    def _on_screen_resume(self, event: ScreenResume) -> None:
        """Keep the styles when the screen is shown for the first time."""
        if not self._was_shown:
            self._was_shown = True
            event.refresh_styles = False

    def _compositor_refresh(self) -> None:
        """Forget what changed behind another screen; on top again the screen is painted whole."""
        screen = cast("Screen[Any]", self)
        super()._compositor_refresh()  # type: ignore[misc]
        if screen is not screen.app.screen:
            screen._repaint_required = False
