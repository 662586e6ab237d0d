"""The walls of the house that static checks cannot see: what a room loads when it is imported."""

import os
import pkgutil
import subprocess
import sys

import pytest

import titletui

MODEL_LIBRARIES = {"torch", "transformers", "accelerate", "peft", "ctranslate2"}
FACES = {"textual"}
LIGHT = (
    "corpus",
    "jobs",
    "shortlist",
    "training.recipe",
    "training.plan",
    "training.presets",
    "training.prompts",
    "training.overfit",
    "training.base_models",
    "training.runs",
    "generation.client",
    "generation.messages",
    "generation.novelty",
    "generation.server",
)
EVERY_MODULE = sorted(
    module.name
    for module in pkgutil.walk_packages(titletui.__path__, "titletui.")
    if module.name != "titletui.__main__"
)


def loaded_by(code: str) -> set[str]:
    """The top-level modules that a fresh process holds after running `code`."""
    program = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    # What measures coverage loads a few of its own.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=env
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("room", LIGHT)
def test_a_room_loads_no_face_and_no_model_library(room: str) -> None:
    modules = [name for name in EVERY_MODULE if f"{name}.".startswith(f"titletui.{room}.")]
    assert modules
    loaded = loaded_by("\n".join(f"import {name}" for name in modules))
    assert not loaded & (MODEL_LIBRARIES | FACES)


@pytest.mark.parametrize("face", ["cli", "tui"])
def test_a_face_loads_no_model_library(face: str) -> None:
    modules = [name for name in EVERY_MODULE if name.startswith(f"titletui.{face}")]
    loaded = loaded_by("\n".join(f"import {name}" for name in modules))
    assert not loaded & (MODEL_LIBRARIES | {"arxivscraper"})


def test_the_command_line_loads_no_screen() -> None:
    loaded = loaded_by("from titletui.cli import main, _parser; _parser()")
    assert not loaded & (MODEL_LIBRARIES | FACES | {"rich", "httpx", "sqlite3"})


def test_the_version_is_told_without_any_library() -> None:
    loaded = loaded_by("from titletui.cli import main; main(['--version'])")
    assert not loaded & (MODEL_LIBRARIES | FACES | {"httpx", "sqlite3", "msgspec", "asyncio"})
