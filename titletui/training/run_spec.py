"""The `work` part of a run's `spec.json`: its recipe and its papers."""

import msgspec

from titletui.training.recipe import Recipe

MIN_PAPERS = 10


class RunSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One run.

    Attributes:
        corpus: the name of the corpus that the papers were copied from.
        papers: their number in the frozen copy.
        sha256: of the frozen copy, uncompressed.
        processes: ranks on one machine.
        slurm: submitted to Slurm.
        parent: the run that it continues, if any.
    """

    recipe: Recipe
    corpus: str
    papers: int
    sha256: str
    processes: int = 1
    slurm: bool = False
    parent: str = ""
