"""All settings as a form, made from the schema that `config.toml` is checked against."""

from collections.abc import Iterator
from typing import ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from titletui.errors import UsageError
from titletui.settings import Field, Settings, as_text, fields, value, with_value
from titletui.text import display
from titletui.tui.app_base import AppBase
from titletui.tui.dialogs.base import Dialog
from titletui.tui.keymap import keymap_problems
from titletui.tui.textual_patches.line_input import LineInput
from titletui.tui.textual_patches.static import StableStatic
from titletui.tui.widgets.choice import Choice
from titletui.tui.widgets.setting_row import SettingRow

_LONGEST = 400


class SettingsDialog(Dialog[Settings | None]):
    """One line a setting; dismissed with all of them as they were typed, or with None.

    The theme shows at once; the rest counts when the dialog is left with enter.
    """

    CSS_PATH = "settings_dialog.tcss"
    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] | None = [  # noqa: RUF012
        (0, "-compact"),
        (80, "-normal"),
    ]
    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = [  # noqa: RUF012
        (0, "-low"),
        (24, "-high"),
        (36, "-tall"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel", id="settings.cancel", tooltip="Change nothing"),
        Binding("enter", "keep", "keep", id="settings.keep", tooltip="Keep and save all settings"),
        Binding("down", "app.focus_next", "next", show=False, id="settings.next",
                tooltip="The next setting"),
        Binding("up", "app.focus_previous", "before", show=False, id="settings.before",
                tooltip="The setting before"),
        Binding("ctrl+d", "default", "default", id="settings.default", priority=True,
                tooltip="Give this setting its default"),
    ]  # fmt: skip
    app = getters.app(AppBase)
    about = getters.query_one("#about", StableStatic)

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        # The app notes each theme that is shown in its settings.
        self._theme = settings.theme
        self._fields = {_id(field): field for field in _editable()}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "Settings"
            box.border_subtitle = "enter keep · ctrl+d default · escape cancel"
            with VerticalScroll(can_focus=False):
                yield from self._rows()
            yield StableStatic(id="about", markup=False)

    def _rows(self) -> ComposeResult:
        table = ""
        for id_, field in self._fields.items():
            where, _, name = field.name.rpartition(".")
            if where != table:
                table = where
                yield Static(where.capitalize(), classes="table")
            yield SettingRow(name.replace("_", " "), self._control(id_, field), _range(field))
        for sentence in keymap_problems(self._settings.keys):
            yield Static(f"⚠ {display(sentence)}", classes="doubt", markup=False)

    def on_mount(self) -> None:
        self.query("Input, Choice").first().focus()

    def on_descendant_focus(self) -> None:
        field = self._focused_field()
        if field is not None and self._check(field):
            default = as_text(field.default) or "none"
            self.about.update(f"{field.doc} Default: {display(default)}.")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._check(self._fields[event.input.id or ""])

    def on_choice_changed(self, event: Choice.Changed) -> None:
        event.stop()
        if event.choice.id == "theme":
            self.app.theme = event.value

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_keep()

    def action_keep(self) -> None:
        """Ends with the settings as typed, unless one of them will not do; that one is shown."""
        settings = self._settings
        for id_, field in self._fields.items():
            if not self._check(field):
                self.query_one(f"#{id_}").focus()
                return
            settings = with_value(settings, field.name, self._text(id_))
        self.dismiss(settings)

    def action_cancel(self) -> None:
        """Ends without a change; the theme is again what it was."""
        self.app.theme = self._theme
        self.dismiss(None)

    def action_default(self) -> None:
        """Gives the setting in focus its default."""
        field = self._focused_field()
        if field is not None:
            self._control_of(_id(field)).value = as_text(field.default)

    def _focused_field(self) -> Field | None:
        return self._fields.get(self.focused.id or "") if self.focused else None

    def _control(self, id_: str, field: Field) -> Input | Choice:
        now = value(self._settings, field.name)
        options = self._options(field)
        if options:
            return Choice(options, as_text(now), id=id_)
        wide = "" if field.kind == "text" else "number"
        return LineInput(
            as_text(now), placeholder="none", id=id_, classes=wide, max_length=_LONGEST
        )

    def _options(self, field: Field) -> list[str]:
        if field.name == "theme":
            return sorted(
                self.app.available_themes, key=lambda name: not name.startswith("titletui")
            )
        return field.options

    def _control_of(self, id_: str) -> Input | Choice:
        return self.query_one(f"#{id_}", Input | Choice)  # type: ignore[arg-type]

    def _text(self, id_: str) -> str:
        return self._control_of(id_).value

    def _check(self, field: Field) -> bool:
        """Whether the value as it stands will do; what is wrong is shown beside it."""
        id_ = _id(field)
        refused = False
        try:
            with_value(self._settings, field.name, self._text(id_))
        except UsageError as error:
            refused = True
            self.about.update(Content.styled(f"✕ {display(str(error))}", "$error"))
        self.query_one(f"#{id_}").query_ancestor(SettingRow).refused = refused
        return not refused


def _editable() -> Iterator[Field]:
    """What fits on a line, table after table; other keys are written into the file."""
    shown = (field for field in fields(Settings) if field.kind != "table")
    return iter(sorted(shown, key=lambda field: "." in field.name))


def _id(field: Field) -> str:
    return field.name.replace(".", "-")


def _range(field: Field) -> str:
    return "" if field.options or field.kind == "text" else field.range
