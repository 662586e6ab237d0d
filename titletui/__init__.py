"""Turn a corner of arXiv into paper titles, in the terminal or in a notebook.

The names of `titletui.api` are available here and imported on first use, so that
`titletui --version` loads no library.
"""

import sys
from types import ModuleType

from titletui.version import __version__ as __version__

# As in `typing`, which takes half as long to import as the rest of `titletui --version`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from titletui.api import (
        Candidate,
        Corpus,
        CorpusSummary,
        Favourite,
        Novelty,
        Run,
        TitletuiError,
        UsageError,
        corpora,
        generate,
        shortlist,
        train,
    )

__all__ = [
    "Candidate",
    "Corpus",
    "CorpusSummary",
    "Favourite",
    "Novelty",
    "Run",
    "TitletuiError",
    "UsageError",
    "corpora",
    "generate",
    "shortlist",
    "train",
]


class _Package(ModuleType):
    """This module, whose function `shortlist` has the name of a subpackage.

    Importing `titletui.shortlist.library` would otherwise replace the function by the subpackage.
    """

    def __getattr__(self, name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module 'titletui' has no attribute {name!r}")
        from titletui import api

        return getattr(api, name)

    def __setattr__(self, name: str, value: object) -> None:
        if name != "shortlist":
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *__all__]


sys.modules[__name__].__class__ = _Package
