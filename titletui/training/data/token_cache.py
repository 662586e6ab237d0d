"""The token sequences of a run, kept beside it and mapped into memory.

A run that goes on, and each process of several, takes them from `tokens/` in the job's folder; a
damaged one, or one of another tokenizer, is made again.
"""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from titletui.corpus.paper import Paper
from titletui.models.prompts import end_token, instruction_frame, start_token, tokens
from titletui.training.data.dataset import Examples, TrainingSet
from titletui.training.manifest import damage, seal
from titletui.training.overfit import TrainingTitles
from titletui.training.run_spec import RunSpec

FOLDER = "tokens"
_FORMAT = 1
_REST = "rest.json"
_PROBE = "Neural α-Speech: 2-D Models, {x} and $\\beta$"
_ARRAYS = ("tokens", "starts", "prompts", "characters")


class Rest(msgspec.Struct, frozen=True):
    """What of a `TrainingSet` is no array.

    Attributes:
        key: what the sequences were made of.
    """

    key: str
    pairs: list[Paper]
    left_out: int
    by_heart: float


def key_of(plan: RunSpec, tokenizer: Any, limit: int) -> str:
    """What decides the sequences: papers, recipe, tokenizer, the longest one, and this module."""
    vocabulary = sorted(tokenizer.get_vocab().items())
    probe = tokens(tokenizer, _PROBE), start_token(tokenizer), end_token(tokenizer)
    told = (_FORMAT, plan.sha256, plan.recipe, limit, probe, instruction_frame(tokenizer))
    return hashlib.sha256(msgspec.json.encode((told, vocabulary))).hexdigest()


def keep(job: Path, key: str, data: TrainingSet) -> None:
    """Writes `data` into the folder of its job, whole or not at all.

    Raises:
        OSError: there was no room.
    """
    part, folder = job / f"{FOLDER}.part", job / FOLDER
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700)
    try:
        for name, examples in (("train", data.train), ("heldout", data.heldout)):
            for field in _ARRAYS:
                np.save(part / f"{name}-{field}.npy", getattr(examples, field))
        np.save(part / "titles.npy", np.asarray(data.titles.hashes, dtype=np.uint64))
        rest = Rest(key, data.pairs, data.left_out, data.by_heart)
        (part / _REST).write_bytes(msgspec.json.encode(rest))
        seal(part)
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    except OSError:
        shutil.rmtree(part, ignore_errors=True)
        raise


def kept(job: Path, key: str) -> TrainingSet | str:
    """The sequences in the folder of a job, mapped into memory, or what is wrong with them.

    Empty where there are none.
    """
    folder = job / FOLDER
    if not folder.is_dir():
        return ""
    if wrong := damage(folder):
        return wrong
    rest = msgspec.json.decode((folder / _REST).read_bytes(), type=Rest)
    if rest.key != key:
        return "they are of another tokenizer or recipe"
    train, heldout = (
        Examples(**{field: _mapped(folder / f"{name}-{field}.npy") for field in _ARRAYS})
        for name in ("train", "heldout")
    )
    return TrainingSet(
        train=train,
        heldout=heldout,
        titles=TrainingTitles.of(_mapped(folder / "titles.npy")),
        pairs=rest.pairs,
        left_out=rest.left_out,
        by_heart=rest.by_heart,
    )


def drop(job: Path) -> None:
    """Removes them: nothing is trained here any more."""
    shutil.rmtree(job / FOLDER, ignore_errors=True)


def _mapped(path: Path) -> Any:
    found = np.load(path, mmap_mode="r", allow_pickle=False)
    return found.view(np.ndarray)
