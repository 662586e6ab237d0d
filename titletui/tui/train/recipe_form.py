"""All settings of a recipe as a form, made from its own description."""

import contextlib
import typing
from dataclasses import dataclass

import msgspec
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.css.query import NoMatches
from textual.message import Message
from textual.widgets import Input

from titletui.errors import UsageError
from titletui.training.presets import allowed, override
from titletui.training.recipe import Recipe
from titletui.tui.textual_patches.line_input import LineInput
from titletui.tui.widgets.choice import Choice
from titletui.tui.widgets.setting_row import SettingRow

REMOTE = ("preset", "base", "steps", "epochs")


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
        for name in setting_names():
            options, value = choices(name), as_text(getattr(self._recipe, name))
            control: Choice | LineInput = (
                Choice(options, value, id=f"set-{name}")
                if options
                else LineInput(value, id=f"set-{name}")
            )
            yield SettingRow(name, control, "" if options else allowed(name))

    def show(self, recipe: Recipe) -> None:
        """Puts the values of `recipe` into the form."""
        self._recipe = recipe
        with self.prevent(Input.Changed, Choice.Changed):
            for name in setting_names():
                self.query_one(f"#set-{name}", Input | Choice).value = as_text(  # type: ignore[arg-type]
                    getattr(recipe, name)
                )
                self._check(name)

    def changes(self) -> dict[str, str]:
        """The values that differ from the recipe that was shown, as text."""
        changed: dict[str, str] = {}
        for name in setting_names():
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
            override(Recipe(), {name: self._text(name)})
        except UsageError as error:
            wrong = str(error).startswith(f"{name}: must be")
        self.query_one(f"#set-{name}").query_ancestor(SettingRow).refused = wrong


def setting_names() -> list[str]:
    """The fields of a recipe that this form shows, in their order."""
    return [f.name for f in msgspec.structs.fields(Recipe) if f.name not in REMOTE]


def choices(name: str) -> list[str]:
    """The values of a field that has only a few; else none."""
    kind = typing.get_type_hints(Recipe)[name]
    if kind is bool:
        return ["no", "yes"]
    return (
        [str(v) for v in typing.get_args(kind)] if typing.get_origin(kind) is typing.Literal else []
    )


def as_text(value: object) -> str:
    """A setting's value as a person types it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
