"""Ignoring resizes to a size that the app no longer has.

Fault: whenever a layout changes the size of a screen, Textual sends the screen a `Resize` of that
size, which replaces the app's own if that is newer. Two such events of different sizes, kept apart
by the repaint that a batch defers, cause each other without end, and the app hangs.
See it: tests/faults/test_terminal.py posts three sizes within one batch.
Measured: without this patch the app never answers again.
Test: test_echoes_of_two_sizes_do_not_hold_the_app in tests/faults/test_terminal.py.
"""

from textual.events import Resize
from textual.message_pump import MessagePump


class IgnoreStaleResize(MessagePump):
    """A mixin that is named before `Screen` among a screen's bases."""

    def on_resize(self, event: Resize) -> None:
        """Replace any size but the app's."""
        size = self.app.size
        if event.size != size:
            event.prevent_default()
            self.post_message(Resize(size, size))
