"""The footer: help first, then the keys of what has focus, as many as fit whole."""

from collections.abc import Sequence

from rich.cells import cell_len
from textual.app import RenderResult
from textual.binding import ActiveBinding
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

MOST = 6
# Named keys that an input takes as text although `active_bindings` lists them.
TYPED = ("slash", "plus", "minus", "equals_sign", "question_mark", "space")


class KeyBar(Widget):
    """One line; no key in it is ever cut."""

    DEFAULT_CSS = """
    KeyBar {
        height: 1;
        padding: 0 1;
        background: $panel;
        color: $text-muted;
        link-color: $text-muted;
        link-style: none;
        link-background-hover: $primary 30%;
        link-color-hover: $foreground;
        link-style-hover: none;
    }
    """

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def on_resize(self) -> None:
        self.refresh()

    def _changed(self, _: Screen[object]) -> None:
        self.refresh()

    def render(self) -> RenderResult:
        room = self.content_size.width
        parts: list[Content] = []
        active = list(self.screen.active_bindings.values())
        focused = self.screen.focused
        if focused is not None and focused.check_consume_key("a", "a"):
            active = [one for one in active if one.binding.key not in TYPED]
        if self.screen.has_class("-empty"):
            listed = _named(active, ("help", *getattr(self.screen, "FOOTER_EMPTY", ())))
        else:
            listed = _shown(active, getattr(self.screen, "FOOTER", ()))
        for one in listed:
            binding = one.binding
            key = self.app.get_key_display(binding)
            width = cell_len(key) + 1 + cell_len(binding.description) + 2
            if width - 2 > room:
                break
            room -= width
            parts.append(
                Content.assemble(
                    (key, "bold $foreground"),
                    (f" {binding.description}", f"@click=app.simulate_key('{binding.key}')"),
                    "  ",
                )
            )
        return Content.assemble(*parts)


def _shown(active: list[ActiveBinding], order: Sequence[str]) -> list[ActiveBinding]:
    """At most `MOST` bindings: help, then those named in `order`, then what else may be shown."""
    shown: dict[str, ActiveBinding] = {}
    for one in sorted(active, key=lambda a: _rank(a.binding.id or "", order)):
        if one.binding.show and one.enabled:
            shown.setdefault(one.binding.action, one)
    return list(shown.values())[:MOST]


def _named(active: list[ActiveBinding], names: Sequence[str]) -> list[ActiveBinding]:
    """The bindings of these ids, each with the first of its keys."""
    first: dict[str, ActiveBinding] = {}
    for one in active:
        first.setdefault(one.binding.id or "", one)
    return [first[name] for name in names if name in first]


def _rank(name: str, order: Sequence[str]) -> int:
    if name == "help":
        return -1
    return order.index(name) if name in order else len(order)
