"""What a person likes: candidates ranked by what was starred and what was passed over.

A logistic regression on the mean of a title's token embeddings and a few plain figures, fitted by
scikit-learn in a process of its own (`titletui.preference.fit`), so that the app neither waits
for it nor loads it. What is learned is a line of numbers; applying it takes numpy alone.
"""

import math
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import titletui
from titletui.errors import TitletuiError
from titletui.paths import Home
from titletui.preference.embeddings import Embeddings
from titletui.shortlist.library import Library
from titletui.shortlist.records import NewCandidate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ENOUGH = 20
"""Stars, and titles passed over, that it takes to learn anything."""

_TIMEOUT = 300.0
_FIGURES = 5


class PreferenceModel(msgspec.Struct, frozen=True, kw_only=True):
    """A fitted regression and how well it does.

    Attributes:
        mean, scale, weights: one number a feature.
        auc: the chance that of a starred and a passed-over title, both of batches that it was not
            fitted to, the starred one ranks higher; None where there are too few batches to tell.
        stars, passed: how many it was fitted to.
        choices: the newest candidate and how many were starred, to see when it is out of date.
    """

    folder: str
    mean: list[float]
    scale: list[float]
    weights: list[float]
    bias: float
    stars: int
    passed: int
    auc: float | None = None
    choices: tuple[int, int] = (0, 0)

    @property
    def said(self) -> str:
        """How well it does, for people."""
        learned = f"learned from {self.stars} stars and {self.passed} titles passed over"
        if self.auc is None:
            return f"{learned}; it takes some more batches to tell how well."
        return f"{learned}. Of choices that it had not seen it has {self.auc:.0%} right."


class Taste:
    """Applies what was learned."""

    def __init__(self, learned: PreferenceModel) -> None:
        """Raises TitletuiError where the model whose embeddings it needs is gone."""
        self.learned = learned
        self._embeddings = Embeddings(Path(learned.folder))

    def likings(self, candidates: Sequence[NewCandidate]) -> list[float]:
        """How likely each is to be starred, 0…1, where half of all were; about 0.1 ms each."""
        import numpy as np

        if not candidates:
            return []
        rows = features(candidates, self._embeddings)
        scaled = (rows - np.array(self.learned.mean)) / np.array(self.learned.scale)
        scores = np.nan_to_num(scaled) @ np.array(self.learned.weights) + self.learned.bias
        return [1 / (1 + math.exp(-min(max(score, -30.0), 30.0))) for score in scores.tolist()]


def features(candidates: Sequence[NewCandidate], embeddings: Embeddings) -> "NDArray[np.float64]":
    """One row a candidate: five figures, then its embedding; NaN where a figure is not known."""
    import numpy as np

    figures = np.full((len(candidates), _FIGURES), np.nan)
    for place, one in enumerate(candidates):
        figures[place, 0] = len(one.text.split())
        figures[place, 1] = len(one.text)
        figures[place, 2] = ":" in one.text
        if one.perplexity is not None and one.perplexity > 0:
            figures[place, 3] = math.log(one.perplexity)
        if one.novelty is not None:
            figures[place, 4] = one.novelty.similarity
    return np.hstack([figures, embeddings.of([one.text for one in candidates])])


def starter() -> Path:
    """The folder of the bundled model, whose embeddings serve for the titles of any model."""
    return Path(titletui.__file__).parent / "starter"


def learn(home: Home, library: Library, *, model: Path | None = None) -> Taste | None:
    """The taste of the library's owner; None until there are `ENOUGH` stars.

    Fits anew, in a process of its own, where something was starred or generated since the last
    time; to be called in a thread.

    Args:
        model: the folder of the model whose embeddings to use; the starter's unless told.

    Raises:
        TitletuiError: it could not be fitted.
    """
    folder = model or starter()
    path = home.cache / "taste.json"
    newest, stars, passed = library.count_choices()
    if min(stars, passed) < ENOUGH:
        return None
    known = _load(path)
    if known and known.folder == str(folder) and known.choices == (newest, stars):
        return Taste(known)
    fitted = subprocess.run(
        [
            sys.executable,
            "-m",
            "titletui.preference.fit",
            str(library.path),
            str(folder),
            str(path),
        ],
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        check=False,
        stdin=subprocess.DEVNULL,
        # Matrices this small are slowed down by more threads, and so is all else.
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    known = _load(path)
    if fitted.returncode or known is None:
        last = (fitted.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise TitletuiError(f"The taste model could not be fitted ({last:.300}).")
    return Taste(known)


def _load(path: Path) -> PreferenceModel | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=PreferenceModel)
    except (OSError, msgspec.MsgspecError):
        return None
