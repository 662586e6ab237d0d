"""The preference model: off until there are enough choices, right when there is a preference."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.support.starred_titles import curate
from titletui.candidate import Candidate, Novelty
from titletui.errors import TitletuiError
from titletui.paths import STARTER, Home
from titletui.preference.embeddings import Embeddings
from titletui.preference.fit import cross_validate, fit, logistic_regression
from titletui.preference.model import MIN_CHOICES, PreferenceModel, learn_preferences
from titletui.shortlist.library import Library
from titletui.shortlist.records import BatchSettings


def test_random_stars_give_an_auc_near_one_half(tmp_path: Path) -> None:
    with Library(tmp_path / "library.db") as library:
        curate(library, 40, "whatever")
        learned = fit(library.choices(), Embeddings(STARTER))
    assert learned.auc is not None
    assert 0.3 < learned.auc < 0.7


def test_no_model_is_fitted_below_the_minimum_of_stars(home: Home) -> None:
    with Library(home.library_db) as library:
        assert learn_preferences(home, library) is None
        curate(library, MIN_CHOICES - 1, "speech")
        assert learn_preferences(home, library) is None
        assert library.count_choices()[1:] == (MIN_CHOICES - 1, 9 * (MIN_CHOICES - 1))


def test_choices_come_from_batches_with_a_star(tmp_path: Path) -> None:
    with Library(tmp_path / "library.db") as library:
        one, two = library.start_batch(BatchSettings()), library.start_batch(BatchSettings())
        library.add_candidates(one, [Candidate(text="A"), Candidate(text="B")])
        library.add_candidates(one, [Candidate(text="a!")])
        library.add_candidates(two, [Candidate(text="C")])
        library.star("B")
        assert sorted((c.text, c.starred) for c in library.choices()) == [("A", False), ("B", True)]


def write_model(folder: Path, dtype: str, numbers: bytes, shape: tuple[int, int]) -> None:
    header = {
        "model.embed_tokens.weight": {
            "dtype": dtype,
            "shape": shape,
            "data_offsets": [0, len(numbers)],
        }
    }
    head = json.dumps(header).encode()
    (folder / "tokenizer.json").write_bytes((STARTER / "tokenizer.json").read_bytes())
    data = struct.pack("<Q", len(head)) + head + numbers
    (folder / "model.safetensors").write_bytes(data)


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_the_embeddings_of_any_model_folder_are_read(tmp_path: Path, dtype: str) -> None:
    rows = np.arange(10_000 * 4, dtype=np.float32).reshape(10_000, 4) / 1024
    if dtype == "BF16":
        numbers = (rows.view(np.uint32) >> 16).astype("<u2").tobytes()
    else:
        numbers = rows.astype("<f4" if dtype == "F32" else "<f2").tobytes()
    write_model(tmp_path, dtype, numbers, (10_000, 4))
    embeddings = Embeddings(tmp_path)
    assert embeddings.width == 4
    (found, nothing) = embeddings.mean(["Neural Speech", ""])
    tokens = Embeddings(tmp_path)._tokenizer.encode("Neural Speech", add_special_tokens=False).ids
    assert np.allclose(found, rows[tokens].mean(axis=0), rtol=0.01)
    assert not nothing.any()


def test_a_folder_without_embeddings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TitletuiError, match="no readable token embeddings"):
        Embeddings(tmp_path)
    write_model(tmp_path, "I64", b"", (0, 4))
    with pytest.raises(TitletuiError, match="no readable token embeddings"):
        Embeddings(tmp_path)


def test_a_missing_embedding_model_is_reported(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    learned = PreferenceModel(
        folder=gone, mean=[], scale=[], weights=[], bias=0.0, stars=20, passed=20
    )
    with pytest.raises(TitletuiError, match="no readable token embeddings"):
        _ = learned.embeddings


def test_embeddings_in_one_shard_of_several_are_read(tmp_path: Path) -> None:
    numbers = np.ones((10_000, 4), dtype="<f4").tobytes()
    write_model(tmp_path, "F32", numbers, (10_000, 4))
    (tmp_path / "model.safetensors").rename(tmp_path / "model-2.safetensors")
    weights = {"model.embed_tokens.weight": "model-2.safetensors", "lm_head.weight": "gone"}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": weights}))
    assert Embeddings(tmp_path).width == 4
    index.write_text("{")
    with pytest.raises(TitletuiError, match="no readable token embeddings"):
        Embeddings(tmp_path)


def test_a_header_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    write_model(tmp_path, "F32", b"", (0, 4))
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(TitletuiError, match="no readable token embeddings"):
        Embeddings(tmp_path)


def test_choices_of_one_class_cannot_be_fitted(tmp_path: Path) -> None:
    with Library(tmp_path / "library.db") as library:
        batch = library.start_batch(BatchSettings())
        (only,) = library.add_candidates(batch, [Candidate(text="A")])
        library.star("A", candidate=only)
        with pytest.raises(TitletuiError, match="starred and some that were passed over"):
            fit(library.choices(), Embeddings(STARTER))


def test_the_auc_needs_five_batches_with_stars(tmp_path: Path) -> None:
    near = Novelty(kind="near", similarity=0.9, id="2305.01234", title="A", year=2023)
    with Library(tmp_path / "library.db") as library:
        for number in range(3):
            batch = library.start_batch(BatchSettings())
            new = [Candidate(text=f"A {number}", novelty=near), Candidate(text=f"B {number}")]
            ids = library.add_candidates(batch, new)
            library.star(f"A {number}", candidate=ids[0])
        learned = fit(library.choices(), Embeddings(STARTER))
    assert learned.auc is None
    assert "is known after some more batches" in learned.summary


def test_a_fold_without_both_classes_gives_no_auc() -> None:
    starred = np.array([True] * 20 + [False] * 20)
    batches = np.array([n // 4 for n in range(20)] + [9] * 20)
    assert cross_validate(np.zeros((40, 2)), starred, batches) is None


def test_the_regression_reaches_the_minimum_of_its_objective() -> None:
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(300, 20))
    starred = draw.random(300) < 1 / (1 + np.exp(2 - rows[:, 0] - rows[:, 1]))
    weights, bias = logistic_regression(rows, starred)
    sign = np.where(starred, 1.0, -1.0)
    balance = len(starred) / 2 / np.where(starred, starred.sum(), (~starred).sum())
    residual = -sign * balance / (1 + np.exp(sign * (rows @ weights + bias)))
    gradient = weights + 0.01 * rows.T @ residual
    assert np.abs(gradient).max() < 1e-5
    assert abs(0.01 * residual.sum()) < 1e-5
