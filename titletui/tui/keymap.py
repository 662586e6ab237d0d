"""All bindings there are: described for help and palette, checked where a person has moved them."""

import difflib
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import replace

from textual.binding import Binding


def described_bindings(kind: type) -> Iterator[Binding]:
    """The bindings with a tooltip of a class and of its parents, one for each action."""
    seen: set[str] = set()
    for part in kind.__mro__:
        for binding in vars(part).get("BINDINGS", ()):
            if isinstance(binding, Binding) and binding.tooltip and binding.action not in seen:
                seen.add(binding.action)
                yield binding


def keymap_problems(keys: Mapping[str, str]) -> list[str]:
    """What is wrong with other keys than the usual, a sentence each.

    Args:
        keys: the id of a binding, then its keys with commas between, as in `config.toml`.
    """
    if not keys:
        return []
    places = list(_places())
    known = {binding.id for _, bindings in places for binding in bindings if binding.id}
    said: dict[str, None] = {}
    for id_ in keys:
        if id_ not in known:
            close = difflib.get_close_matches(id_, known, n=1)
            meant = f"did you mean {close[0]}?" if close else "help (?) shows what there is."
            said[f"There is no key for {id_!r}; {meant}"] = None
    for place, bindings in places:
        said |= dict.fromkeys(_clashes(place, bindings, keys))
    return list(said)


def _clashes(place: str, bindings: list[Binding], keys: Mapping[str, str]) -> Iterator[str]:
    taken: dict[str, Binding] = {}
    for binding in bindings:
        text = keys.get(binding.id or "", binding.key)
        # "," alone is the comma itself.
        moved = replace(binding, key=",".join(part.strip() or "comma" for part in text.split(",")))
        for single in Binding.make_bindings([moved]):
            other = taken.setdefault(single.key, binding)
            if {binding.id, other.id} & keys.keys() and other.action != binding.action:
                yield (
                    f"On {place} the key {single.key} means both {_name(other)} and "
                    f"{_name(binding)}: give one of them another."
                )


def _name(binding: Binding) -> str:
    return f"{binding.description.lower() or binding.action} ({binding.id})"


def _places() -> Iterator[tuple[str, list[Binding]]]:
    """Where keys go: a mode with its list and the app; a dialog; a widget."""
    from textual.app import App
    from textual.screen import ModalScreen
    from textual.widget import Widget

    from titletui.tui.mode_screen import ModeScreen
    from titletui.tui.widgets.row_list import RowList

    classes = list(_classes("titletui.tui"))
    apps = [kind for kind in classes if issubclass(kind, App)]
    everywhere = [binding for kind in apps for binding in described_bindings(kind)]
    for kind in classes:
        own = list(described_bindings(kind))
        if issubclass(kind, ModeScreen):
            if kind.AREA:
                yield kind.AREA, [*described_bindings(RowList), *own, *everywhere]
        elif issubclass(kind, ModalScreen):
            yield f"the {kind.__name__.removesuffix('Dialog').lower()} dialog", own
        elif issubclass(kind, Widget) and own:
            yield f"a {kind.__name__}", own


def _classes(package: str) -> Iterator[type]:
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        for kind in vars(importlib.import_module(module.name)).values():
            if isinstance(kind, type) and kind.__module__ == module.name:
                yield kind
