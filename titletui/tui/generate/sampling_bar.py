"""The knobs of the generator on one line, each to be turned by key or click."""

from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from titletui.text import display

ROOMY = 66


class Knobs(Widget):
    """`Model ▸ starter   Temperature ◂ 0.80 ▸   Count ◂ 10 ▸`, and a line for what else is set."""

    DEFAULT_CSS = """
    Knobs {
        height: auto;
        padding: 0 1;
        link-style: none;
        link-color: $primary;
        link-style-hover: bold;
        link-background-hover: $panel;
        link-color-hover: $primary;
    }
    """

    model: reactive[str] = reactive("", layout=True)
    temperature: reactive[float] = reactive(0.8)
    count: reactive[int] = reactive(10)
    also: reactive[str] = reactive("", layout=True)

    def render(self) -> RenderResult:
        width = max(20, self.content_size.width or 78)
        short = width < ROOMY
        rest = 34 if short else 54
        model = Content(display(self.model)).truncate(max(8, width - rest), ellipsis=True)
        line = Content.assemble(
            _label("" if short else "Model "),
            ("▸ ", "@click=screen.pick_model"),
            model.stylize("bold"),
            "   ",
            _label("t " if short else "Temperature "),
            ("◂", "@click=screen.cooler"),
            (f" {self.temperature:.2f} ", "bold"),
            ("▸", "@click=screen.hotter"),
            "   ",
            _label("n " if short else "Count "),
            ("◂", "@click=screen.fewer"),
            (f" {self.count} ", "bold"),
            ("▸", "@click=screen.greater"),
        )
        if self.also:
            also = Content.styled(display(self.also), "$foreground 60%")
            line = Content.assemble(line, "\n", also.truncate(width, ellipsis=True))
        return line


def _label(text: str) -> Content:
    return Content.styled(text, "$foreground 60%")
