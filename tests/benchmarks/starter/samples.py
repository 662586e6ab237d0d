"""Titles that nobody has chosen."""

import argparse

from tests.benchmarks.starter.writing import open_model, write
from titletui.models.registry import ModelInfo

WITHOUT, WITH = 50, 20
PREFIXES = ("Neural", "Music", "A survey of", "On the")


def show(model: ModelInfo, options: argparse.Namespace) -> None:
    """Prints them, those without a prefix first."""
    engine = open_model(model)
    for prefix in ("", *PREFIXES):
        print(f"{prefix or 'no prefix'}, temperature {options.temperature}, seed {options.seed}")
        for title in write(
            engine,
            WITH if prefix else WITHOUT,
            prefix=prefix,
            temperature=options.temperature,
            seed=options.seed,
        ):
            print(f"- {title}")
        print()
