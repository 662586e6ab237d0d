"""Titles: write them, look at them, star them."""

import random
from typing import ClassVar

from msgspec.structs import replace
from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static

from titletui.generation.protocol import Generate
from titletui.shortlist.records import BatchSettings
from titletui.text import display
from titletui.tui.generate.batch_column import BatchColumn
from titletui.tui.generate.batch_writer import Batch
from titletui.tui.generate.sampling_bar import Knobs
from titletui.tui.generate.sampling_keys import KnobsScreen
from titletui.tui.generate.welcome import Welcome

SWEEP = (0.5, 0.8, 1.1)


class PrefixInput(Input):
    """How the titles begin; enter writes them, down goes to the list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go", "generate", id="prefix.generate", tooltip="Write titles"),
        Binding("down", "screen.leave", "list", id="prefix.list", tooltip="To the list"),
    ]

    def action_go(self) -> None:
        """Writes titles; what is typed from now on is no part of the prefix."""
        screen = self.screen
        assert isinstance(screen, GenerateScreen)
        screen.set_focus(None)
        screen.action_generate()


class GenerateScreen(KnobsScreen):
    """Candidates from a model, one batch or several side by side."""

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
                tooltip="The same prompt at 0.5, 0.8 and 1.1, side by side"),
        Binding("v", "versus", "compare models", show=False, id="generate.versus",
                tooltip="The same prompt with another model, side by side"),
        Binding("l", "like_this", "more like this", show=False, id="generate.like",
                tooltip="Titles that begin like this one"),
        Binding("N", "until_new", "until new ones", show=False, id="generate.until_new",
                tooltip="Keep going until as many new titles are there as the count says"),
        Binding("escape", "stop", "stop", show=False, id="generate.stop",
                tooltip="Stop writing; from an input, back to the list"),
    ]  # fmt: skip

    prefix = getters.query_one("#prefix", Input)

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="prompt"):
            with Horizontal(id="prefix-row"):
                yield Static("Prefix", id="prefix-label")
                yield PrefixInput(display(self.chosen.prefix), id="prefix", max_length=400)
            yield Knobs()
        yield Horizontal(id="columns")
        if self.app.settings.welcome:
            yield Welcome()
        yield Static(id="nearest", classes="-silent")

    async def on_mount(self) -> None:
        self.show_knobs()
        await self.set_columns([BatchColumn(Batch(BatchSettings()))])
        (self.prefix if self.app.settings.welcome else self.column.candidates).focus()
        self.call_after_refresh(self.action_walk, 0)
        if self.chosen.sort == "taste":
            self.rank_by_taste()
        self.watch_library()

    def on_screen_resume(self) -> None:
        self.show_knobs()

    def show_item(self, name: str, action: str = "") -> None:
        """Uses the model `name`; with the action `like`, writes titles like the title `name`."""
        if action == "like":
            self.write_like(name)
        elif name:
            self.use_model(name)
        self.prefix.focus()

    # --- writing

    def on_input_changed(self, event: Input.Changed) -> None:
        """Whoever types a prefix is about to ask: the model is loaded meanwhile."""
        if event.input.id == "prefix" and event.value != self.chosen.prefix:
            self.chosen.prefix = event.value
            if not self._prepared:
                self.prepare()

    def action_generate(self) -> None:
        """Writes titles with the knobs as they stand."""
        self.write([("", self.request())])

    def action_again(self) -> None:
        """Writes once more, with another seed."""
        self.write([("", self.request(seed=None))])

    def action_sweep(self) -> None:
        """Writes at three temperatures, side by side."""
        self.write([(f"t {t:.2f}", self.request(temperature=t)) for t in SWEEP])

    def request(self, model: str = "", **changes: float | None) -> Generate:
        """What the knobs ask for, with `changes` of the sampling."""
        knobs = self.chosen
        return Generate(
            id=self.app.next_request_id(),
            model=model or knobs.model,
            prefix=self.prefix.value,
            abstract=self.abstract,
            year=self.year,
            count=knobs.count,
            sampling=replace(knobs.sampling, **changes),
        )

    async def action_stop(self) -> None:
        """Stops writing; from an input, goes back to the list."""
        if self.typing:
            self.action_leave()
        elif await self.stop():
            self.app.say("Stopped; the titles so far are kept.")

    def action_until_new(self) -> None:
        """Keeps writing until as many new titles are there as the count says."""
        self.write([("", self.request(seed=None))], until_new=self.chosen.count)

    def action_like_this(self) -> None:
        """Writes titles that begin like the highlighted one."""
        if text := self.title_text():
            self.write_like(text)

    def write_like(self, text: str) -> None:
        """Writes titles that begin with the first words of `text`."""
        words = text.split()
        self.prefix.value = " ".join(words[: max(1, min(3, len(words) // 2))])
        self.action_generate()

    def action_prefix(self) -> None:
        """Goes to the prefix."""
        self.prefix.focus()

    # --- dialogs

    @work(group="dialog")
    async def action_pick_model(self) -> None:
        """Asks for the model."""
        from titletui.tui.generate.model_dialog import ModelPicker

        name = await self.app.push_screen_wait(ModelPicker())
        if name:
            self.use_model(name)

    @work(group="dialog")
    async def action_versus(self) -> None:
        """Asks for a second model and writes with both, side by side."""
        from titletui.tui.generate.model_dialog import ModelPicker

        other = await self.app.push_screen_wait(ModelPicker(f"Compare {self.chosen.model} with"))
        if other:
            seed = self.chosen.seed if self.chosen.seed is not None else random.getrandbits(31)
            names = (self.chosen.model, other)
            self.write([(name, self.request(model=name, seed=seed)) for name in names])

    @work(group="dialog")
    async def action_abstract(self) -> None:
        """Asks for an abstract and writes titles for it."""
        from titletui.tui.generate.abstract_dialog import AbstractDialog

        text = await self.app.push_screen_wait(AbstractDialog(self.abstract))
        if text is None:
            return
        self.abstract = text
        self.show_knobs()
        if text:
            self.action_generate()

    @work(group="dialog")
    async def action_more(self) -> None:
        """Asks for the knobs that are turned less often."""
        from titletui.tui.generate.sampling_dialog import MoreDialog

        chosen = await self.app.push_screen_wait(MoreDialog(self.chosen, self.year))
        if chosen is not None:
            self.app.settings.generate = chosen.knobs
            self.year = chosen.year
            if self.chosen.sort == "taste":
                self.rank_by_taste()
            self.rearrange()
