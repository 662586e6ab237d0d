"""Rank candidates by what the user has starred and passed over.

A logistic regression on the mean of a title's token embeddings and five numbers about it, fitted in
a process of its own (`titletui.preference.fit`) so that the app never loads a model library.
Applying it takes numpy alone.
"""

import math
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from titletui.candidate import Candidate
from titletui.errors import TitletuiError
from titletui.paths import STARTER, Home
from titletui.preference.embeddings import Embeddings
from titletui.shortlist.library import Library

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_CHOICES = 20
"""Stars, and titles passed over, that a model needs to be fitted."""

_TIMEOUT = 300.0
_SCALARS = 5


class PreferenceModel(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A fitted logistic regression and how well it ranks.

    Attributes:
        folder: the language model whose token embeddings it uses.
        mean, scale, weights: one number per feature.
        auc: cross-validated by batch; None if there are too few batches.
        stars, passed: training examples of each class.
        choices: newest candidate id and number of stars at the fit, to notice when it is outdated.
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

    @cached_property
    def embeddings(self) -> Embeddings:
        """The token embeddings.

        Raises:
            TitletuiError: the language model is not there any more.
        """
        return Embeddings(Path(self.folder))

    @property
    def summary(self) -> str:
        """What it was fitted to and how well it ranks, for the user."""
        fitted = f"learned from {self.stars} stars and {self.passed} titles passed over"
        if self.auc is None:
            return f"{fitted}; its accuracy is known after some more batches."
        return f"{fitted}. It ranks {self.auc:.0%} of unseen pairs correctly."

    def scores(self, candidates: Sequence[Candidate]) -> list[float]:
        """Return the probability of a star for each, for balanced classes; about 0.1 ms each."""
        import numpy as np

        if not candidates:
            return []
        rows = features(candidates, self.embeddings)
        scaled = np.nan_to_num((rows - np.array(self.mean)) / np.array(self.scale))
        logits = np.clip(scaled @ np.array(self.weights) + self.bias, -30.0, 30.0)
        return [float(one) for one in 1 / (1 + np.exp(-logits))]


def features(candidates: Sequence[Candidate], embeddings: Embeddings) -> "NDArray[np.float64]":
    """Return `[candidates, 5 + width]`: five numbers, NaN if unknown, then the embedding."""
    import numpy as np

    scalars = np.full((len(candidates), _SCALARS), np.nan)
    for row, candidate in zip(scalars, candidates, strict=True):
        row[0] = len(candidate.text.split())
        row[1] = len(candidate.text)
        row[2] = ":" in candidate.text
        if candidate.perplexity is not None and candidate.perplexity > 0:
            row[3] = math.log(candidate.perplexity)
        if candidate.novelty is not None:
            row[4] = candidate.novelty.similarity
    return np.hstack([scalars, embeddings.mean([one.text for one in candidates])])


def learn_preferences(
    home: Home, library: Library, *, model: Path = STARTER
) -> PreferenceModel | None:
    """Return a model fitted to all choices in the library; None below `MIN_CHOICES`.

    Fits again, in another process, if something was starred or generated since the last fit.
    Blocks: call it in a thread.

    Args:
        model: the folder of the language model whose embeddings to use.

    Raises:
        TitletuiError: the fit failed.
    """
    path = home.cache / "taste.json"
    newest, stars, passed = library.count_choices()
    if min(stars, passed) < MIN_CHOICES:
        return None
    cached = _load(path)
    if cached and cached.folder == str(model) and cached.choices == (newest, stars):
        return cached
    module = "titletui.preference.fit"
    fit = subprocess.run(
        [sys.executable, "-m", module, str(library.path), str(model), str(path)],
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        check=False,
        stdin=subprocess.DEVNULL,
        # Matrices this small are slower with more threads.
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    fitted = _load(path)
    if fit.returncode or fitted is None:
        last = (fit.stderr.strip().splitlines() or ["no message"])[-1]
        raise TitletuiError(f"The preference model could not be fitted ({last:.300}).")
    return fitted


def _load(path: Path) -> PreferenceModel | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=PreferenceModel)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
