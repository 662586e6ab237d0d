"""Micro-batches for a run that ran out of memory.

The gradient of a batch is the sum of those of its micro-batches, so that such a run goes on with
the same batches and the same recipe. How often batches were halved is kept in the job's folder.
"""

import contextlib

import msgspec
import torch

from titletui.atomic_write import write_atomically
from titletui.jobs.job import Job, JobResult
from titletui.jobs.worker import EXIT_FAILED
from titletui.training.recipe import Recipe

_FILE = "slices.json"
_GPU_MESSAGES = ("CUDA out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
_LOST_MESSAGES = ("Connection closed by peer", "Connection reset", "NCCL")


class MicroBatches(msgspec.Struct, frozen=True):
    """Contents of `slices.json`: how often a batch has been halved."""

    halvings: int = 0


def micro_batch_tokens(job: Job, recipe: Recipe) -> int:
    """Tokens of a micro-batch, padding included; 0 where batches are taken whole."""
    halvings = _halvings(job)
    if not halvings:
        return 0
    whole = recipe.batch_tokens or recipe.batch_size * recipe.max_tokens
    return max(1, whole >> halvings)


def out_of_memory_result(job: Job, error: BaseException, step: int) -> JobResult | None:
    """How a run ends whose memory did not suffice; None where `error` is something else.

    The next worker on the folder takes micro-batches of half the size.
    """
    if not is_out_of_memory(error):
        return None
    with contextlib.suppress(OSError):
        halved = MicroBatches(_halvings(job) + 1)
        write_atomically(job.path / _FILE, msgspec.json.encode(halved))
    where = "GPU memory" if _is_of_gpu(error) else "memory"
    return JobResult(
        outcome="failed",
        code=EXIT_FAILED,
        reason=f"out of {where} at step {step}",
        advice="Resume it: it goes on with its batches in smaller slices.",
        oom=True,
    )


def lost_process_result(error: BaseException, step: int) -> JobResult | None:
    """How a run ends when another rank has died; None where `error` is something else."""
    if not any(message in str(error) for message in _LOST_MESSAGES):
        return None
    return JobResult(
        outcome="failed",
        code=EXIT_FAILED,
        reason=f"one of the processes ended at step {step}",
        advice="Resume it: it goes on from the last checkpoint.",
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory did not suffice, a GPU's or the machine's."""
    on_host = isinstance(error, MemoryError) or "can't allocate memory" in str(error)
    return on_host or _is_of_gpu(error)


def _is_of_gpu(error: BaseException) -> bool:
    """Whether a GPU's memory did not suffice; cuBLAS and cuDNN have messages of their own."""
    return isinstance(error, torch.OutOfMemoryError) or any(
        message in str(error) for message in _GPU_MESSAGES
    )


def _halvings(job: Job) -> int:
    try:
        return msgspec.json.decode((job.path / _FILE).read_bytes(), type=MicroBatches).halvings
    except (OSError, msgspec.MsgspecError):
        return 0
