"""The lock and what pyproject.toml asks for agree."""

import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.lock import LOCK, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = {
    canonicalize_name(line.partition("==")[0]): line.strip().partition("==")[2]
    for line in LOCK.read_text().splitlines()
    if not line.startswith("#")
}


def requirements() -> list[Requirement]:
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    found = [Requirement(line) for one in lists for line in one]
    return [one for one in found if one.name != "titletui"]


def test_every_dependency_is_locked_within_its_bounds() -> None:
    for one in requirements():
        version = PINS[canonicalize_name(one.name)]
        assert version in one.specifier, f"{one} is locked at {version}: run python -m tests.lock"


def test_every_dependency_is_bounded_above_and_a_zero_series_by_its_next_minor() -> None:
    for one in requirements():
        uppers = [part for part in one.specifier if part.operator in ("<", "==")]
        assert uppers, one
        version = PINS[canonicalize_name(one.name)]
        if version.startswith("0."):
            minor = int(version.split(".")[1])
            below = f"0.{minor + 1}"
            assert any(part.operator == "==" or part.version == below for part in uppers), one


def test_no_pin_names_a_build_of_one_machine() -> None:
    assert not [name for name, version in PINS.items() if "+" in version or "nvidia" in name]
