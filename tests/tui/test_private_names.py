"""Textual's private names are overridden and used in `textual_patches/` and `terminal/` alone."""

import ast
import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import titletui.tui

MAY_PATCH = ("titletui.tui.textual_patches.", "titletui.tui.terminal.")


def own_classes() -> Iterator[type]:
    for module in pkgutil.walk_packages(titletui.tui.__path__, "titletui.tui."):
        for kind in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(kind) and kind.__module__ == module.name:
                yield kind


@cache
def private_names(kind: type) -> set[str]:
    """The names with one underscore that a class defines, assigns or reads on itself."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            value = node.value.func if isinstance(node.value, ast.Call) else node.value
            if isinstance(value, ast.Name) and value.id in ("self", "cls", "super"):
                names.add(node.attr)
    for statement in tree.body[0].body:  # type: ignore[attr-defined]
        targets = getattr(statement, "targets", [getattr(statement, "target", None)])
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
        names.add(getattr(statement, "name", ""))
    return {name for name in names if is_private(name)}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def clashes(kind: type) -> set[str]:
    """The private names of Textual that one of our classes uses as its own."""
    of_textual: set[str] = set()
    for base in kind.__mro__[1:]:
        if base.__module__.startswith("textual."):
            of_textual |= private_names(base)
    return private_names(kind) & of_textual


def test_textuals_private_names_are_used_by_patches_alone() -> None:
    used = {
        f"{kind.__module__}.{kind.__name__}": sorted(names)
        for kind in own_classes()
        if not kind.__module__.startswith(MAY_PATCH) and (names := clashes(kind))
    }
    assert used == {}


def test_textuals_private_modules_are_imported_by_patches_alone() -> None:
    found = []
    for path in Path(titletui.tui.__file__).parent.rglob("*.py"):
        if path.parent.name in ("textual_patches", "terminal"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("textual"):
                parts = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
                found += [f"{path.name}: {part}" for part in parts if part.startswith("_")]
    assert found == []
