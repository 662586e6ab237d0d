"""A form with one line for each field of a schema."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from titletui.errors import UsageError
from titletui.settings import Field, as_text, parse
from titletui.tui.textual_patches.line_input import LineInput
from titletui.tui.widgets.choice import Choice
from titletui.tui.widgets.setting_row import SettingRow

MAX_CHARACTERS = 400


class Form(Vertical):
    """Edits the fields of a schema; the control of a field has the id `field-NAME`.

    Args:
        fields: in the order in which they are shown.
        values: of the fields, by name.
        labels: of fields whose names do not read well.
    """

    DEFAULT_CSS = """
    Form {
        height: auto;
        & SettingRow > * { width: 22; margin-left: 15; }
    }
    """

    @dataclass
    class Changed(Message):
        """A field was changed."""

        form: "Form"
        field: Field

    def __init__(
        self,
        fields: Sequence[Field],
        values: Mapping[str, object],
        *,
        labels: Mapping[str, str] | None = None,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self.fields = {_id(field.name): field for field in fields}
        self._values = values
        self._labels = labels or {}

    def compose(self) -> ComposeResult:
        for id_, field in self.fields.items():
            text, options = as_text(self._values.get(field.name)), field.options
            control = (
                Choice(options, text, id=id_)
                if options
                else LineInput(text, id=id_, placeholder="none", max_length=MAX_CHARACTERS)
            )
            label = self._labels.get(field.name, field.name.replace("_", " ").capitalize())
            yield SettingRow(label, control, "" if options else field.range)

    @property
    def focused_field(self) -> Field | None:
        """The field whose control has the focus."""
        focused = self.screen.focused
        return self.fields.get(focused.id or "") if focused is not None else None

    def control(self, name: str) -> Input | Choice:
        """Return the control of a field."""
        return self.query_one(f"#{_id(name)}", Input | Choice)  # type: ignore[arg-type]

    def offer(self, name: str, options: Sequence[str]) -> None:
        """Replace the values that a field with choices can take."""
        control = self.control(name)
        assert isinstance(control, Choice)
        field = self.fields[_id(name)]
        self.fields[_id(name)] = msgspec.structs.replace(field, choices=tuple(options))
        control.offer(options)

    def problem(self, field: Field) -> str:
        """Return what is wrong with the field as typed, as a sentence; empty where nothing is."""
        try:
            parse(field, self.control(field.name).value)
        except UsageError as error:
            return str(error)
        return ""

    def values(self) -> dict[str, object]:
        """Return the fields as typed.

        Raises:
            UsageError: one is not allowed; its control gets the focus.
        """
        found: dict[str, object] = {}
        for field in self.fields.values():
            control = self.control(field.name)
            try:
                found[field.name] = parse(field, control.value)
            except UsageError:
                control.focus()
                raise
        return found

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._field_changed(event.input)

    def on_choice_changed(self, event: Choice.Changed) -> None:
        event.stop()
        self._field_changed(event.choice)

    def _field_changed(self, control: Input | Choice) -> None:
        field = self.fields[control.id or ""]
        control.query_ancestor(SettingRow).refused = bool(self.problem(field))
        self.post_message(self.Changed(self, field))


def _id(name: str) -> str:
    return f"field-{name.replace('.', '-')}"
