"""Imports only point down, and never in a circle."""

from pathlib import Path

from tests.architecture import ROOT, circles, imports, read_graph, undeclared, upward

PACKAGE = ROOT / "titletui"


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles(read_graph(PACKAGE)) == []


def test_every_import_points_to_a_lower_layer_and_no_mode_imports_another() -> None:
    assert upward(read_graph(PACKAGE)) == []


def test_every_library_that_is_imported_is_a_declared_dependency() -> None:
    assert undeclared(PACKAGE) == []


def test_lazy_and_type_checking_imports_count(tmp_path: Path) -> None:
    package = tmp_path / "titletui"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "a.py").write_text("def lazy():\n    from . import b\n")
    (package / "b.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from titletui.c import C\n"
    )
    (package / "c.py").write_text("import titletui.a\n")
    assert circles(read_graph(package)) == [["titletui.a", "titletui.b", "titletui.c"]]


def test_relative_imports_are_resolved() -> None:
    assert set(imports("from .. import x\nfrom .y import z", "p.q.r", is_package=False)) == {
        "p.x",
        "p.q.y.z",
    }
