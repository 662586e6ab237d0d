"""The words of an abstract are favoured as far as that makes real titles likelier."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from tests.support.generation_requests import request as asking
from tests.support.models import tiny_gpt2
from titletui.corpus.paper import Paper
from titletui.generation.engine import Engine, open_engine
from titletui.inference import int8_linear
from titletui.inference.copy_bias import FEATURES, Pointer, fit
from titletui.models.registry import ModelInfo, load_model, starter_folder
from titletui.models.token_bytes import read_vocabulary
from titletui.paths import Home

ABSTRACT = (
    "We present a Kalman filter for underwater gliders. The filter tracks gliders under ice, and "
    "we show that gliders drift less."
)
WORDS = ["kalman", "filter", "glider", "ice", "drift", "quantum", "lattice", "speech", "music"]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other take long where tests run side by side."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def papers(count: int, *, alike: bool) -> list[Paper]:
    """Papers whose titles are three words, of their abstracts' or of others."""
    drawn = random.Random(3)
    made = []
    for number in range(count):
        words = drawn.sample(WORDS, 6)
        title = words[:3] if alike else [word for word in WORDS if word not in words][:3]
        body = " ".join(words)
        made.append(Paper(id=str(number), title=" ".join(title).title(), abstract=f"On {body}."))
    return made


def test_a_title_begins_without_the_space_that_stands_before_the_word_in_the_abstract() -> None:
    vocabulary = read_vocabulary(starter_folder())
    assert vocabulary is not None
    pointer = Pointer(vocabulary, ABSTRACT)
    likely = torch.zeros(len(vocabulary.pieces))
    first, _ = pointer.features([], likely)
    later, _ = pointer.features(vocabulary.encode("A"), likely)
    pieces = [vocabulary.pieces[token] for token in first.tolist()]
    assert b"G" in pieces
    assert b"we" in pieces
    assert not any(piece.startswith(b" ") for piece in pieces)
    pieces = [vocabulary.pieces[token] for token in later.tolist()]
    assert b" filter" in pieces
    assert b" Filter" in pieces
    assert first[-1] == later[-1] == vocabulary.end


def test_what_follows_in_the_abstract_is_told_from_what_only_stands_in_it() -> None:
    vocabulary = read_vocabulary(starter_folder())
    assert vocabulary is not None
    pointer = Pointer(vocabulary, "The large filter of the small ice.")
    written = vocabulary.encode("A large")
    tokens, features = pointer.features(written, torch.full((len(vocabulary.pieces),), -5.0))
    row = {vocabulary.pieces[token]: features[at] for at, token in enumerate(tokens.tolist())}
    after = FEATURES.index("begins a word, and stands after the last token")
    used = FEATURES.index("begins a word that the title has")
    assert row[b" filter"][after] == row[b" Filter"][after] == 1
    assert row[b" ice"][after] == 0
    assert row[b" large"][used] == 1
    assert row[b" ice"][used] == 0


def test_weights_are_found_where_titles_take_their_words_from_abstracts(tmp_path: Path) -> None:
    info = ModelInfo(name="tiny", kind="folder", path=tiny_gpt2(tmp_path))
    loaded = load_model(info)
    weights = fit(loaded.model, loaded.tokenizer, "abstract-to-title", papers(40, alike=True), 64)
    assert len(weights) == len(FEATURES)
    assert max(weights) > 0.5


def test_no_weights_are_kept_without_papers(tmp_path: Path) -> None:
    loaded = load_model(ModelInfo(name="tiny", kind="folder", path=tiny_gpt2(tmp_path)))
    assert fit(loaded.model, loaded.tokenizer, "abstract-to-title", [], 64) == ()


@pytest.fixture(scope="module")
def starter() -> Iterator[Engine]:
    folder = Path("/nonexistent")
    with pytest.MonkeyPatch.context() as patch:
        # Products of bytes are rounded otherwise in another batch.
        patch.setattr(int8_linear, "has_byte_products", lambda: False)
        engine = open_engine(Home(folder, folder, folder, folder), "starter", lambda _: None)
        torch.set_num_threads(1)
        yield engine


def titles(engine: Engine, count: int, **asked: Any) -> list[str]:
    request = asking("starter", abstract=ABSTRACT, count=count, seed=7, max_tokens=48, **asked)
    found = {one.index: one.text for one in engine.write(request, lambda: False, lambda _: None)}
    return [found[row] for row in sorted(found)]


def test_the_starters_titles_have_the_words_of_the_abstract(starter: Engine) -> None:
    assert starter.info.pointer
    plain = msgspec.structs.replace(starter, info=msgspec.structs.replace(starter.info, pointer=()))

    def share(engine: Engine) -> float:
        text = " ".join(titles(engine, 12)).lower()
        return sum(text.count(word) for word in ("kalman", "filter", "glider", "underwater", "ice"))

    assert share(starter) > 2 * share(plain)


def test_the_same_seed_gives_the_same_titles_in_any_batch(starter: Engine) -> None:
    assert titles(starter, 12)[:3] == titles(starter, 3)


def test_a_prefix_is_kept_beside_the_abstract(starter: Engine) -> None:
    assert all(title.startswith("Underw") for title in titles(starter, 5, prefix="Underw"))


def test_a_model_without_weights_for_these_features_goes_without(starter: Engine) -> None:
    odd = msgspec.structs.replace(starter.info, pointer=(1.0, 2.0))
    assert titles(msgspec.structs.replace(starter, info=odd), 2)
