"""Ask for the abstract that titles are written for."""

from pathlib import Path
from typing import ClassVar

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static, TextArea

from titletui.decoding import decode_text
from titletui.errors import UsageError
from titletui.pasted import normalize_pasted
from titletui.paths import named_path
from titletui.text import display
from titletui.tui.app_base import AppBase
from titletui.tui.dialogs.base import Dialog
from titletui.tui.dialogs.prompt import PromptDialog

MAX_CHARACTERS = 100_000


class AbstractDialog(Dialog[str | None]):
    """A text area; dismissed with its text, or None to change nothing."""

    DEFAULT_CSS = """
    AbstractDialog TextArea { height: 1fr; border: none; padding: 0 1; background: $panel; }
    AbstractDialog TextArea:focus { border: none; }
    AbstractDialog #counted { height: 1; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+g,f6", "keep", "write titles for it", priority=True, id="abstract.keep",
                tooltip="Write titles for this abstract"),
        Binding("ctrl+o", "open", "open a file", priority=True, id="abstract.open",
                tooltip="Read the abstract from a text file"),
        Binding("ctrl+l", "empty", "empty", priority=True, id="abstract.empty",
                tooltip="Take the abstract away"),
        Binding("escape", "dismiss(None)", "cancel", priority=True, id="abstract.cancel",
                tooltip="Change nothing"),
    ]  # fmt: skip
    app = getters.app(AppBase)
    area = getters.query_one(TextArea)

    def __init__(self, text: str, note: str = "") -> None:
        super().__init__()
        self._text = text
        self._note = note

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "Titles for an abstract"
            empty = "ctrl+l empty · " if self.app.size.width >= 70 else ""
            box.border_subtitle = f"ctrl+g write · ctrl+o file · {empty}escape cancel"
            yield TextArea(_shown(self._text), soft_wrap=True, show_line_numbers=False)
            yield Static(id="counted", markup=False)

    def on_mount(self) -> None:
        self.area.focus()
        self.on_text_area_changed()

    def on_text_area_changed(self) -> None:
        words = len(self.area.text.split())
        said = f"{words} words" if words else "Paste or type the abstract here."
        self.query_one("#counted", Static).update(" · ".join(filter(None, (said, self._note))))

    def action_keep(self) -> None:
        """Dismiss with the text."""
        self.dismiss(normalize_pasted(self.area.text))

    def action_empty(self) -> None:
        """Clear the text."""
        self.area.text = ""

    @work
    async def action_open(self) -> None:
        """Ask for a file and read it."""
        name = await self.app.push_screen_wait(
            PromptDialog("Read the abstract from", placeholder="path of a text file", verb="read")
        )
        if not name:
            return
        try:
            path = named_path(name)
        except UsageError as error:
            self.app.show_error(error)
            return
        try:
            self.area.text = _shown(await self.app.files.run(lambda _: _read(path)))
        except OSError as error:
            self.app.say(f"{path} cannot be read ({error.strerror}).", "error")
        except UsageError as error:
            self.app.say(str(error), "error")


class UntrainedDialog(Dialog[str]):
    """Ask what to do with an abstract that the model cannot use.

    Dismissed with `starter`, `without` or `cancel`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "dismiss('starter')", "use the starter", id="untrained.starter",
                tooltip="Write titles for the abstract with the starter"),
        Binding("g", "dismiss('without')", "go on without", id="untrained.without",
                tooltip="Write titles with this model, without the abstract"),
        Binding("escape", "dismiss('cancel')", "cancel", id="untrained.cancel",
                tooltip="Write nothing"),
    ]  # fmt: skip

    def __init__(self, model: str) -> None:
        super().__init__()
        self._model = model

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "Titles for an abstract"
            box.border_subtitle = "s use the starter · g go on without · escape cancel"
            sentence = (
                f"{self._model} was not trained to write titles for abstracts: it would ignore "
                "this one. The starter was."
            )
            yield Static(display(sentence), markup=False)


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return decode_text(file.read(4 * MAX_CHARACTERS), str(path))[:MAX_CHARACTERS]


def _shown(text: str) -> str:
    return "\n".join(display(line) for line in text.splitlines())
