"""What all dialogs have in common."""

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen

from titletui.tui.textual_patches.deferred_paint import DeferredPaint
from titletui.tui.textual_patches.stale_resize import IgnoreStaleResize

R = TypeVar("R")


class Dialog(IgnoreStaleResize, DeferredPaint, ModalScreen[R]):
    """A screen in front of another, which ends once."""

    def gone(self) -> bool:
        """Whether it was closed, or the app was, while something was being waited for.

        Its parts go one after the other, so whether one of them is there says little.
        """
        return not self.app.is_running or self not in self.app.screen_stack

    def dismiss(self, result: R | None = None) -> AwaitComplete:
        """Ends the dialog, with whatever has been opened in front of it.

        A second end is none: enter and escape typed in one breath are two, and what the first one
        brought back must not be closed by the second.
        """
        if self not in self.app.screen_stack:
            return AwaitComplete()
        while not self.is_active:
            self.app.pop_screen()
        return super().dismiss(result)
