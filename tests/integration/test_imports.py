"""What each package loads when it is imported, which static checks cannot see."""

import os
import pkgutil
import subprocess
import sys

import pytest

import titletui

MODEL_LIBRARIES = {"torch", "transformers", "accelerate", "peft", "ctranslate2"}
SCREENS = {"textual"}
LIGHT = (
    "corpus",
    "jobs",
    "shortlist",
    "training.recipe",
    "training.run_spec",
    "training.presets",
    "models.prompts",
    "training.overfit",
    "models.registry",
    "training.launch.runs",
    "generation.client",
    "generation.protocol",
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


@pytest.mark.parametrize("package", LIGHT)
def test_a_light_package_loads_neither_textual_nor_a_model_library(package: str) -> None:
    modules = [name for name in EVERY_MODULE if f"{name}.".startswith(f"titletui.{package}.")]
    assert modules
    loaded = loaded_by("\n".join(f"import {name}" for name in modules))
    assert not loaded & (MODEL_LIBRARIES | SCREENS)


@pytest.mark.parametrize("package", ["cli", "tui"])
def test_the_app_and_the_command_line_load_no_model_library(package: str) -> None:
    modules = [name for name in EVERY_MODULE if name.startswith(f"titletui.{package}")]
    loaded = loaded_by("\n".join(f"import {name}" for name in modules))
    assert not loaded & (MODEL_LIBRARIES | {"arxivscraper"})


def test_the_parser_of_the_command_line_loads_no_large_library() -> None:
    loaded = loaded_by("from titletui.cli import main, build_parser; build_parser()")
    assert not loaded & (MODEL_LIBRARIES | SCREENS | {"rich", "httpx", "sqlite3"})


def test_the_version_is_printed_without_any_library() -> None:
    loaded = loaded_by("from titletui.cli import main; main(['--version'])")
    assert not loaded & (
        MODEL_LIBRARIES | SCREENS | {"httpx", "sqlite3", "msgspec", "asyncio", "argparse", "typing"}
    )


def test_importing_the_package_loads_no_library() -> None:
    loaded = loaded_by("import titletui; titletui.__version__")
    assert not loaded & (MODEL_LIBRARIES | SCREENS | {"httpx", "sqlite3", "msgspec", "typing"})
