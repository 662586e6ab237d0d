"""The help: what the screen is for and every key that works there."""

import textwrap
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widgets import Static

from titletui.tui.app_base import AppBase
from titletui.tui.dialogs.base import Dialog
from titletui.tui.keymap import described_bindings
from titletui.tui.mode_screen import ModeScreen

_KEYS = 15
_TEXT = 49
_FRAME = 9


class HelpDialog(Dialog[None]):
    """Help for `screen` and what has focus on it."""

    DEFAULT_CSS = """
    HelpDialog Static { padding-right: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1,enter", "dismiss", "close", id="help.close",
                tooltip="Close the help"),
        Binding("j,down", "scroll(1)", "down", show=False, id="help.down", tooltip="Down"),
        Binding("k,up", "scroll(-1)", "up", show=False, id="help.up", tooltip="Up"),
        Binding("space,pagedown", "scroll(10)", "page down", show=False, id="help.page",
                tooltip="A page down"),
    ]  # fmt: skip
    app = getters.app(AppBase)

    def __init__(self, screen: Screen[object]) -> None:
        super().__init__()
        self._about = screen

    def compose(self) -> ComposeResult:
        area = getattr(self._about, "AREA", "")
        with VerticalScroll(classes="dialog", can_focus=False) as box:
            box.border_title = area or "Keys"
            box.border_subtitle = "j k scroll · escape close"
            if text := getattr(self._about, "HELP", ""):
                yield Static(Content(f"{text}\n"))
            for heading, node in self._sections():
                yield Static(self._keys(heading, node))

    def action_scroll(self, lines: int) -> None:
        """Scrolls by `lines`."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def _sections(self) -> Iterator[tuple[str, DOMNode]]:
        """The screen, what has the focus and the list, the app: what keys go to."""
        screen = self._about
        yield "", screen
        if screen.focused is not None:
            yield "Where the cursor is", screen.focused
        main = screen.main_widget() if isinstance(screen, ModeScreen) else None
        if main is not None and main is not screen.focused:
            yield "In the list", main
        yield "Everywhere", self.app

    def _keys(self, heading: str, node: DOMNode) -> Content:
        """One line an action; also of keys that an input takes as text while it has the focus."""
        lines = [Content.styled(heading, "bold")] if heading else []
        room = max(12, min(_TEXT, self.app.size.width * 24 // 25 - _KEYS - _FRAME))
        for binding in described_bindings(type(node)):
            chosen = self.app.settings.keys.get(binding.id or "") or binding.key
            single = Binding.make_bindings([replace(binding, key=chosen)])
            keys = " ".join(dict.fromkeys(self.app.get_key_display(one) for one in single))
            first, *rest = textwrap.wrap(binding.tooltip, room) or [""]
            lines.append(Content.assemble((f"{keys:<{_KEYS}}", "bold $primary"), first))
            lines += [Content(" " * _KEYS + part) for part in rest]
        return (
            Content("\n").join([*lines, Content("")]) if len(lines) > bool(heading) else Content("")
        )
