"""A dialog that says something and lets it be copied."""

from typing import ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from titletui.text import display
from titletui.tui.app_base import AppBase
from titletui.tui.dialogs.base import Dialog


class MessageDialog(Dialog[None]):
    """A sentence for a person; escape or enter closes it, `c` copies it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss", "close", id="message.close", tooltip="Close"),
        Binding("c", "copy", "copy", id="message.copy", tooltip="Copy the message"),
    ]
    app = getters.app(AppBase)

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title = title
        self.text = text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = Content(display(self._title)).markup
            box.border_subtitle = "c copy · escape close"
            yield Static(Content(display(self.text)))

    def action_copy(self) -> None:
        """Copies the message."""
        self.app.copy(self.text)
