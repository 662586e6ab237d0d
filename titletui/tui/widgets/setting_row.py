"""A line of a long form."""

from textual.app import ComposeResult, RenderResult
from textual.containers import Horizontal
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from titletui.text import display


class SettingRow(Horizontal):
    """The name of a setting, its control, and what it may be, where there is room for that.

    Name and range are painted behind the control: as widgets of their own they would take a form
    of twenty lines half of the time that it needs to open.

    Args:
        name: not wider than the left margin of the control.
        control: its id is that of the setting.
        allowed: what the setting may be.
    """

    DEFAULT_CSS = """
    SettingRow { height: 1; }
    """

    refused: reactive[bool] = reactive(False)

    def __init__(self, name: str, control: Widget, allowed: str) -> None:
        super().__init__()
        self._label = name
        self._control = control
        self._allowed = allowed

    def compose(self) -> ComposeResult:
        yield self._control

    def render(self) -> RenderResult:
        start = self._control.region.right - self.region.x + 1
        room = max(0, self.size.width - start)
        bare = self._allowed.removeprefix("a whole number ").removeprefix("a number ")
        wrong = (f"✕ must be {self._allowed}", f"✕ {bare}", "✕")
        wordings = wrong if self.refused else (self._allowed, bare)
        said = Content(display(next((one for one in wordings if len(one) <= room), "")))
        style = "$error" if self.refused else "$foreground 60%"
        name = Content.styled(f"{display(self._label):<{start}}", "$foreground 60%")
        return Content.assemble(name, said.stylize(style))
