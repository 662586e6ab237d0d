"""How many of the titles that a model writes are new, and unlike each other."""

import argparse

from tests.benchmarks.starter.papers import read_titles
from tests.benchmarks.starter.writing import open_model, write
from titletui.models.registry import ModelInfo
from titletui.text import fold

COUNT = 1000


def show(model: ModelInfo, options: argparse.Namespace) -> None:
    """Prints the shares of copies and of unique titles, and the copies."""
    titles = write(open_model(model), COUNT, temperature=options.temperature, seed=options.seed)
    known = {fold(title) for title in read_titles(options.papers)}
    copied = [title for title in titles if fold(title) in known]
    unique = len({fold(title) for title in titles}) / COUNT
    print(f"{COUNT:,} titles at {options.temperature}, against {len(known):,} titles")
    print(f"copies  {len(copied) / COUNT:6.1%}   (target: under 1 %)")
    print(f"unique  {unique:6.1%}   (target: at least 95 %)")
    print(f"words   {sum(len(title.split()) for title in titles) / COUNT:6.1f}   a title")
    for title in copied:
        print(f"  copy: {title}")
