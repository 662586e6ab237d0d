"""Ask for a model."""

from typing import ClassVar

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from titletui.errors import TitletuiError
from titletui.jobs.job import list_jobs
from titletui.models.checkpoints import checkpoint_steps
from titletui.models.registry import ModelInfo, find_model, list_models
from titletui.paths import Home
from titletui.text import display
from titletui.tui.app_base import AppBase
from titletui.tui.dialogs.base import Dialog
from titletui.tui.widgets.row_list import RowList

_ORDER = {"run": 0, "starter": 1, "folder": 2, "hub": 3}


class ModelList(RowList[ModelInfo]):
    """Name, tasks, number of parameters, kind."""

    def lines(self, row: ModelInfo, width: int) -> list[Content]:
        tasks = ", ".join(row.tasks) or "?"
        facts = Content.styled(
            f"{tasks:<26}{_size(row.parameters):>6}  {row.kind:<7}", "$foreground 60%"
        )
        room = max(8, width - facts.cell_length - 1)
        name = Content(display(row.name)).truncate(room, ellipsis=True)
        return [Content.assemble(name.pad_right(room - name.cell_length), " ", facts)]


class ModelInput(Input):
    """Filters the list; a folder or a hub id may be typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "screen.go(1)", "down", id="model.down", tooltip="Next model"),
        Binding("up", "screen.go(-1)", "up", id="model.up", tooltip="Model before"),
    ]


class ModelDialog(Dialog[str | None]):
    """Dismissed with a model's name, or None."""

    DEFAULT_CSS = """
    ModelDialog ModelList { margin: 1 0 0 0; }
    ModelDialog #said { height: auto; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "cancel", id="model.cancel", tooltip="Keep the model"),
    ]
    app = getters.app(AppBase)
    models = getters.query_one(ModelList)
    typed = getters.query_one(Input)
    said = getters.query_one("#said", Static)

    def __init__(self, title: str = "Model") -> None:
        super().__init__()
        self._title = title
        self._known: list[ModelInfo] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = self._title
            box.border_subtitle = "enter choose · ↑↓ move · escape cancel"
            yield ModelInput(placeholder="part of a name, run@step, a folder or a hub id")
            yield ModelList()
            yield Static("Looking for models…", id="said", markup=False)

    def on_mount(self) -> None:
        self.typed.focus()
        self.models.can_focus = False
        self._find()

    @work
    async def _find(self) -> None:
        try:
            self._known = await self.app.files.run(_models)
        except TitletuiError as error:
            self.said.update(display(str(error)))
            return
        self._filter()

    def _filter(self) -> None:
        words = self.typed.value.lower().split()
        shown = [one for one in self._known if all(word in one.name.lower() for word in words)]
        if not self.typed.value:
            shown = [one for one in shown if "@" not in one.name]
        self.models.show(shown)
        self.said.update("" if shown else "No model of that name here; enter tries it as typed.")

    def on_input_changed(self) -> None:
        self._filter()

    def action_go(self, rows: int) -> None:
        """Move the highlight."""
        self.models.action_go(rows)

    def on_row_list_chosen(self) -> None:
        self._choose()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._choose()

    @work(exclusive=True, group="choose")
    async def _choose(self) -> None:
        picked, typed = self.models.row, self.typed.value.strip()
        if picked is not None:
            self.dismiss(picked.name)
            return
        try:
            found = await self.app.files.run(lambda home: find_model(home, typed))
        except TitletuiError as error:
            self.said.update(f"✕ {display(str(error))}")
            return
        self.dismiss(found.name)


def _models(home: Home) -> list[ModelInfo]:
    """Return all models, runs first, each run followed by its checkpoints."""
    checkpoints = {job.name: checkpoint_steps(job) for job in list_jobs(home.jobs, "run")}
    found: list[ModelInfo] = []
    for one in sorted(list_models(home), key=lambda one: _ORDER.get(one.kind, 9)):
        found.append(one)
        found += [
            ModelInfo(
                name=f"{one.name}@{step}", kind="run", tasks=one.tasks, parameters=one.parameters
            )
            for step in reversed(checkpoints.get(one.name, []) if one.kind == "run" else [])
        ]
    return found


def _size(parameters: int) -> str:
    if not parameters:
        return ""
    return f"{parameters / 1e9:.1f}B" if parameters >= 1e9 else f"{parameters / 1e6:.0f}M"
