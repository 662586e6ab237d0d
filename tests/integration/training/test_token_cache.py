"""A run makes its token sequences once."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.training_runs import toy_run, view, weights
from tests.support.training_worker import run_to_end
from titletui.jobs.job import Job, State
from titletui.models.loading import load_model
from titletui.models.registry import find_model
from titletui.paths import Home
from titletui.training.data import token_cache
from titletui.training.data.dataset import TrainingSet, build
from titletui.training.data.frozen_papers import read_papers
from titletui.training.run_spec import RunSpec


def made(home: Home, name: str = "toy-1") -> tuple[Job, str, TrainingSet]:
    """A prepared run, the key of its sequences, and them."""
    job = toy_run(home, name)
    plan = job.work(RunSpec)
    tokenizer = load_model(find_model(home, plan.recipe.base), home=home).tokenizer
    data = build(read_papers(job.papers, plan.sha256), plan.recipe, tokenizer, 64)
    return job, token_cache.cache_key(plan, tokenizer, 64), data


def test_what_is_kept_comes_back_as_it_was_mapped_into_memory(home: Home) -> None:
    job, key, data = made(home)
    assert token_cache.load(job.path, key) is None
    token_cache.save(job.path, key, data)
    again = token_cache.load(job.path, key)
    assert isinstance(again, TrainingSet)
    for mine, theirs in ((again.train, data.train), (again.heldout, data.heldout)):
        for field in ("tokens", "starts", "prompt_lengths", "characters"):
            assert np.array_equal(getattr(mine, field), getattr(theirs, field))
    assert isinstance(again.train.tokens.base, np.memmap)
    assert (again.heldout_papers, again.left_out, again.memorization_floor) == (
        data.heldout_papers,
        data.left_out,
        data.memorization_floor,
    )
    assert all(paper.title not in again.titles for paper in data.heldout_papers)
    known = [paper.title for paper in read_papers(job.papers, job.work(RunSpec).sha256)]
    assert sum(title.upper() in again.titles for title in known) == len(data.train)


@pytest.mark.fault("F28")
def test_damaged_or_foreign_sequences_are_never_used(home: Home) -> None:
    job, key, data = made(home)
    token_cache.save(job.path, key, data)
    names = sorted(path.name for path in (job.path / token_cache.FOLDER).iterdir())
    assert len(names) == 12
    for name in names:
        for harm in (Path.unlink, truncate, flip):
            token_cache.save(job.path, key, data)
            harm(job.path / token_cache.FOLDER / name)
            with pytest.raises(token_cache.StaleCacheError, match=r"."):
                token_cache.load(job.path, key)
    token_cache.save(job.path, key, data)
    with pytest.raises(token_cache.StaleCacheError, match="another tokenizer"):
        token_cache.load(job.path, "another")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(bytes(data))


def test_a_resumed_run_takes_its_sequences_up_and_ends_with_the_same_weights(home: Home) -> None:
    straight = toy_run(home, "straight")
    assert run_to_end(straight) == 0
    for name, harm in (("kept", None), ("damaged", flip)):
        job = toy_run(home, name)
        assert run_to_end(job, "terminate:12") == 0
        assert job.state is State.STOPPED
        if harm:
            harm(job.path / token_cache.FOLDER / "train-tokens.npy")
        assert run_to_end(job, "" if harm else "no-tokenising") == 0
        assert weights(job) == weights(straight)
        again = [note for note in view(job).notes if "are made again" in note.text]
        assert len(again) == (1 if harm else 0)
        # What is done is not trained any more.
        assert not (job.path / token_cache.FOLDER).exists()
