"""One of a few values, on one line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import RenderResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from titletui.text import display


class Choice(Widget, can_focus=True):
    """`◂ value ▸`: left, right, space or a click go round; a letter goes to what starts with it."""

    DEFAULT_CSS = """
    Choice {
        height: 1;
        width: 1fr;
        padding: 0 1;
        background: $panel;
        &:focus { background: $primary 20%; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "left", "turn(-1)", "before", show=False, id="choice.before", tooltip="The one before"
        ),
        Binding(
            "right,space", "turn(1)", "next", show=False, id="choice.next", tooltip="The next one"
        ),
    ]

    value: reactive[str] = reactive("", init=False)

    @dataclass
    class Changed(Message):
        """Another value was chosen."""

        choice: "Choice"
        value: str

    def __init__(
        self,
        options: Sequence[str],
        value: str = "",
        *,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.options = list(options)
        self.set_reactive(Choice.value, value or (self.options[0] if self.options else ""))

    def offer(self, options: Sequence[str], value: str = "") -> None:
        """Replaces the options; `value` is chosen, or else what was, or else the first."""
        self.options = list(options)
        kept = value if value in self.options else self.value
        self.value = kept if kept in self.options else (self.options[0] if self.options else "")
        self.refresh()

    def render(self) -> RenderResult:
        room = max(4, self.content_size.width - 12)
        value = Content(display(self.value) or "none").truncate(room, ellipsis=True)
        if len(self.options) < 2:
            return value
        place = (
            f"  {self.options.index(self.value) + 1}/{len(self.options)}"
            if self.value in self.options
            else ""
        )
        arrow = "bold $primary" if self.has_focus else "$foreground 60%"
        return Content.assemble(("◂ ", arrow), value, (" ▸", arrow), (place, "$foreground 60%"))

    def watch_value(self) -> None:
        self.refresh()
        self.post_message(self.Changed(self, self.value))

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def action_turn(self, by: int) -> None:
        """Goes on by `by`, round at the ends."""
        if self.options:
            at = self.options.index(self.value) if self.value in self.options else -1
            self.value = self.options[(at + by) % len(self.options)]

    def on_click(self, event: events.Click) -> None:
        self.action_turn(-1 if event.x < 3 else 1)

    def on_key(self, event: events.Key) -> None:
        letter = event.character or ""
        if not letter.isalpha():
            return
        later = (
            self.options[self.options.index(self.value) + 1 :] if self.value in self.options else []
        )
        for option in [*later, *self.options]:
            if option.casefold().startswith(letter.casefold()):
                self.value = option
                event.stop()
                return
