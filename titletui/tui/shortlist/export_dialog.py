"""Ask for the file to export the shortlist to."""

from pathlib import Path
from typing import ClassVar

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from titletui.errors import TitletuiError
from titletui.paths import named_path
from titletui.shortlist.export import export
from titletui.shortlist.records import Favourite
from titletui.text import display
from titletui.tui.app_base import AppBase
from titletui.tui.dialogs.base import Dialog
from titletui.tui.dialogs.confirm import ConfirmDialog

FORMATS = (
    (".md", "Markdown, with notes, tags, settings"),
    (".txt", "plain, one title a line"),
    (".csv", "a table, for a spreadsheet"),
    (".jsonl", "JSON, one object a line, for scripts"),
)


class ExportDialog(Dialog[str]):
    """A path whose suffix is the format; dismissed with a message about the file, or ""."""

    DEFAULT_CSS = """
    ExportDialog #formats { margin-top: 1; color: $text-muted; }
    ExportDialog #said { display: none; margin-top: 1; color: $error; height: auto; }
    ExportDialog #said.-refused { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss('')", "cancel", id="export.cancel", tooltip="Write nothing"),
        Binding("tab", "next_format", "format", id="export.format", tooltip="The next format",
                priority=True),
    ]  # fmt: skip
    app = getters.app(AppBase)
    name_input = getters.query_one(Input)

    def __init__(self, titles: list[Favourite]) -> None:
        super().__init__()
        self._titles = titles

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            count = len(self._titles)
            box.border_title = f"Export {count} title{'s' if count != 1 else ''}"
            box.border_subtitle = "enter write · tab next format · escape cancel"
            yield Input(str(Path.cwd() / "shortlist.md"), select_on_focus=False)
            yield Static(id="formats")
            yield Static(id="said")

    def on_mount(self) -> None:
        self.name_input.focus()

    def on_input_changed(self) -> None:
        ending = Path(self.name_input.value).suffix.lower()
        self.query_one("#formats", Static).update(
            Content("\n").join(
                Content.styled(
                    f"{'▸' if form == ending else ' '} {form:<8}{what}",
                    "bold $primary" if form == ending else "",
                )
                for form, what in FORMATS
            )
        )
        self._say("")

    def _say(self, wrong: str) -> None:
        said = self.query_one("#said", Static)
        said.set_class(bool(wrong), "-refused")
        said.update(Content(wrong))

    def action_next_format(self) -> None:
        """Change the suffix to that of the next format."""
        path = Path(self.name_input.value or "shortlist")
        endings = [form for form, _ in FORMATS]
        at = endings.index(path.suffix.lower()) if path.suffix.lower() in endings else -1
        stem = path.with_suffix("") if at >= 0 else path
        self.name_input.value = f"{stem}{endings[(at + 1) % len(endings)]}"

    @work
    async def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        titles, overwrite = self._titles, False
        try:
            path = named_path(event.value)
            if path.is_file():
                question = ConfirmDialog(
                    f"{path.name} is there already.", "Overwrite it?", "overwrite"
                )
                overwrite = await self.app.push_screen_wait(question)
                if not overwrite:
                    return
            written = await self.app.files.run(lambda _: export(titles, path, overwrite=overwrite))
        except TitletuiError as error:
            self._say(f"✕ {display(str(error))}")
            return
        self.dismiss(f"{len(titles)} titles written to {written}")
