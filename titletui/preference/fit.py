"""Fits the taste model: `python -m titletui.preference.fit LIBRARY MODEL-FOLDER RESULT`."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from titletui.atomic_write import write_atomically
from titletui.errors import TitletuiError
from titletui.preference.embeddings import Embeddings
from titletui.preference.model import PreferenceModel, features
from titletui.shortlist.library import Library
from titletui.shortlist.records import Candidate

_PENALTY = 0.01
_FOLDS = 5


def fit(choices: Sequence[Candidate], embeddings: Embeddings) -> PreferenceModel:
    """A regression on all `choices`, with the AUC that it reaches on batches it has not seen.

    Raises:
        TitletuiError: nothing is starred, or nothing passed over.
    """
    import numpy as np

    liked = np.array([one.starred for one in choices], dtype=int)
    if liked.min(initial=1) == liked.max(initial=0):
        raise TitletuiError(
            "There must be titles that were starred and some that were passed over."
        )
    rows = features(choices, embeddings)
    batches = np.array([one.batch for one in choices])
    known = ~np.isnan(rows)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, rows, 0.0).sum(axis=0) / count
    scale = np.sqrt(np.where(known, (rows - mean) ** 2, 0.0).sum(axis=0) / count)
    scale[scale < 1e-9] = 1.0
    scaled = np.nan_to_num((rows - mean) / scale)
    model = _regression().fit(scaled, liked)
    return PreferenceModel(
        folder=str(embeddings.folder),
        mean=mean.tolist(),
        scale=scale.tolist(),
        weights=model.coef_[0].tolist(),
        bias=float(model.intercept_[0]),
        stars=int(liked.sum()),
        passed=int((1 - liked).sum()),
        auc=evaluate(scaled, liked, batches),
    )


def evaluate(rows: Any, liked: Any, batches: Any) -> float | None:
    """The AUC over batches that each fold's model has not seen; None with fewer than five.

    Args:
        rows: `[choices, features]`, scaled.
        liked, batches: `[choices]`; 1 where starred, and the batch's id.
    """
    import numpy as np
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold

    if len(set(batches[liked == 1].tolist())) < _FOLDS:
        return None
    scores = np.zeros(len(liked))
    folds = StratifiedGroupKFold(n_splits=_FOLDS, shuffle=True, random_state=0)
    for seen, unseen in folds.split(rows, liked, batches):
        if liked[seen].min() == liked[seen].max():
            return None
        scores[unseen] = _regression().fit(rows[seen], liked[seen]).decision_function(rows[unseen])
    return float(roc_auc_score(liked, scores))


def _regression() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=_PENALTY, class_weight="balanced", max_iter=1000)


def main(argv: Sequence[str]) -> int:
    """Reads the library, writes a `PreferenceModel`."""
    library_db, folder, result = map(Path, argv)
    os.nice(10)
    with Library(library_db, read_only=True) as library:
        newest, stars, _ = library.count_choices()
        choices = library.choices()
    learned = fit(choices, Embeddings(folder))
    known = msgspec.structs.replace(learned, choices=(newest, stars))
    write_atomically(result, msgspec.json.encode(known))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
