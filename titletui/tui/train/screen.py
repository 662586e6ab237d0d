"""Runs: start, watch, stop, resume."""

from collections.abc import Awaitable, Callable
from typing import ClassVar, TypeVar

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Static

from titletui.errors import TitletuiError
from titletui.jobs import launch
from titletui.jobs.job import Job, State
from titletui.shortlist.export import SHORTLIST
from titletui.text import display
from titletui.tui.list_screen import ListScreen
from titletui.tui.train.run_list import RunList
from titletui.tui.train.run_panel import RunPanel
from titletui.tui.train.run_status import RunReader, RunRow, RunSnapshot
from titletui.tui.widgets.empty_state import EmptyState, keyed
from titletui.tui.worker_thread import WorkerThread

_WINDOWS = (1.0, 0.5, 0.1)
_HOW = "`n` fine-tunes a model on the titles of a corpus"

T = TypeVar("T")


class TrainScreen(ListScreen):
    """The runs on the left; on the right how the highlighted one goes."""

    AREA: ClassVar[str] = "Train"
    HELP: ClassVar[str] = (
        "A run fine-tunes a model on the titles of a corpus. It goes on without the app and can be "
        "stopped and resumed.\n\n"
        "The loss is nats per title token, the end token included; prompts do not count. The bold "
        "line is its average, the dim band the loss of each step, the circles the loss on papers "
        "kept from training (● the best). Excess is the loss above what is left when all titles "
        "are memorized; under 0.10, below the dashed line, the model repeats them. ✕ at the "
        "bottom: a loss that was no number; ↓: one of exactly 0."
    )
    FOOTER_EMPTY: ClassVar[tuple[str, ...]] = ("train.new", "corpus")
    CSS_PATH = "train.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new_run", "new", id="train.new", tooltip="Fine-tune a model"),
        Binding("space", "stop_or_resume", "stop/resume", id="train.stop",
                tooltip="Stop this run after its step, or go on with it"),
        Binding("y", "log_axis", "log/linear", id="train.axis",
                tooltip="Logarithmic or linear loss axis"),
        Binding("enter", "generate", "generate", id="train.generate",
                tooltip="Write titles with this run's model"),
        Binding("x", "delete", "delete", id="train.delete", tooltip="Delete this run (asks)"),
        Binding("C", "continue_run", "continue", show=False, id="train.continue",
                tooltip="Train this run's model further, on the same or another corpus"),
        Binding("v", "compare", "compare", show=False, id="train.compare",
                tooltip="Pin this run and show the others beside it; again: unpin"),
        Binding("o", "go_on", "go on", show=False, id="train.go_on",
                tooltip="Send the warning away and go on"),
        Binding("R", "rename", "rename", show=False, id="train.rename",
                tooltip="Give this run another name"),
        Binding("z", "window", "last steps", show=False, id="train.zoom",
                tooltip="Show all steps, the last half or the last tenth"),
        Binding("f", "full_screen", "full screen", show=False, id="train.full",
                tooltip="Show the chart on the whole screen, or the list and the titles again"),
        Binding("left", "cursor(-1)", "earlier step", show=False, id="train.cursor_left",
                tooltip="Read the losses at an earlier step"),
        Binding("right", "cursor(1)", "later step", show=False, id="train.cursor_right",
                tooltip="Read the losses at a later step"),
        Binding("plus,equals_sign", "zoom(0.5)", "zoom in", show=False, id="train.zoom_in",
                tooltip="Show half as many steps, around the crosshair"),
        Binding("minus", "zoom(2.0)", "zoom out", show=False, id="train.zoom_out",
                tooltip="Show twice as many steps"),
        Binding("shift+left", "pan(-0.5)", "pan left", show=False, id="train.pan_left",
                tooltip="Show earlier steps"),
        Binding("shift+right", "pan(0.5)", "pan right", show=False, id="train.pan_right",
                tooltip="Show later steps"),
        Binding("left_square_bracket", "preview(-1)", "Earlier titles", show=False,
                key_display="[", id="train.earlier", tooltip="The titles that it wrote before"),
        Binding("right_square_bracket", "preview(1)", "Later titles", show=False,
                key_display="]", id="train.later", tooltip="The titles that it wrote after"),
        Binding("i", "figures", "figures", show=False, id="train.figures",
                tooltip="All figures of this run, its recipe and its words"),
        Binding("L", "log", "log", show=False, id="train.log",
                tooltip="How it ended and the last lines of its log"),
    ]  # fmt: skip

    THING = "run"
    LOOK = 0.5

    runs = getters.query_one("#runs", RunList)
    panel = getters.query_one("#run", RunPanel)
    nothing = getters.query_one("#nothing", EmptyState)

    def __init__(self) -> None:
        super().__init__()
        self._watch: WorkerThread[RunReader] | None = None
        self._shown: dict[str, RunSnapshot] = {}

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="columns"):
            with Vertical(id="left"):
                yield Static("Runs", classes="heading")
                yield RunList(id="runs")
            yield RunPanel(id="run")
        yield EmptyState("No run yet", keyed(_HOW), id="nothing")

    def on_mount(self) -> None:
        root = self.app.home.jobs
        self._watch = WorkerThread("runs", lambda: RunReader(root))

    def main_widget(self) -> Widget | None:
        return self.runs

    def show_item(self, name: str, action: str = "") -> None:
        """Highlights the run `name`, or does `action`; `new_run_on` takes a corpus.

        A run on the shortlist goes on from the run whose titles are being written.
        """
        if action == "new_run_on":
            model = self.app.settings.generate.model if name == SHORTLIST else ""
            known = model and (self.app.home.jobs / "run" / model.partition("@")[0]).is_dir()
            self._new_run(corpus=name, parent=model if known else "")
            return
        super().show_item(name, action)

    # --- what is shown

    @property
    def chosen(self) -> RunRow | None:
        """The highlighted run."""
        return self.runs.row

    async def read(self) -> None:
        """Reads the runs and shows them."""
        if self._watch is None:
            return
        wrong = ""
        try:
            names = {name for name in (self.wanted, self.runs.pinned) if name}
            if self.chosen:
                names.add(self.chosen.name)
            lines, shown = await self._watch.run(lambda watch: watch.look(names))
        except TitletuiError as error:
            lines, shown, wrong = [], {}, display(str(error))
        if self.gone:
            return
        self._shown = shown
        if wrong:
            self.nothing.say("The runs cannot be read", wrong)
        else:
            self.nothing.say("No run yet", keyed(_HOW))
        self.show_empty(not lines)
        self._show_list(lines)
        self._show_run()

    def _show_list(self, lines: list[RunRow]) -> None:
        if list(self.runs.rows) == lines and not self.wanted:
            return
        names = [line.name for line in lines]
        if [line.name for line in self.runs.rows] == names and not self.wanted:
            for at, (old, new) in enumerate(zip(self.runs.rows, lines, strict=True)):
                if old != new:
                    self.runs.replace(at, new)
            return
        name = self.wanted or (self.chosen.name if self.chosen else "")
        place = names.index(name) if name in names else 0
        if name == self.wanted and name in names:
            self.wanted = ""
        self.runs.show(lines, place)

    def _show_run(self) -> None:
        line = self.chosen
        shown = self._shown.get(line.name) if line else None
        if shown is not None:
            self.panel.show(shown, self._shown.get(self.runs.pinned))

    async def on_row_list_highlighted(self, event: RunList.Highlighted) -> None:
        event.stop()
        line = self.chosen
        if line is not None and line.name not in self._shown:
            await self.look(always=True)
        else:
            self._show_run()

    def on_row_list_chosen(self, event: RunList.Chosen) -> None:
        event.stop()
        self.action_generate()

    # --- looking

    def action_log_axis(self) -> None:
        """Switch between a logarithmic and a linear loss axis."""
        self.panel.chart.change_view(log=not self.panel.chart.view.log)

    def action_window(self) -> None:
        """Show all steps, the last half, or the last tenth."""
        wider = [window for window in _WINDOWS if window < self.panel.chart.view.window]
        self.panel.chart.change_view(window=wider[0] if wider else 1.0, back=0.0, cursor=None)

    def action_full_screen(self) -> None:
        """Show the chart alone, or everything again."""
        self.toggle_class("-full")

    def action_cursor(self, columns: int) -> None:
        """Move the crosshair."""
        self.panel.chart.move_cursor(columns)

    def action_zoom(self, factor: float) -> None:
        """Show fewer or more steps."""
        self.panel.chart.zoom(factor)

    def action_pan(self, share: float) -> None:
        """Show earlier or later steps."""
        self.panel.chart.pan(share)

    def action_leave(self) -> None:
        """Hide the crosshair, then leave the full screen."""
        if self.panel.chart.view.cursor is not None:
            self.panel.chart.change_view(cursor=None)
        else:
            self.remove_class("-full")
            super().action_leave()

    def action_preview(self, by: int) -> None:
        """Walks through what it wrote at earlier steps."""
        self.panel.walk_previews(by)

    def action_go_on(self) -> None:
        """Sends the banner of this run away; border and title keep their colour."""
        if self.chosen:
            self.panel.accept_signs()
            self._show_run()

    async def action_compare(self) -> None:
        """Pins this run, or unpins the one that is pinned."""
        if self.chosen is None:
            return
        if self.runs.pinned:
            self.runs.pinned = ""
        else:
            self.runs.pinned = self.chosen.name
            self.app.say(f"{self.chosen.name} stays in the chart: go to another run. v ends it.")
        self.runs.show(list(self.runs.rows), self.runs.highlighted)
        await self.look(always=True)

    async def action_figures(self) -> None:
        """All figures of this run, its recipe, its words."""
        from titletui.tui.train.metrics_dialog import MetricsDialog

        _, shown = await self._chosen_and_shown()
        if shown is not None:
            self.app.push_screen(MetricsDialog(shown))

    def action_log(self) -> None:
        """The last lines of the log, to read and to copy."""
        from titletui.tui.train.log_dialog import LogDialog

        if self.chosen:
            self.app.push_screen(LogDialog(self._job(self.chosen)))

    # --- doing

    def action_new_run(self) -> None:
        """Asks for a recipe and starts a run."""
        self._new_run()

    async def action_continue_run(self) -> None:
        """A new run that goes on from this one's model."""
        line, shown = await self._chosen_and_shown()
        if line is None or shown is None:
            return
        if line.state.alive:
            self.app.say(f"{line.name} still runs; it can be continued when it is done.", "warning")
        elif not shown.view.checkpoints and line.state is not State.DONE:
            self.app.say(f"{line.name} has no model yet; n starts a new run.", "warning")
        else:
            plan = shown.view.spec
            self._new_run(corpus=plan.corpus if plan else "", parent=line.name)

    @work(group="new")
    async def _new_run(self, corpus: str = "", parent: str = "") -> None:
        from titletui.tui.train.new_run_dialog import NewRunDialog

        name = await self.app.push_screen_wait(NewRunDialog(corpus=corpus, parent=parent))
        if name is not None:
            self.wanted = name
            self.app.say(f"{name} trains; it goes on without the app.")
            await self.look(always=True)

    @work(exclusive=True, group="stop")
    async def action_stop_or_resume(self) -> None:
        """Stops this run at the end of its step, or goes on with it."""
        from titletui.training.launch.runs import resume_run

        line = self.chosen
        if line is None:
            return
        home, name, job = self.app.home, line.name, self._job(line)
        state = await self.app.files.run(lambda _: job.state)
        if state is State.DONE:
            self.app.say(f"{name} is done; C trains its model further, as a new run.")
        elif state.alive:
            await self._said(lambda: launch.stop(job))
            self.app.say(f"{name} stops after this step and keeps a checkpoint.")
        else:
            await self._said(lambda: resume_run(home, name))
        await self.look(always=True)

    @work(exclusive=True, group="generate")
    async def action_generate(self) -> None:
        """Goes to Generate with this run's model; its best checkpoint is offered."""
        line, shown = await self._chosen_and_shown()
        if line is None or shown is None:
            return
        view = shown.view
        if not view.checkpoints and line.state is not State.DONE:
            self.app.say(f"{line.name} has no checkpoint yet; wait for its first.", "warning")
            return
        model: str | None = line.name
        best = view.best
        if best is not None and best[0] != view.step and best[0] in view.checkpoints:
            from titletui.tui.train.checkpoint_dialog import CheckpointDialog

            last = view.checkpoints[-1]
            model = await self.app.push_screen_wait(CheckpointDialog(line.name, best, last))
        if model is not None:
            self.app.call_later(self.app.open_mode, "generate", model)

    @work(group="edit")
    async def action_delete(self) -> None:
        """Deletes this run, after a question."""
        from titletui.tui.dialogs.confirm import ConfirmDialog

        job = self._resting()
        if job is None:
            return
        consequence = (
            "Its model, its checkpoints, its log and its copy of the papers go, and cannot be "
            "brought back. Titles that it wrote and the shortlist stay."
        )
        question = ConfirmDialog(f"Delete the run {job.name}?", consequence, "delete")
        if await self.app.push_screen_wait(question):
            if self.runs.pinned == job.name:
                self.runs.pinned = ""
            await self._said(job.delete)
            await self.look(always=True)

    @work(group="edit")
    async def action_rename(self) -> None:
        """Gives this run another name."""
        from titletui.paths import checked_name
        from titletui.tui.dialogs.prompt import PromptDialog

        job = self._resting()
        if job is None:
            return
        dialog = PromptDialog(
            f"Rename {job.name}", job.name, check=lambda text: checked_name(text, "run name")
        )
        name = await self.app.push_screen_wait(dialog)
        if name is not None and name != job.name:
            if await self._said(lambda: job.rename(name)) is not None:
                self.wanted = name
            await self.look(always=True)

    def _resting(self) -> Job | None:
        """The chosen run; None, which is said, while it runs."""
        line = self.chosen
        if line is None:
            return None
        if line.state.alive:
            self.app.say(f"{line.name} is running; stop it first (space).", "warning")
            return None
        return self._job(line)

    def _job(self, line: RunRow) -> Job:
        return Job(self.app.home.jobs / "run" / line.name)

    async def _chosen_and_shown(self) -> tuple[RunRow | None, RunSnapshot | None]:
        line = self.chosen
        if line is not None and line.name not in self._shown:
            await self.look(always=True)
        return line, self._shown.get(line.name) if line else None

    async def _said(self, deed: Callable[[], T]) -> T | None:
        """What `deed` gives, done in a thread; None after an error, which is shown."""
        answer: Awaitable[T] = self.app.files.run(lambda _: deed())
        try:
            return await answer
        except TitletuiError as error:
            self.app.show_error(error)
            return None
