"""Ask for the sampling parameters, the order of candidates and what to hide."""

import contextlib
from typing import ClassVar

import msgspec
from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from titletui.errors import TitletuiError, UsageError
from titletui.settings import Field, GenerateSettings, fields
from titletui.text import display
from titletui.tui.app_base import AppBase
from titletui.tui.dialogs.base import Dialog
from titletui.tui.widgets.form import Form

ALL_PAPERS = "all papers"
YEAR = Field(
    name="year",
    doc="For models that were trained with years; empty for none.",
    kind="whole number",
    range="a year or empty",
    type=int | None,
    optional=True,
)
LABELS = {
    "top_p": "Top-p",
    "top_k": "Top-k",
    "hide_above": "Hide ppl over",
    "hide_repeats": "Hide repeats",
}
ORDER = (
    "top_p", "top_k", "length", "seed", "year", "temperature", "count", "sweep", "against", "sort",
    "hide_copies", "hide_near", "hide_above", "hide_longer", "hide_repeats",
)  # fmt: skip


class SamplingDialog(Dialog[tuple[GenerateSettings, int | None] | None]):
    """A form over the settings of the Generate screen, and the year.

    Dismissed with the settings and the year, or with None.
    """

    DEFAULT_CSS = """
    SamplingDialog Form SettingRow > * { width: 27; }
    SamplingDialog VerticalScroll { height: auto; max-height: 64vh; }
    SamplingDialog.-low VerticalScroll { max-height: 55vh; }
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
    form = getters.query_one(Form)
    hint = getters.query_one("#hint", Static)

    def __init__(self, settings: GenerateSettings, year: int | None) -> None:
        super().__init__()
        self._settings = settings
        self._year = year

    def compose(self) -> ComposeResult:
        schema = {field.name: field for field in (*fields(GenerateSettings), YEAR)}
        against = self._settings.against or ALL_PAPERS
        choices = tuple(dict.fromkeys((ALL_PAPERS, against)))
        schema["against"] = msgspec.structs.replace(schema["against"], choices=choices)
        values = msgspec.structs.asdict(self._settings)
        values |= {"year": self._year, "against": against}
        with Vertical(classes="dialog") as box:
            box.border_title = "More"
            box.border_subtitle = "enter keep · ↑↓ move · ←→ choose · escape cancel"
            with VerticalScroll(can_focus=False):
                yield Form([schema[name] for name in ORDER], values, labels=LABELS)
            yield Static(id="hint", markup=False)

    def on_mount(self) -> None:
        self.form.control(ORDER[0]).focus()
        self._offer_corpora()

    @work
    async def _offer_corpora(self) -> None:
        """Offer all corpora to compare with; where they cannot be read, the present one."""
        with contextlib.suppress(TitletuiError):
            corpora = await self.app.corpora.run(lambda store: store.corpora())
            self.form.offer("against", [ALL_PAPERS, *(one.name for one in corpora)])

    def on_descendant_focus(self) -> None:
        self._show_hint()

    def on_form_changed(self) -> None:
        self._show_hint()

    def on_input_submitted(self) -> None:
        self.action_keep()

    def action_keep(self) -> None:
        """Dismiss with the values, or show which one is not allowed."""
        try:
            values = self.form.values()
        except UsageError as error:
            self._show_hint(str(error))
            return
        year = values.pop("year")
        assert isinstance(year, int | None)
        if values["against"] == ALL_PAPERS:
            values["against"] = None
        self.dismiss((msgspec.structs.replace(self._settings, **values), year))

    def _show_hint(self, problem: str = "") -> None:
        """Show what is wrong, or what the focused field means."""
        field = self.form.focused_field
        self.hint.update(f"✕ {display(problem)}" if problem else field.doc if field else "")
        self.hint.set_class(bool(problem), "-refused")
