"""Batches in slices, where memory is too short for whole ones.

The gradient of a batch is the sum of those of its slices, so that a run which ran out of memory
goes on with the same batches in smaller slices: the recipe stays as it is.
"""

import contextlib

import msgspec
import torch

from titletui.atomic_write import write_atomically
from titletui.jobs.job import Job, JobResult
from titletui.training.data.dataset import Examples, Integers
from titletui.training.recipe import Recipe

_FILE = "slices.json"
_CODE = 1


class Slices(msgspec.Struct, frozen=True):
    """How often a batch has been halved."""

    halvings: int = 0


def slice_tokens(folder: Job, recipe: Recipe) -> int:
    """Tokens of a slice, padding included; 0 where batches are taken whole."""
    halvings = _halvings(folder)
    if not halvings:
        return 0
    whole = recipe.batch_tokens or recipe.batch_size * recipe.max_tokens
    return max(1, whole >> halvings)


def cut(rows: Integers, examples: Examples, tokens: int) -> list[Integers]:
    """`rows` in slices of at most `tokens`, one sequence at least; none where there are no rows."""
    if not len(rows):
        return []
    if not tokens:
        return [rows]
    longest = int(examples.lengths[rows].max())
    count = max(1, tokens // longest)
    return [rows[first : first + count] for first in range(0, len(rows), count)]


def out_of_memory(folder: Job, error: BaseException, step: int) -> JobResult | None:
    """How a run ends whose memory did not suffice; None where `error` is something else.

    The next worker on the folder takes slices of half the size.
    """
    if not is_out_of_memory(error):
        return None
    with contextlib.suppress(OSError):
        halved = Slices(_halvings(folder) + 1)
        write_atomically(folder.path / _FILE, msgspec.json.encode(halved))
    where = "GPU memory" if _is_of_gpu(error) else "memory"
    return JobResult(
        outcome="failed",
        code=_CODE,
        reason=f"out of {where} at step {step}",
        advice="Resume it: it goes on with its batches in smaller slices.",
        oom=True,
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory did not suffice, a GPU's or this machine's."""
    on_host = isinstance(error, MemoryError) or "can't allocate memory" in str(error)
    return on_host or _is_of_gpu(error)


def _is_of_gpu(error: BaseException) -> bool:
    """Whether it is the GPU's: also cuBLAS and cuDNN say so in words of their own."""
    signs = ("CUDA out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
    return isinstance(error, torch.OutOfMemoryError) or any(sign in str(error) for sign in signs)


def lost_process(error: BaseException, step: int) -> JobResult | None:
    """How a run ends one of whose processes is gone; None where `error` is something else."""
    text = str(error)
    if not any(sign in text for sign in ("Connection closed by peer", "Connection reset", "NCCL")):
        return None
    return JobResult(
        outcome="failed",
        code=_CODE,
        reason=f"one of the processes ended at step {step}",
        advice="Resume it: it goes on from the last checkpoint.",
    )


def _halvings(folder: Job) -> int:
    try:
        return msgspec.json.decode((folder.path / _FILE).read_bytes(), type=Slices).halvings
    except (OSError, msgspec.MsgspecError):
        return 0
