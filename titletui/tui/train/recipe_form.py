"""All settings of a recipe as a form, made from its own description."""

import contextlib
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.css.query import NoMatches
from textual.message import Message
from textual.widgets import Input

from titletui.errors import UsageError
from titletui.settings import as_text, fields, parse
from titletui.training.recipe import Recipe
from titletui.tui.textual_patches.line_input import LineInput
from titletui.tui.widgets.choice import Choice
from titletui.tui.widgets.setting_row import SettingRow

# The fields that the dialog asks for above this form.
ASKED_ABOVE = ("preset", "base", "steps", "epochs")
FIELDS = {field.name: field for field in fields(Recipe) if field.name not in ASKED_ABOVE}


class RecipeForm(Vertical):
    """A line for each setting: its name, its value, and the range, or what is wrong."""

    DEFAULT_CSS = """
    RecipeForm {
        height: auto;
        & SettingRow > * { width: 22; margin-left: 20; }
    }
    """

    @dataclass
    class Changed(Message):
        """A setting was changed."""

        form: "RecipeForm"

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self._recipe = recipe

    def compose(self) -> ComposeResult:
        for name, field in FIELDS.items():
            options, value = field.options, as_text(getattr(self._recipe, name))
            control: Choice | LineInput = (
                Choice(options, value, id=f"set-{name}")
                if options
                else LineInput(value, id=f"set-{name}")
            )
            yield SettingRow(name, control, "" if options else field.range)

    def show(self, recipe: Recipe) -> None:
        """Puts the values of `recipe` into the form."""
        self._recipe = recipe
        with self.prevent(Input.Changed, Choice.Changed):
            for name in FIELDS:
                self.query_one(f"#set-{name}", Input | Choice).value = as_text(  # type: ignore[arg-type]
                    getattr(recipe, name)
                )
                self._check(name)

    def changes(self) -> dict[str, str]:
        """The values that differ from the recipe that was shown, as text."""
        changed: dict[str, str] = {}
        for name in FIELDS:
            with contextlib.suppress(NoMatches):
                text = self._text(name)
                if text.strip() != as_text(getattr(self._recipe, name)):
                    changed[name] = text
        return changed

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._changed(event.input.id or "")

    def on_choice_changed(self, event: Choice.Changed) -> None:
        event.stop()
        self._changed(event.choice.id or "")

    def _changed(self, id_: str) -> None:
        self._check(id_.removeprefix("set-"))
        self.post_message(self.Changed(self))

    def _text(self, name: str) -> str:
        return str(self.query_one(f"#set-{name}").value)  # type: ignore[attr-defined]

    def _check(self, name: str) -> None:
        wrong = False
        try:
            parse(FIELDS[name], self._text(name).strip())
        except UsageError:
            wrong = True
        self.query_one(f"#set-{name}").query_ancestor(SettingRow).refused = wrong
