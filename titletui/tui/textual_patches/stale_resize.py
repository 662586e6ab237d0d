"""A screen that is not led astray by echoes of sizes which the app no longer has."""

from textual.events import Resize
from textual.message_pump import MessagePump


class IgnoreStaleResize(MessagePump):
    """To be named before `Screen` among a screen's bases.

    Whenever a layout changes the size of a screen, Textual sends the screen a `Resize` of that same
    size, which takes the place of the app's own if that is newer. Two such echoes of different
    sizes, kept apart by the repaint that a batch puts off, call each other forth without end, and
    the loop that would end the batch never turns again.
    """

    def on_resize(self, event: Resize) -> None:
        """Takes the app's size in place of any other."""
        size = self.app.size
        if event.size != size:
            event.prevent_default()
            self.post_message(Resize(size, size))
