"""The token sequences of a run, cached in `tokens/` of its folder and mapped into memory.

A resumed run and the other ranks take them from there; a damaged cache, or one of another
tokenizer or recipe, is stale and made again.
"""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from titletui.corpus.paper import Paper
from titletui.models.prompts import end_token, instruction_frame, start_token, tokens
from titletui.training.copies import TrainingTitles
from titletui.training.data.dataset import Examples, TrainingSet
from titletui.training.manifest import damage, seal
from titletui.training.run_spec import RunSpec

FOLDER = "tokens"
_FORMAT = 2
_REST = "rest.json"
_PROBE = "Neural α-Speech: 2-D Models, {x} and $\\beta$"
_ARRAYS = ("tokens", "starts", "prompt_lengths", "characters")


class StaleCacheError(Exception):
    """The cache cannot be used, for the reason in its text."""


class _Rest(msgspec.Struct, frozen=True):
    """The fields of a `TrainingSet` that are not arrays, and the key of the cache."""

    key: str
    heldout_papers: list[Paper]
    left_out: int


def cache_key(spec: RunSpec, tokenizer: Any, max_length: int) -> str:
    """A hash of all that decides the sequences: papers, recipe, tokenizer, length, format."""
    vocabulary = sorted(tokenizer.get_vocab().items())
    probe = tokens(tokenizer, _PROBE), start_token(tokenizer), end_token(tokenizer)
    parts = (_FORMAT, spec.sha256, spec.recipe, max_length, probe, instruction_frame(tokenizer))
    return hashlib.sha256(msgspec.json.encode((parts, vocabulary))).hexdigest()


def save(job: Path, key: str, data: TrainingSet) -> None:
    """Write `data` into the folder of its job, completely or not at all.

    Raises:
        OSError: the disk is full or read-only.
    """
    part, folder = job / f"{FOLDER}.part", job / FOLDER
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700)
    try:
        for split, examples in (("train", data.train), ("heldout", data.heldout)):
            for field in _ARRAYS:
                np.save(_array(part, split, field), getattr(examples, field))
        np.save(part / "titles.npy", np.asarray(data.titles.hashes, dtype=np.uint64))
        np.save(part / "floors.npy", data.floors)
        rest = _Rest(key, data.heldout_papers, data.left_out)
        (part / _REST).write_bytes(msgspec.json.encode(rest))
        seal(part)
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    except OSError:
        shutil.rmtree(part, ignore_errors=True)
        raise


def load(job: Path, key: str) -> TrainingSet | None:
    """The cached sequences, mapped into memory; None where there are none.

    Raises:
        StaleCacheError: they are damaged, or were made by another tokenizer or recipe.
    """
    folder = job / FOLDER
    if not folder.is_dir():
        return None
    if wrong := damage(folder):
        raise StaleCacheError(wrong)
    try:
        rest = msgspec.json.decode((folder / _REST).read_bytes(), type=_Rest)
    except msgspec.MsgspecError:
        raise StaleCacheError("they are of an older titletui") from None
    if rest.key != key:
        raise StaleCacheError("they are of another tokenizer or recipe")
    train, heldout = (
        Examples(**{field: _map(_array(folder, split, field)) for field in _ARRAYS})
        for split in ("train", "heldout")
    )
    return TrainingSet(
        train=train,
        heldout=heldout,
        titles=TrainingTitles(_map(folder / "titles.npy")),
        heldout_papers=rest.heldout_papers,
        left_out=rest.left_out,
        floors=_map(folder / "floors.npy"),
    )


def delete(job: Path) -> None:
    """Remove the cache of a run that has finished."""
    shutil.rmtree(job / FOLDER, ignore_errors=True)


def _array(folder: Path, split: str, field: str) -> Path:
    return folder / f"{split}-{field}.npy"


def _map(path: Path) -> Any:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    return array.view(np.ndarray)
