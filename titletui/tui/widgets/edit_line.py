"""An input laid over a row, to change the row where it stands."""

from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.widgets import Input

from titletui.text import display

_INDENT = 1


class EditLine(Input):
    """Enter keeps the change, escape drops it."""

    DEFAULT_CSS = """
    EditLine {
        position: absolute;
        overlay: screen;
        height: 1;
        border: none;
        padding: 0 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "drop", "leave as it is", id="edit.drop", tooltip="Change nothing"),
    ]

    @dataclass
    class Kept(Message):
        """The line was changed to `text`."""

        edit_line: "EditLine"
        text: str

    @dataclass
    class Dropped(Message):
        """Nothing is to be changed."""

    def __init__(self, text: str, region: Region, text_at: int = 0) -> None:
        indent = _INDENT + text_at
        self._before = display(text)
        super().__init__(self._before, select_on_focus=False)
        self.styles.offset = (region.x + indent, region.y)
        self.styles.width = region.width - indent
        self.styles.height = region.height

    def on_mount(self) -> None:
        self.call_after_refresh(self.scroll_to, x=len(self._before), animate=False, force=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip() and event.value != self._before:
            self.post_message(self.Kept(self, event.value))
        else:
            self.post_message(self.Dropped())

    def action_drop(self) -> None:
        """Leaves the row as it is."""
        self.post_message(self.Dropped())
