"""The knobs of the generator, and how what it wrote is sorted and hidden."""

from typing import ClassVar

from textual import getters, work
from textual.binding import Binding, BindingType

from titletui.errors import TitletuiError
from titletui.generation.protocol import Loaded, Prepare
from titletui.settings import CANDIDATE_SORTS, GenerateSettings
from titletui.tui.generate.batch_columns import BatchesScreen
from titletui.tui.generate.sampling_bar import Knobs

TEMPERATURES = (0.0, 5.0)
COUNTS = (1, 2, 3, 5, 10, 15, 20, 30, 50, 100, 200, 500, 1000)


class KnobsScreen(BatchesScreen):
    """Turns the knobs in the settings and shows them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("plus,equals_sign", "hotter", "hotter", show=False, id="generate.hotter",
                tooltip="Raise the temperature"),
        Binding("minus", "cooler", "cooler", show=False, id="generate.cooler",
                tooltip="Lower the temperature"),
        Binding("greater_than_sign", "greater", "more titles", show=False,
                id="generate.count_up", tooltip="More titles at once"),
        Binding("less_than_sign", "fewer", "fewer titles", show=False,
                id="generate.count_down", tooltip="Fewer titles at once"),
        Binding("s", "sort", "sort", show=False, id="generate.sort",
                tooltip="Sort by arrival, agreement, perplexity, novelty, length or taste"),
        Binding("h", "hide_copies", "hide copies", show=False, id="generate.copies",
                tooltip="Hide copies of papers, near ones too, or show them"),
        Binding("d", "hide_repeats", "hide seen", show=False, id="generate.repeats",
                tooltip="Hide or show titles that were seen before"),
    ]  # fmt: skip

    knobs = getters.query_one(Knobs)

    def __init__(self) -> None:
        super().__init__()
        self.abstract = ""
        self.year: int | None = None
        self._prepared = False

    def show_knobs(self) -> None:
        """Shows the knobs as they stand."""
        knobs, fresh = self.chosen, GenerateSettings()
        self.knobs.model = knobs.model
        self.knobs.temperature = knobs.temperature
        self.knobs.count = knobs.count
        also = [
            f"abstract of {len(self.abstract.split())} words" if self.abstract else "",
            f"year {self.year}" if self.year is not None else "",
            f"top-p {knobs.top_p:g}" if knobs.top_p != fresh.top_p else "",
            f"top-k {knobs.top_k}" if knobs.top_k else "",
            f"at most {knobs.length} tokens" if knobs.length != fresh.length else "",
            f"seed {knobs.seed}" if knobs.seed is not None else "",
            f"against {knobs.against}" if knobs.against else "",
            f"sorted by {knobs.sort}" if knobs.sort != "arrival" else "",
            *_hidden(knobs),
            "" if knobs.hide_repeats else "seen ones shown",
        ]
        self.knobs.also = " · ".join(filter(None, also))

    def use_model(self, name: str) -> None:
        """Chooses the model."""
        self.chosen.model = name
        self.prepare()
        self.app.show_model(name)
        self.show_knobs()

    @work(group="prepare", exclusive=True)
    async def prepare(self) -> None:
        """Has the model loaded before it is needed; what is wrong with it is told when it is."""
        self._prepared = True
        request = Prepare(id=self.app.next_request_id(), model=self.chosen.model)
        async for answer in self.app.generator.prepare(request):
            if isinstance(answer, Loaded):
                self.app.show_model(f"{answer.model} · {answer.device}")

    def action_hotter(self) -> None:
        """Raises the temperature."""
        self._turn_temperature(0.1)

    def action_cooler(self) -> None:
        """Lowers the temperature."""
        self._turn_temperature(-0.1)

    def _turn_temperature(self, change: float) -> None:
        low, high = TEMPERATURES
        self.chosen.temperature = round(min(high, max(low, self.chosen.temperature + change)), 2)
        self.show_knobs()

    def action_greater(self) -> None:
        """Asks for more titles at once."""
        self._turn_count(1)

    def action_fewer(self) -> None:
        """Asks for fewer titles at once."""
        self._turn_count(-1)

    def _turn_count(self, step: int) -> None:
        counts = sorted({*COUNTS, self.chosen.count})
        at = counts.index(self.chosen.count) + step
        self.chosen.count = counts[max(0, min(len(counts) - 1, at))]
        self.show_knobs()

    def action_sort(self) -> None:
        """Sorts in the next way."""
        at = CANDIDATE_SORTS.index(self.chosen.sort) if self.chosen.sort in CANDIDATE_SORTS else 0
        self.chosen.sort = CANDIDATE_SORTS[(at + 1) % len(CANDIDATE_SORTS)]
        if self.chosen.sort == "taste":
            self.rank_by_taste()
        self.rearrange()

    @work(group="taste", exclusive=True)
    async def rank_by_taste(self) -> None:
        """Learns the taste and ranks what is shown by it; without enough stars sorts by arrival."""
        try:
            said = await self.taste.learn()
            for column in self.columns:
                await self.like(column)
        except TitletuiError as error:
            said = ""
            self.app.show_error(error)
        if not said:
            self.chosen.sort = "arrival"
        self.app.say(said or "Taste is learned from 20 stars and 20 titles passed over.")
        self.rearrange()

    def action_hide_copies(self) -> None:
        """Hides copies of papers, then those that are near one as well, then neither."""
        knobs = self.chosen
        knobs.hide_near, knobs.hide_copies = (
            knobs.hide_copies and not knobs.hide_near,
            not knobs.hide_near,
        )
        self.rearrange()

    def action_hide_repeats(self) -> None:
        """Hides or shows what was seen before."""
        self.chosen.hide_repeats = not self.chosen.hide_repeats
        self.rearrange()

    def rearrange(self) -> None:
        """Shows all columns as the knobs sort and hide them."""
        self.show_knobs()
        for column in self.columns:
            column.rearrange()


def _hidden(knobs: GenerateSettings) -> list[str]:
    kinds = [
        *(["copies"] if knobs.hide_copies else []),
        *(["near ones"] if knobs.hide_near else []),
        *([f"ppl over {knobs.hide_above:g}"] if knobs.hide_above is not None else []),
        *([f"over {knobs.hide_longer} words"] if knobs.hide_longer is not None else []),
    ]
    return [f"{', '.join(kinds)} hidden"] if kinds else []
