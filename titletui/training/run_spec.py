"""What a run's `spec.json` says: the recipe and the papers it is trained on."""

import msgspec

from titletui.training.recipe import Recipe

FEWEST_PAPERS = 10
"""A run needs so many."""


class RunSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One run.

    Attributes:
        corpus: the name of the corpus that the papers were copied from.
        papers: how many there are in the frozen copy.
        sha256: of the frozen copy, uncompressed.
        processes: workers side by side, on one machine.
        slurm: submitted to Slurm.
        parent: the run that it goes on from, if any.
    """

    recipe: Recipe
    corpus: str
    papers: int
    sha256: str
    processes: int = 1
    slurm: bool = False
    parent: str = ""
