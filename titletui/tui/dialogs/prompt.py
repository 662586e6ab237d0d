"""A dialog that asks for one line."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from titletui.errors import TitletuiError
from titletui.text import display
from titletui.tui.dialogs.base import Dialog


class PromptDialog(Dialog[str | None]):
    """Asks for one line; dismissed with it, or with None.

    Args:
        title: what is asked for.
        value: what stands there already.
        check: raises a TitletuiError, whose sentence is shown, while the line will not do.
        hint: shown under the input.
        verb: what enter does with the line.
    """

    DEFAULT_CSS = """
    PromptDialog #hint { height: auto; padding: 0 1; margin-top: 1; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "cancel", id="prompt.cancel", tooltip="Change nothing"),
    ]

    def __init__(
        self,
        title: str,
        value: str = "",
        *,
        placeholder: str = "",
        hint: str = "",
        verb: str = "keep",
        check: Callable[[str], object] | None = None,
    ) -> None:
        super().__init__()
        self._title = title
        self._value = value
        self._placeholder = placeholder
        self._hint = hint
        self._verb = verb
        self._check = check

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = Content(display(self._title)).markup
            box.border_subtitle = f"enter {self._verb} · escape cancel"
            yield Input(display(self._value), placeholder=display(self._placeholder))
            yield Static(Content(display(self._hint)), id="hint")

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        self.query_one("#hint").display = bool(self._hint)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._check is not None:
            try:
                self._check(event.value)
            except TitletuiError as error:
                hint = self.query_one("#hint", Static)
                hint.display = True
                hint.update(Content.styled(f"✕ {display(str(error))}", "$error"))
                return
        self.dismiss(event.value)
