"""Fit the preference model: `python -m titletui.preference.fit LIBRARY MODEL-FOLDER RESULT`."""

import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import torch

from titletui.atomic_write import write_atomically
from titletui.candidate import Candidate
from titletui.errors import TitletuiError
from titletui.preference.embeddings import Embeddings
from titletui.preference.model import PreferenceModel, features
from titletui.shortlist.library import Library

if TYPE_CHECKING:
    from numpy.typing import NDArray

_C = 0.01
"""Inverse strength of the L2 penalty."""

_FOLDS = 5


def fit(choices: Sequence[Candidate], embeddings: Embeddings) -> PreferenceModel:
    """Fit a regression to all `choices` and cross-validate it by batch.

    Raises:
        TitletuiError: all of them are starred, or none.
    """
    starred = np.array([one.starred for one in choices], dtype=bool)
    if starred.all() or not starred.any():
        raise TitletuiError(
            "There must be titles that were starred and some that were passed over."
        )
    rows = features(choices, embeddings)
    known = ~np.isnan(rows)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, rows, 0.0).sum(axis=0) / count
    scale = np.sqrt(np.where(known, (rows - mean) ** 2, 0.0).sum(axis=0) / count)
    scale[scale < 1e-9] = 1.0
    scaled = np.nan_to_num((rows - mean) / scale)
    weights, bias = logistic_regression(scaled, starred)
    return PreferenceModel(
        folder=str(embeddings.folder),
        mean=mean.tolist(),
        scale=scale.tolist(),
        weights=weights.tolist(),
        bias=bias,
        stars=int(starred.sum()),
        passed=int((~starred).sum()),
        auc=cross_validate(scaled, starred, np.array([one.batch for one in choices])),
    )


def logistic_regression(
    rows: "NDArray[np.float64]", starred: "NDArray[np.bool_]"
) -> tuple["NDArray[np.float64]", float]:
    """Return weights and bias of an L2-penalized logistic regression with balanced classes.

    Minimizes `|w|² / 2 + C · Σ cᵢ · log(1 + exp(-yᵢ zᵢ))`; the bias is not penalized.
    """
    x, y = torch.from_numpy(rows), torch.from_numpy(starred).double()
    balance = len(y) / 2 * (y / y.sum() + (1 - y) / (1 - y).sum())
    w = torch.zeros(x.shape[1] + 1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([w], max_iter=1000, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        logits = x @ w[:-1] + w[-1]
        likelihood = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, y, balance, reduction="sum"
        )
        value = w[:-1].square().sum() / 2 + _C * likelihood
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    fitted = w.detach().numpy()
    return fitted[:-1], float(fitted[-1])


def cross_validate(
    rows: "NDArray[np.float64]", starred: "NDArray[np.bool_]", batches: "NDArray[np.int64]"
) -> float | None:
    """Return the AUC on held-out batches, in five folds; None with too few batches.

    Args:
        rows: `[choices, features]`, scaled.
        starred, batches: `[choices]`; the class, and the id of the batch.
    """
    stars = {int(batch): int(starred[batches == batch].sum()) for batch in np.unique(batches)}
    if sum(map(bool, stars.values())) < _FOLDS:
        return None
    shuffled = random.Random(0).sample(sorted(stars), len(stars))
    ordered = sorted(shuffled, key=lambda batch: stars[batch])
    logits = np.zeros(len(starred))
    for fold in range(_FOLDS):
        unseen = np.isin(batches, ordered[fold::_FOLDS])
        if len(np.unique(starred[~unseen])) < 2:
            return None
        weights, bias = logistic_regression(rows[~unseen], starred[~unseen])
        logits[unseen] = rows[unseen] @ weights + bias
    return area_under_curve(logits, starred)


def area_under_curve(scores: "NDArray[np.float64]", starred: "NDArray[np.bool_]") -> float:
    """Return the share of (starred, passed over) pairs in the right order; a tie counts half."""
    passed = np.sort(scores[~starred])
    below = np.searchsorted(passed, scores[starred], "left")
    below_or_equal = np.searchsorted(passed, scores[starred], "right")
    return float((below + below_or_equal).mean() / 2 / len(passed))


def main(argv: Sequence[str]) -> int:
    """Read the library and write a `PreferenceModel` as JSON."""
    library_db, folder, result = map(Path, argv)
    os.nice(10)
    with Library(library_db, read_only=True) as library:
        newest, stars, _ = library.count_choices()
        choices = library.choices()
    fitted = fit(choices, Embeddings(folder))
    fitted = msgspec.structs.replace(fitted, choices=(newest, stars))
    write_atomically(result, msgspec.json.encode(fitted))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
