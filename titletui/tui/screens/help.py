"""The help: what the screen is for and every key that works there."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static


class HelpDialog(ModalScreen[None]):
    """Help for `screen` and what has focus on it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1,enter", "dismiss", "close", id="help.close",
                tooltip="Close the help"),
        Binding("j,down", "scroll(1)", "down", show=False, id="help.down", tooltip="Down"),
        Binding("k,up", "scroll(-1)", "up", show=False, id="help.up", tooltip="Up"),
    ]  # fmt: skip

    def __init__(self, screen: Screen[object]) -> None:
        super().__init__()
        self._about = screen

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog") as box:
            box.border_title = Content(f"{getattr(self._about, 'AREA', '') or 'Keys'}").markup
            box.border_subtitle = "escape close"
            text = getattr(self._about, "HELP", "")
            if text:
                yield Static(Content(f"{text}\n"))
            yield Static(self._keys())

    def action_scroll(self, lines: int) -> None:
        """Scrolls by `lines`."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def _keys(self) -> Content:
        rows: dict[str, tuple[list[str], str]] = {}
        for active in self._about.active_bindings.values():
            binding = active.binding
            if binding.system or not binding.tooltip:
                continue
            keys, _ = rows.setdefault(binding.action, ([], binding.tooltip))
            keys.append(self.app.get_key_display(binding))
        lines = [
            Content.assemble((f"{' '.join(dict.fromkeys(keys))[:15]:<16}", "bold $primary"), what)
            for keys, what in rows.values()
        ]
        return Content("\n").join(lines)
