"""The knobs that are turned less often."""

import contextlib
from typing import ClassVar

import msgspec
from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid, Vertical, VerticalScroll
from textual.widgets import Input, Label, Static

from titletui.errors import TitletuiError, UsageError
from titletui.settings import CANDIDATE_SORTS, GenerateSettings
from titletui.text import display
from titletui.tui.app_base import AppBase
from titletui.tui.dialogs.base import Dialog
from titletui.tui.widgets.choice import Choice

FIELDS = (
    ("top_p", "Top-p", "the likeliest tokens that together make up this share, up to 1"),
    ("top_k", "Top-k", "only so many of the likeliest tokens; 0 means all"),
    ("length", "Length", "most tokens in a title, 4 to 512"),
    ("seed", "Seed", "the same seed gives the same titles; empty draws one"),
    ("year", "Year", "for models that take one; empty for none"),
    ("temperature", "Temperature", "0 takes the likeliest token each time, up to 5"),
    ("count", "Count", "titles at once, 1 to 1000"),
    ("against", "Against", "the corpus to compare with"),
    ("sort", "Sort", "what comes first"),
    ("hide_copies", "Hide copies", "titles that stand in a corpus"),
    ("hide_near", "Hide near", "titles that nearly stand in a corpus"),
    ("hide_above", "Hide ppl over", "titles of a higher perplexity, from 1; empty hides none"),
    ("hide_longer", "Hide longer", "titles of more words than this; empty hides none"),
    ("hide_repeats", "Hide repeats", "titles that you have been shown before"),
)
_OPTIONAL = ("seed", "year", "hide_above", "hide_longer")
_SWITCHES = ("hide_copies", "hide_near", "hide_repeats")
_YES_NO = ("no", "yes")
ALL_PAPERS = "all papers"


class SamplingDialog(Dialog[tuple[GenerateSettings, int | None] | None]):
    """One line a knob, each checked when enter is pressed."""

    DEFAULT_CSS = """
    SamplingDialog Grid {
        grid-size: 2;
        grid-columns: 13 1fr;
        grid-rows: 1;
        grid-gutter: 0 1;
        height: auto;
    }
    SamplingDialog VerticalScroll { height: auto; max-height: 60vh; }
    SamplingDialog.-low VerticalScroll { max-height: 55vh; }
    SamplingDialog Label { color: $text-muted; }
    SamplingDialog #hint { color: $text-muted; height: auto; min-height: 1; margin: 1 0 0 0; }
    SamplingDialog #hint.-refused { color: $error; }
    """
    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-low"), (24, "-high")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "keep", "keep", show=False, id="more.keep", tooltip="Keep them"),
        Binding("escape", "dismiss(None)", "cancel", id="more.cancel", tooltip="Change nothing"),
        Binding("down", "app.focus_next", "next", show=False, id="more.next", tooltip="Next"),
        Binding("up", "app.focus_previous", "before", show=False, id="more.up", tooltip="Before"),
    ]
    app = getters.app(AppBase)
    hint = getters.query_one("#hint", Static)

    def __init__(self, knobs: GenerateSettings, year: int | None) -> None:
        super().__init__()
        self._knobs = knobs
        self._year = year
        self._said = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "More"
            box.border_subtitle = "enter keep · ↑↓ move · ←→ choose · escape cancel"
            with VerticalScroll(can_focus=False), Grid():
                for name, label, _ in FIELDS:
                    yield Label(label)
                    yield self._field(name)
            yield Static(id="hint", markup=False)

    def on_mount(self) -> None:
        self.query_one("#top_p").focus()
        self._find_corpora()

    def _field(self, name: str) -> Input | Choice:
        text = self._text(name)
        if name == "against":
            return Choice([ALL_PAPERS], text, id=name)
        if name == "sort":
            return Choice(CANDIDATE_SORTS, text, id=name)
        if name in _SWITCHES:
            return Choice(_YES_NO, text, id=name)
        return Input(text, id=name, max_length=100)

    @work
    async def _find_corpora(self) -> None:
        """Offers the corpora; where they cannot be read, the one that was chosen stays."""
        with contextlib.suppress(TitletuiError):
            corpora = await self.app.corpora.run(lambda store: store.corpora())
            against = self.query_one("#against", Choice)
            against.offer([ALL_PAPERS, *(one.name for one in corpora)])

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_keep()

    def action_keep(self) -> None:
        """Ends with what stands in the fields."""
        try:
            self.dismiss((self._chosen(), self._chosen_year()))
        except UsageError as error:
            self._said = f"✕ {display(str(error))}"
            self._hint()

    def on_descendant_focus(self) -> None:
        self._hint()

    def on_input_changed(self) -> None:
        self._said = ""
        self._hint()

    def _hint(self) -> None:
        """Shows what was refused, or what may stand in the field."""
        hints = {name: hint for name, _, hint in FIELDS}
        name = self.focused.id if self.focused is not None else None
        self.hint.update(self._said or hints.get(name or "", ""))
        self.hint.set_class(bool(self._said), "-refused")

    def _text(self, name: str) -> str:
        value = self._year if name == "year" else getattr(self._knobs, name)
        if name == "against":
            return str(value or ALL_PAPERS)
        if isinstance(value, bool):
            return "yes" if value else "no"
        return (
            ""
            if value is None
            else f"{value:g}"
            if isinstance(value, float)
            else display(str(value))
        )

    def _value(self, name: str) -> object:
        field = self.query_one(f"#{name}")
        assert isinstance(field, Input | Choice)
        text = field.value.strip()
        if name == "against":
            return None if text == ALL_PAPERS else text
        if name in _SWITCHES:
            return text == "yes"
        return None if name in _OPTIONAL and not text else text

    def _chosen(self) -> GenerateSettings:
        """The knobs as typed.

        Raises:
            UsageError: one will not do; it gets the focus.
        """
        knobs = self._knobs
        for name, label, hint in FIELDS:
            if name == "year":
                continue
            value = self._value(name)
            table = {**msgspec.to_builtins(knobs), name: value}
            try:
                knobs = msgspec.convert(table, GenerateSettings, strict=False)
            except msgspec.ValidationError:
                raise self._refused(name, f"{label}: {value!r} will not do; {hint}.") from None
        return knobs

    def _chosen_year(self) -> int | None:
        value = self._value("year")
        try:
            return None if value is None else int(str(value))
        except ValueError:
            raise self._refused("year", f"Year: {value!r} is no year.") from None

    def _refused(self, name: str, sentence: str) -> UsageError:
        self.query_one(f"#{name}", Input).focus()
        return UsageError(sentence)
