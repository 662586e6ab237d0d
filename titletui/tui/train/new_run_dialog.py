"""What a new run is to do."""

import asyncio
import contextlib
from typing import ClassVar

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widgets import Button, Collapsible, Input

from titletui.corpus.paper import Paper
from titletui.errors import TitletuiError, UsageError
from titletui.settings import as_text
from titletui.shortlist.export import SHORTLIST, as_papers
from titletui.text import display
from titletui.training.estimate import Forecast, Question
from titletui.training.presets import DEFAULT, STARRED, override, preset, presets
from titletui.training.recipe import Recipe
from titletui.training.run_spec import MIN_PAPERS
from titletui.tui.app_base import AppBase
from titletui.tui.dialogs.base import Dialog
from titletui.tui.textual_patches.line_input import LineInput
from titletui.tui.textual_patches.static import StableStatic
from titletui.tui.train.estimate import lines, stream_forecasts
from titletui.tui.train.recipe_form import RecipeForm
from titletui.tui.widgets.choice import Choice
from titletui.tui.widgets.field import Field, Verdict

_PAUSE = 0.4
# Lines of a terminal that has room for the examples as well.
_ROOMY = 23

_NO_CORPUS = "There is no corpus to train on yet; scrape or import one first (1)."


class NewRunDialog(Dialog[str | None]):
    """Preset, corpus, base model, length, and all settings in a fold.

    Dismissed with the name of the run that was started.

    Args:
        corpus: chosen at first.
        parent: the run that it goes on from; becomes the base model.
    """

    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-low"), (24, "-high")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "cancel", id="new_run.cancel", tooltip="Start nothing"),
        Binding("ctrl+r", "start", "start", id="new_run.start", tooltip="Start the run"),
    ]
    app = getters.app(AppBase)

    preset = getters.query_one("#preset", Choice)
    corpus = getters.query_one("#corpus", Choice)
    base = getters.query_one("#base", Input)
    steps = getters.query_one("#steps", Input)
    epochs = getters.query_one("#epochs", Input)
    run_name = getters.query_one("#name", Input)
    form = getters.query_one(RecipeForm)

    def __init__(self, corpus: str = "", parent: str = "") -> None:
        super().__init__()
        self._corpus = corpus
        self._from = parent
        self._recipe = preset(STARRED if corpus == SHORTLIST else DEFAULT)
        self._starting = False
        self._starred: tuple[Paper, ...] = ()
        self._forecast: tuple[Question, Forecast] | None = None

    def compose(self) -> ComposeResult:
        recipe = self._recipe
        with Vertical(classes="dialog") as box:
            title = f"Continue {display(self._from)}" if self._from else "New run"
            box.border_title = Content(title).markup
            box.border_subtitle = "ctrl+r start · tab next · escape cancel"
            with VerticalScroll(id="fields", can_focus=False):
                yield Field("Preset", Choice(list(presets()), recipe.preset, id="preset"))
                known = [self._corpus] if self._corpus else []
                yield Field("Corpus", Choice(known, self._corpus, id="corpus"))
                base = self._from or recipe.base
                hint = "starter, a run, a folder or a hub id"
                yield Field("Base model", LineInput(base, id="base", placeholder=hint))
                yield Field(
                    "Steps",
                    LineInput(as_text(recipe.steps), id="steps", placeholder="by epochs"),
                    "or epochs",
                    LineInput(id="epochs"),
                )
                yield Field("Name", LineInput(id="name", placeholder="after the corpus"))
                yield Collapsible(title="All settings", collapsed=True)
            yield Verdict()
            yield StableStatic(id="estimate")
            yield Button("Start", variant="primary", id="start", compact=True)

    async def on_mount(self) -> None:
        self.preset.focus()
        self._fill(self._recipe)
        self._show_forecast(None)
        try:
            corpora = await self.app.corpora.run(lambda store: store.corpora())
            starred = await self.app.library.run(lambda library: library.favourites())
        except TitletuiError as error:
            self._say(str(error))
            return
        if self.gone():
            return
        filled = [corpus for corpus in corpora if corpus.papers]
        names = [corpus.name for corpus in filled]
        self._starred = as_papers(starred)
        if len(self._starred) >= MIN_PAPERS:
            names.append(SHORTLIST)
        latest = max(filled, key=lambda corpus: corpus.updated).name if filled else ""
        likely = (self._corpus, self.app.settings.corpus, latest)
        self.corpus.offer(names, next((name for name in likely if name in names), ""))
        if not names:
            self._say(_NO_CORPUS)
        self._suggest_models()
        self._check_soon()

    @work(exclusive=True, group="models")
    async def _suggest_models(self) -> None:
        from titletui.models.registry import list_models

        try:
            models = await self.app.files.run(list_models)
        except TitletuiError as error:
            self._say(str(error))
            return
        if self.gone():
            return
        self.base.suggester = SuggestFromList([model.name for model in models])

    async def on_collapsible_expanded(self, event: Collapsible.Expanded) -> None:
        """Makes the form when it is first looked at; so long a one would take its time to open."""
        if not self.query(RecipeForm):
            await event.collapsible.query_one(Collapsible.Contents).mount(RecipeForm(self._recipe))

    def on_choice_changed(self, event: Choice.Changed) -> None:
        if event.choice is self.preset:
            self._fill(preset(event.value))
        elif event.choice is self.corpus:
            few = event.value == SHORTLIST
            if self.preset.value == (DEFAULT if few else STARRED):
                self.preset.value = STARRED if few else DEFAULT
        self._check_soon()

    def on_input_changed(self, event: Input.Changed) -> None:
        for length, other in ((self.steps, self.epochs), (self.epochs, self.steps)):
            if event.input is length and length.value.strip():
                with self.prevent(Input.Changed):
                    other.clear()
        self._show_length()
        self._check_soon()

    def on_recipe_form_changed(self) -> None:
        self._check_soon()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_next()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.action_start()

    def _fill(self, recipe: Recipe) -> None:
        self._recipe = recipe
        with self.prevent(Input.Changed):
            self.base.value = self._from or recipe.base
            self.steps.value = as_text(recipe.steps)
            self.epochs.value = "" if recipe.steps else as_text(recipe.epochs)
        self._show_length()
        for form in self.query(RecipeForm):
            form.show(recipe)

    def _show_length(self) -> None:
        """Steps or epochs: the one that is empty says what holds instead."""
        epochs = as_text(self._recipe.epochs)
        self.epochs.placeholder = "by steps" if self.steps.value.strip() else epochs

    def recipe(self) -> Recipe:
        """The recipe as the form stands.

        Raises:
            UsageError: a value is impossible; the message names the field.
        """
        changes = {"steps": self.steps.value}
        if self.epochs.value.strip():
            changes["epochs"] = self.epochs.value
        for form in self.query(RecipeForm):
            changes |= form.changes()
        changes["base"] = self.base.value
        return override(self._recipe, changes)

    @work(exclusive=True, group="check")
    async def _check_soon(self) -> None:
        await asyncio.sleep(_PAUSE)
        if self.gone():
            return
        try:
            recipe = await self._checked()
        except TitletuiError as error:
            self._say(str(error))
            self._show_forecast(None)
            return
        if not self.gone():
            self._say("")
            await self._look_ahead(self._question(recipe))

    def _question(self, recipe: Recipe) -> Question:
        corpus = self.corpus.value
        return Question(corpus, recipe, self._starred if corpus == SHORTLIST else None)

    async def _look_ahead(self, question: Question) -> None:
        """Shows what the run would be, as far as it is known yet."""
        if self._forecast is None or self._forecast[0] != question:
            self._show_forecast(None)
            await asyncio.sleep(_PAUSE)
        async with contextlib.aclosing(stream_forecasts(question)) as answers:
            async for forecast in answers:
                self._forecast = question, forecast
                self._show_forecast(forecast)

    def _show_forecast(self, forecast: Forecast | None) -> None:
        for box in self.query("#estimate").results(StableStatic):
            width = max(20, box.content_size.width or 60)
            box.display = forecast is not None
            rows = lines(forecast, width) if forecast else []
            if forecast and self.app.size.height < _ROOMY:
                rows = rows[: len(rows) - len(forecast.shown)]
            box.update(Content("\n").join(rows))

    def on_unmount(self) -> None:
        self.workers.cancel_group(self, "check")

    async def _checked(self) -> Recipe:
        from titletui.models.registry import find_model

        recipe = self.recipe()
        if not self.corpus.value:
            raise UsageError(_NO_CORPUS)
        if not recipe.base:
            raise UsageError(f"The preset {recipe.preset} needs a base model: a folder or hub id.")
        if recipe.base != "new":
            await self.app.files.run(lambda home: find_model(home, recipe.base))
        return recipe

    def _say(self, wrong: str) -> None:
        # A check may end when the dialog is gone already.
        for verdict in self.query(Verdict):
            if wrong:
                verdict.refuse(wrong)
            else:
                verdict.say("")

    @work(group="start")
    async def action_start(self) -> None:
        """Starts the run, if everything in the form is possible."""
        from titletui.training.launch.runs import prepare_run, start_run

        if self._starting:
            return
        self._starting = True
        home, corpus, name = self.app.home, self.corpus.value, self.run_name.value.strip()
        try:
            recipe = await self._checked()
            question = self._question(recipe)
            if self._forecast is not None and self._forecast[0] == question:
                _refuse(self._forecast[1])
            job = await self.app.corpora.run(
                lambda store: start_run(
                    prepare_run(
                        home,
                        store,
                        corpus,
                        recipe,
                        name=name or None,
                        parent=self._from,
                        papers=question.papers,
                    )
                )
            )
        except TitletuiError as error:
            self._say(str(error))
            return
        finally:
            self._starting = False
        if corpus != SHORTLIST:
            self.app.settings.corpus = corpus
        self.dismiss(job.name)


def _refuse(forecast: Forecast) -> None:
    if forecast.problem:
        raise TitletuiError(forecast.problem)
