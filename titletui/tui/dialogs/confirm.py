"""A question with a yes and a no."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from titletui.text import display
from titletui.tui.dialogs.base import Dialog


class ConfirmDialog(Dialog[bool]):
    """Asks before something is lost; anything but `y` or enter is a no.

    Args:
        question: what is asked.
        consequence: what a yes does, and what is kept.
        yes: the verb that stands for yes.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "dismiss(True)", "yes", id="confirm.yes", tooltip="Do it"),
        Binding("n,escape,q", "dismiss(False)", "no", id="confirm.no", tooltip="Leave it"),
    ]

    def __init__(self, question: str, consequence: str = "", yes: str = "yes") -> None:
        super().__init__()
        self._question = question
        self._consequence = consequence
        self._yes = yes

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_subtitle = f"y {self._yes} · n no"
            yield Static(Content.styled(display(self._question), "bold"))
            if self._consequence:
                yield Static(Content("\n" + display(self._consequence)))
