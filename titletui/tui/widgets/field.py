"""What the dialogs that ask for several things are made of."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from titletui.text import display
from titletui.tui.textual_patches.static import StableStatic


class Field(Horizontal):
    """A line of a dialog: its name, and what is to be filled in.

    Args:
        parts: inputs; a str among them is a word between two.
    """

    DEFAULT_CSS = """
    Field {
        height: 1;
        & > .field-name { width: 12; color: $text-muted; }
        & > .field-word { width: auto; padding: 0 2; color: $text-muted; }
    }
    """

    def __init__(self, name: str, *parts: Widget | str) -> None:
        super().__init__()
        self._label = name
        self._parts = parts

    def compose(self) -> ComposeResult:
        yield Static(self._label, classes="field-name", markup=False)
        for part in self._parts:
            if isinstance(part, str):
                yield Static(part, classes="field-word", markup=False)
            else:
                yield part


class Verdict(StableStatic):
    """What there is to say about what was filled in; gone while there is nothing."""

    DEFAULT_CSS = """
    Verdict {
        height: auto;
        margin-top: 1;
        color: $text-muted;
        &.-wrong { color: $error; }
    }
    """

    def on_mount(self) -> None:
        self.display = bool(self.content)

    def say(self, text: str | Content) -> None:
        """Shows something to know."""
        self._show(Content(display(text)) if isinstance(text, str) else text, wrong=False)

    def refuse(self, text: str) -> None:
        """Shows what will not do."""
        self._show(Content(f"✕ {display(text)}"), wrong=True)

    def _show(self, content: Content, *, wrong: bool) -> None:
        self.set_class(wrong, "-wrong")
        self.display = bool(content.plain)
        self.update(content)
