"""What the command palette offers: every action as `area: action`, and things by name."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.binding import Binding
from textual.screen import Screen

if TYPE_CHECKING:
    from titletui.tui.app import TitletuiApp


def commands(app: "TitletuiApp", screen: Screen[object]) -> Iterable[SystemCommand]:
    """Every action of the app and of the screen in front, under the names of their tooltips."""
    area = getattr(screen, "AREA", "") or "Here"
    seen: set[str] = set()
    for node, binding, enabled, _ in screen.active_bindings.values():
        if not enabled or binding.action in seen or not binding.tooltip or binding.system:
            continue
        seen.add(binding.action)
        where = "App" if node is app else area
        yield SystemCommand(
            f"{where}: {_name(binding)}",
            binding.tooltip,
            partial(app.run_action, binding.action, node),
        )
    for name in sorted(app.available_themes):
        if name.startswith("titletui") or name == "textual-ansi":
            yield SystemCommand(f"Theme: {name}", "Change the colours", partial(_theme, app, name))


def _name(binding: Binding) -> str:
    return binding.description.lower() or binding.action


def _theme(app: "TitletuiApp", name: str) -> None:
    app.theme = name
