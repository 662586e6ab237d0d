"""The model and the sampling parameters on one line, and the keys that change them."""

from textual import getters
from textual.app import RenderResult
from textual.content import Content
from textual.widget import Widget

from titletui.settings import CANDIDATE_SORTS, GenerateSettings
from titletui.text import display
from titletui.tui.app_base import AppBase

TEMPERATURES = (0.0, 5.0)
COUNTS = (1, 2, 3, 5, 10, 15, 20, 30, 50, 100, 200, 500, 1000)
_FULL_LABELS_FROM = 66


class SamplingBar(Widget):
    """`Model ▸ starter   Temperature ◂ 0.80 ▸   Count ◂ 10 ▸`, and a line for what else is set.

    It draws and changes `app.settings.generate`; a click on an arrow does what its key does.

    Attributes:
        abstract: what the titles are written for; empty for none.
        year: the year that the titles are conditioned on.
    """

    DEFAULT_CSS = """
    SamplingBar {
        height: auto;
        padding: 0 1;
        link-style: none;
        link-color: $primary;
        link-style-hover: bold;
        link-background-hover: $panel;
        link-color-hover: $primary;
    }
    """
    app = getters.app(AppBase)

    def __init__(self) -> None:
        super().__init__()
        self.abstract = ""
        self.year: int | None = None

    @property
    def _settings(self) -> GenerateSettings:
        return self.app.settings.generate

    def redraw(self) -> None:
        """Draw the settings as they are now."""
        self.refresh(layout=True)

    def change_temperature(self, change: float) -> None:
        """Add `change` to the temperature, within `TEMPERATURES`."""
        low, high = TEMPERATURES
        temperature = self._settings.temperature + change
        self._settings.temperature = round(min(high, max(low, temperature)), 2)
        self.refresh()

    def change_count(self, step: int) -> None:
        """Take the next larger (1) or smaller (-1) of `COUNTS`."""
        counts = sorted({*COUNTS, self._settings.count})
        at = counts.index(self._settings.count) + step
        self._settings.count = counts[max(0, min(len(counts) - 1, at))]
        self.refresh()

    def next_sort(self) -> None:
        """Take the next order of candidates."""
        sorts = CANDIDATE_SORTS
        at = sorts.index(self._settings.sort) if self._settings.sort in sorts else 0
        self._settings.sort = sorts[(at + 1) % len(sorts)]
        self.redraw()

    def next_novelty_filter(self) -> None:
        """Hide copies; after that near copies too; after that nothing."""
        settings = self._settings
        settings.hide_near, settings.hide_copies = (
            settings.hide_copies and not settings.hide_near,
            not settings.hide_near,
        )
        self.redraw()

    def toggle_repeats(self) -> None:
        """Hide or show titles that were seen before."""
        self._settings.hide_repeats = not self._settings.hide_repeats
        self.redraw()

    def render(self) -> RenderResult:
        settings = self._settings
        width = max(20, self.content_size.width or 78)
        full = width >= _FULL_LABELS_FROM
        model_width = max(8, width - (54 if full else 34))
        model = Content(display(settings.model)).truncate(model_width, ellipsis=True)
        line = Content.assemble(
            _label("Model " if full else ""),
            ("▸ ", "@click=screen.pick_model"),
            model.stylize("bold"),
            "   ",
            _label("Temperature " if full else "t "),
            ("◂", "@click='screen.temperature(-0.1)'"),
            (f" {settings.temperature:.2f} ", "bold"),
            ("▸", "@click='screen.temperature(0.1)'"),
            "   ",
            _label("Count " if full else "n "),
            ("◂", "@click='screen.count(-1)'"),
            (f" {settings.count} ", "bold"),
            ("▸", "@click='screen.count(1)'"),
        )
        others = " · ".join(filter(None, self._other_settings()))
        if others:
            line = Content.assemble(
                line, "\n", _label(display(others)).truncate(width, ellipsis=True)
            )
        return line

    def _other_settings(self) -> list[str]:
        """What differs from the defaults."""
        settings, default = self._settings, GenerateSettings()
        hidden = [
            "copies" if settings.hide_copies else "",
            "near ones" if settings.hide_near else "",
            f"ppl over {settings.hide_above:g}" if settings.hide_above is not None else "",
            f"over {settings.hide_longer} words" if settings.hide_longer is not None else "",
        ]
        return [
            f"abstract of {len(self.abstract.split())} words" if self.abstract else "",
            f"year {self.year}" if self.year is not None else "",
            f"top-p {settings.top_p:g}" if settings.top_p != default.top_p else "",
            f"top-k {settings.top_k}" if settings.top_k else "",
            f"at most {settings.length} tokens" if settings.length != default.length else "",
            f"seed {settings.seed}" if settings.seed is not None else "",
            f"against {settings.against}" if settings.against else "",
            f"sorted by {settings.sort}" if settings.sort != "arrival" else "",
            f"{', '.join(filter(None, hidden))} hidden" if any(hidden) else "",
            "" if settings.hide_repeats else "seen ones shown",
        ]


def _label(text: str) -> Content:
    return Content.styled(text, "$foreground 60%")
