"""What the four modes have in common: header, status line, footer and the way out of an input."""

from abc import abstractmethod
from typing import ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.widget import Widget

from titletui.tui.app_base import AppBase
from titletui.tui.textual_patches.deferred_paint import DeferredPaint
from titletui.tui.textual_patches.stale_resize import IgnoreStaleResize
from titletui.tui.widgets.header import Header
from titletui.tui.widgets.key_bar import KeyBar
from titletui.tui.widgets.status_line import StatusLine


class ModeScreen(IgnoreStaleResize, DeferredPaint, Screen[None]):
    """One of the four modes; a subclass yields its own part in `compose_body`.

    Attributes:
        AREA: the mode's name in the palette and in the help.
        FOOTER: ids of bindings, those that come first in the footer.
        FOOTER_EMPTY: ids of those that mean something while there is nothing to show.
        HELP: what can be done here, in a few lines, for the help.
    """

    AREA: ClassVar[str] = ""
    HELP: ClassVar[str] = ""
    FOOTER: ClassVar[tuple[str, ...]] = ()
    FOOTER_EMPTY: ClassVar[tuple[str, ...]] = ()
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] | None = [  # noqa: RUF012
        (0, "-compact"),
        (80, "-normal"),
        (120, "-wide"),
    ]
    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-tiny"), (10, "-low"), (24, "-high")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "escape",
            "leave",
            "Leave",
            show=False,
            id="leave",
            tooltip="Leave the input and go back to the list",
        ),
    ]
    app = getters.app(AppBase)

    _was_empty: bool | None = None

    def compose(self) -> ComposeResult:
        yield Header()
        yield StatusLine()
        with Vertical(id="body"):
            yield from self.compose_body()
        yield KeyBar()

    @abstractmethod
    def compose_body(self) -> ComposeResult:
        """The widgets of the mode."""

    @abstractmethod
    def main_widget(self) -> Widget | None:
        """Where the keys go when no input has them: usually the list."""

    def show_empty(self, empty: bool) -> None:
        """Shows the state in which there is nothing yet, or leaves it."""
        if self._was_empty is not empty:
            self._was_empty = empty
            self.set_class(empty, "-empty")
            self.refresh_bindings()
            self.call_after_refresh(self._hand_keys, empty)

    def _hand_keys(self, empty: bool) -> None:
        """A list that is hidden does not keep the keys; one that is shown takes them."""
        target = self.main_widget()
        if empty and self.focused is target:
            self.set_focus(None)
        elif not empty and self.focused is None and target is not None:
            target.focus()

    @property
    def typing(self) -> bool:
        """Whether keys are taken as text."""
        return self.focused is not None and self.focused.check_consume_key("a", "a")

    @property
    def gone(self) -> bool:
        """Whether the app was closed while something was being waited for.

        Its parts go one after the other, so whether one of them is there says little.
        """
        return not (self.app.is_running and self.query("#body"))

    async def preload(self) -> None:
        """Called when nobody types, before the mode is first gone to: reads what it shows."""

    def show_item(self, name: str, action: str = "") -> None:
        """Brings `name` (a corpus, a run, a model) up, then does `action` if one is named.

        Called when another mode or the palette sends the user here.
        """

    def action_leave(self) -> None:
        """From an input back to the list."""
        target = self.main_widget()
        if self.typing and target is not None:
            target.focus()
