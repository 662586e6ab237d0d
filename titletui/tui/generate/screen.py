"""The Generate screen: write titles, star the good ones."""

import random
from typing import ClassVar

from msgspec.structs import replace
from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from titletui.errors import TitletuiError
from titletui.generation.protocol import Generate, Loaded, Prepare
from titletui.shortlist.records import Favourite
from titletui.text import display
from titletui.tui.generate.batch_columns import BatchColumns
from titletui.tui.generate.candidate_list import CandidateList
from titletui.tui.generate.candidate_row import CandidateRow
from titletui.tui.generate.sampling_bar import SamplingBar
from titletui.tui.generate.welcome import Welcome
from titletui.tui.title_screen import GetFavourite, TitleScreen
from titletui.tui.widgets.row_list import RowList
from titletui.tui.widgets.title_content import nearest_paper

NO_PAPERS = "No papers to compare with yet: 1 is where they are scraped and imported."


class PrefixInput(Input):
    """The beginning of the titles; enter writes them, down goes to the list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "generate", "generate", id="prefix.generate", tooltip="Write titles"),
        Binding("down", "screen.leave", "list", id="prefix.list", tooltip="To the list"),
    ]

    def action_generate(self) -> None:
        """Write titles; keys that follow go to the list, not into the prefix."""
        screen = self.screen
        assert isinstance(screen, GenerateScreen)
        screen.set_focus(None)
        screen.action_generate()


class GenerateScreen(TitleScreen):
    """A prefix and the sampling bar above, batches of candidates below."""

    CSS_PATH = "generate.tcss"
    AREA: ClassVar[str] = "Generate"
    HELP: ClassVar[str] = (
        "Type how a title begins and press enter; leave it empty to let the model begin.\n"
        "ppl is the perplexity: how surprised the model is at its own title. new, near and copy "
        "say how it stands to the papers of your corpora."
    )
    FOOTER: ClassVar[tuple[str, ...]] = (
        "generate.go", "prefix.generate", "generate.star", "title.edit", "generate.abstract",
        "generate.more",
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "generate", "generate", id="generate.go", tooltip="Write titles"),
        Binding("a", "abstract", "abstract", id="generate.abstract",
                tooltip="Write titles for an abstract"),
        Binding("m", "more", "more", id="generate.more",
                tooltip="top-p, top-k, length, seed, year, sort, what to hide and compare with"),
        Binding("slash", "prefix", "prefix", show=False, id="generate.prefix",
                tooltip="Go to the prefix"),
        Binding("p", "pick_model", "model", show=False, id="generate.model",
                tooltip="Choose the model"),
        Binding("r", "again", "roll again", show=False, id="generate.again",
                tooltip="The same once more, with another seed"),
        Binding("w", "sweep", "temperature sweep", show=False, id="generate.sweep",
                tooltip="The same prompt at several temperatures, side by side"),
        Binding("v", "versus", "compare models", show=False, id="generate.versus",
                tooltip="The same prompt with another model, side by side"),
        Binding("l", "like_this", "more like this", show=False, id="generate.like",
                tooltip="Titles that begin like this one; of several columns, to the right one"),
        Binding("N", "until_new", "until new ones", show=False, id="generate.until_new",
                tooltip="Keep going until as many new titles are there as the count says"),
        Binding("escape", "stop", "stop", show=False, id="generate.stop",
                tooltip="Stop writing; from an input, back to the list"),
        Binding("plus,equals_sign", "temperature(0.1)", "hotter", show=False,
                id="generate.hotter", tooltip="Raise the temperature"),
        Binding("minus", "temperature(-0.1)", "cooler", show=False, id="generate.cooler",
                tooltip="Lower the temperature"),
        Binding("greater_than_sign", "count(1)", "more titles", show=False,
                id="generate.count_up", tooltip="More titles at once"),
        Binding("less_than_sign", "count(-1)", "fewer titles", show=False,
                id="generate.count_down", tooltip="Fewer titles at once"),
        Binding("s", "sort", "sort", show=False, id="generate.sort",
                tooltip="Sort by arrival, agreement, perplexity, novelty, length or taste"),
        Binding("h", "hide_copies", "hide copies", show=False, id="generate.copies",
                tooltip="Hide copies of papers, near ones too, or show them; "
                        "of several columns, to the left one"),
        Binding("d", "hide_repeats", "hide seen", show=False, id="generate.repeats",
                tooltip="Hide or show titles that were seen before"),
        Binding("space", "star", "star", id="generate.star",
                tooltip="Star the title, or unstar it"),
        Binding("left_square_bracket", "walk(-1)", "batch before", show=False,
                id="generate.before", tooltip="The batch before"),
        Binding("right_square_bracket", "walk(1)", "next batch", show=False, id="generate.next",
                tooltip="The next batch"),
        Binding("right", "column(1)", "next column", show=False, id="generate.right",
                tooltip="To the column on the right"),
        Binding("left", "column(-1)", "column before", show=False, id="generate.left",
                tooltip="To the column on the left"),
    ]  # fmt: skip

    prefix = getters.query_one("#prefix", Input)
    sampling = getters.query_one(SamplingBar)
    batches = getters.query_one(BatchColumns)
    nearest = getters.query_one("#nearest", Static)

    def __init__(self) -> None:
        super().__init__()
        self._model_requested = False

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="prompt"):
            with Horizontal(id="prefix-row"):
                yield Static("Prefix", id="prefix-label")
                prefix = display(self.app.settings.generate.prefix)
                yield PrefixInput(prefix, id="prefix", max_length=400)
            yield SamplingBar()
        yield BatchColumns()
        if self.app.settings.welcome:
            yield Welcome()
        yield Static(id="nearest", classes="-blank")

    async def on_mount(self) -> None:
        (self.prefix if self.app.settings.welcome else self.batches.current.candidates).focus()
        self.call_after_refresh(self.batches.walk, 0)
        self._apply_view()
        self.watch_library()
        self.watch_papers()

    def on_screen_resume(self) -> None:
        # The settings dialog may have changed them meanwhile.
        self.sampling.redraw()

    def main_widget(self) -> Widget | None:
        return self.batches.current.candidates

    def show_item(self, name: str, action: str = "") -> None:
        """Use the model `name`; with the action `like`, write titles like the title `name`."""
        if action == "like":
            self._write_like(name)
        elif name:
            self.use_model(name)
        self.prefix.focus()

    # --- writing titles

    def request(self, model: str = "", **changes: float | None) -> Generate:
        """Build a request from the settings and the prefix, with `changes` of the sampling."""
        settings = self.app.settings.generate
        return Generate(
            id=self.app.next_request_id(),
            model=model or settings.model,
            prefix=self.prefix.value,
            abstract=self.sampling.abstract,
            year=self.sampling.year,
            count=settings.count,
            sampling=replace(settings.sampling, **changes),
        )

    def write(self, requests: list[tuple[str, Generate]], until_new: int = 0) -> None:
        """Write one batch for each request; see `BatchColumns.write`."""
        self._finish_welcome_step(1)
        self.batches.write(requests, until_new)

    def action_generate(self) -> None:
        """Write titles with the settings as they are."""
        self.write([("", self.request())])

    def action_again(self) -> None:
        """Write once more, with another seed."""
        self.write([("", self.request(seed=None))])

    def action_sweep(self) -> None:
        """Write at several temperatures, side by side."""
        temperatures = map(float, self.app.settings.generate.sweep.split())
        self.write([(f"t {t:.2f}", self.request(temperature=t)) for t in temperatures])

    def action_until_new(self) -> None:
        """Write until there are as many new titles as the count says."""
        self.write([("", self.request(seed=None))], until_new=self.app.settings.generate.count)

    def action_like_this(self) -> None:
        """Write titles that begin like the highlighted one; go right between columns."""
        if len(self.batches.columns) > 1:
            self.batches.focus_column(1)
        elif text := self.title_text():
            self._write_like(text)

    def _write_like(self, text: str) -> None:
        """Write titles that begin with the first one to three words of `text`."""
        words = text.split()
        self.prefix.value = " ".join(words[: max(1, min(3, len(words) // 2))])
        self.action_generate()

    def action_prefix(self) -> None:
        """Go to the prefix."""
        self.prefix.focus()

    async def action_stop(self) -> None:
        """Stop writing; from an input, go back to the list."""
        if self.typing:
            self.action_leave()
        elif await self.batches.stop():
            self.app.say("Stopped; the titles so far are kept.")

    # --- the model

    def use_model(self, name: str) -> None:
        """Choose the model and have it loaded."""
        self.app.settings.generate.model = name
        self._load_model()
        self.app.show_model(name)
        self.sampling.redraw()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Load the model when a prefix is first typed, before enter is pressed."""
        if event.input.id == "prefix" and event.value != self.app.settings.generate.prefix:
            self.app.settings.generate.prefix = event.value
            if not self._model_requested:
                self._load_model()

    @work(group="prepare", exclusive=True)
    async def _load_model(self) -> None:
        """Have the server load the model; an error is shown when titles are requested."""
        self._model_requested = True
        request = Prepare(id=self.app.next_request_id(), model=self.app.settings.generate.model)
        async for answer in self.app.generator.prepare(request):
            if isinstance(answer, Loaded):
                self.app.show_model(f"{answer.model} · {answer.device}")

    # --- sampling, sorting, filtering

    def action_temperature(self, change: float) -> None:
        """Raise or lower the temperature."""
        self.sampling.change_temperature(change)

    def action_count(self, step: int) -> None:
        """Ask for more or fewer titles at once."""
        self.sampling.change_count(step)

    def action_sort(self) -> None:
        """Sort in the next order."""
        self.sampling.next_sort()
        self._apply_view()

    def action_hide_copies(self) -> None:
        """Hide copies of papers, then near ones too, then neither; go left between columns."""
        if len(self.batches.columns) > 1:
            self.batches.focus_column(-1)
            return
        self.sampling.next_novelty_filter()
        self._apply_view()

    def action_hide_repeats(self) -> None:
        """Hide or show what was seen before."""
        self.sampling.toggle_repeats()
        self._apply_view()

    def _apply_view(self) -> None:
        """Sort and filter the batches as the settings say."""
        if self.app.settings.generate.sort == "taste":
            self._sort_by_preference()
        self.sampling.redraw()
        self.batches.rearrange()

    @work(group="preference", exclusive=True)
    async def _sort_by_preference(self) -> None:
        """Fit the preference model and sort by its score; where it cannot be, by arrival."""
        if not await self.batches.fit_preference():
            self.app.settings.generate.sort = "arrival"
        self.sampling.redraw()
        self.batches.rearrange()

    # --- batches and their titles

    def action_walk(self, step: int) -> None:
        """Show the batch before or after."""
        self.batches.walk(step)

    def action_column(self, step: int) -> None:
        """Go to the column at the left or right."""
        self.batches.focus_column(step)

    def action_star(self) -> None:
        """Star the highlighted title, or unstar it."""
        self.batches.toggle_star()

    def on_row_list_chosen(self) -> None:
        self.batches.toggle_star()

    def title_list(self) -> RowList[CandidateRow]:
        return self.batches.current.candidates

    def title_text(self) -> str:
        row = self.batches.current.row
        return row.shown_text if row else ""

    def favourite_getter(self) -> GetFavourite | None:
        column, place = self.batches.current, self.batches.current.place
        if place is None:
            return None

        async def star() -> Favourite | None:
            return await self.batches.star(column, place)

        return star

    async def judge_titles(self, *, quiet: bool = False) -> None:
        await super().judge_titles(quiet=quiet)
        for column in self.batches.columns:
            await self.batches.judge(column)

    async def refresh_titles(self) -> None:
        await self.batches.refresh_stars()

    def on_row_list_highlighted(self, event: RowList.Highlighted) -> None:
        if event.row_list is self.batches.current.candidates:
            self._show_nearest(self.batches.current.row)

    def on_descendant_focus(self) -> None:
        if isinstance(self.focused, CandidateList):
            self._show_nearest(self.batches.current.row)

    def _show_nearest(self, row: CandidateRow | None) -> None:
        """Show the paper that is most like the candidate."""
        content = self._nearest(row)
        self.nearest.set_class(not content, "-blank")
        self.nearest.update(content)

    def _nearest(self, row: CandidateRow | None) -> Content:
        if row is None or (row.novelty is None and self.batches.current.live_batch.running):
            return Content("")
        if row.novelty is None:
            return Content.styled(NO_PAPERS, "$foreground 60%")
        if not row.novelty.title:
            return Content.styled("No paper has words in common with it.", "$foreground 60%")
        return nearest_paper(row.novelty)

    # --- the first minute

    def on_batch_columns_written(self) -> None:
        self._finish_welcome_step(2)

    def on_batch_columns_starred(self) -> None:
        self._finish_welcome_step(3)

    def _finish_welcome_step(self, step: int) -> None:
        """Tick off the welcome's steps up to `step`; after the third it never shows again."""
        for welcome in self.query(Welcome):
            welcome.done = max(welcome.done, step)
            if step == 3:
                self.app.settings.welcome = False
                self.app.call_later(self.app.save_changed_settings)
                welcome.remove()

    # --- dialogs

    @work(group="dialog")
    async def action_pick_model(self) -> None:
        """Ask for the model."""
        from titletui.tui.generate.model_dialog import ModelDialog

        name = await self.app.push_screen_wait(ModelDialog())
        if name:
            self.use_model(name)

    @work(group="dialog")
    async def action_versus(self) -> None:
        """Ask for a second model and write with both, side by side."""
        from titletui.tui.generate.model_dialog import ModelDialog

        settings = self.app.settings.generate
        other = await self.app.push_screen_wait(ModelDialog(f"Compare {settings.model} with"))
        if other:
            seed = settings.seed if settings.seed is not None else random.getrandbits(31)
            names = (settings.model, other)
            self.write([(name, self.request(model=name, seed=seed)) for name in names])

    @work(group="dialog")
    async def action_abstract(self) -> None:
        """Ask for an abstract and write titles for it."""
        from titletui.tui.generate.abstract_dialog import AbstractDialog, UntrainedDialog

        settings, answer = self.app.settings.generate, ""
        text = await self.app.push_screen_wait(AbstractDialog(self.sampling.abstract))
        if text is None:
            return
        if text and not await self._can_use_abstract():
            answer = await self.app.push_screen_wait(UntrainedDialog(settings.model))
            if answer == "cancel":
                return
            if answer == "starter":
                self.use_model("starter")
            else:
                text = ""
        self.sampling.abstract = text
        self.sampling.redraw()
        if text or answer:
            self.action_generate()

    async def _can_use_abstract(self) -> bool:
        """Whether the model was trained to write titles for abstracts, or may have been."""
        from titletui.models.prompts import task_warning
        from titletui.models.registry import find_model

        model = self.app.settings.generate.model
        try:
            found = await self.app.files.run(lambda home: find_model(home, model))
        except TitletuiError:
            return True  # The server shows what is wrong with the model.
        return "unused" not in task_warning(found.tasks, abstract="an abstract")

    @work(group="dialog")
    async def action_more(self) -> None:
        """Ask for the settings that are changed less often."""
        from titletui.tui.generate.sampling_dialog import SamplingDialog

        dialog = SamplingDialog(self.app.settings.generate, self.sampling.year)
        chosen = await self.app.push_screen_wait(dialog)
        if chosen is not None:
            self.app.settings.generate, self.sampling.year = chosen
            self._apply_view()
