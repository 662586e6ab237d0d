"""What a run needs before its first step: the model, the data, the optimizer."""

import contextlib
import math
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from titletui.atomic_write import sync_directory
from titletui.corpus.paper import Paper
from titletui.errors import TitletuiError
from titletui.jobs.events import Note, Progress
from titletui.jobs.worker import JobContext
from titletui.models import device
from titletui.models.loading import LoadedModel, load_model, load_tokenizer
from titletui.models.registry import find_model
from titletui.paths import find_home
from titletui.training.checkpoint import Checkpoint, sync_all
from titletui.training.data import token_cache
from titletui.training.data.dataset import Integers, TrainingSet, build
from titletui.training.data.frozen_papers import frozen_lines, read_papers
from titletui.training.from_scratch import new_model, train_tokenizer
from titletui.training.loss import causal_model
from titletui.training.recipe import Recipe
from titletui.training.run_spec import RunSpec

# Rank 0 downloads, samples and writes while the others wait.
_RANK_TIMEOUT = timedelta(hours=4)
PROBE_TITLES = 256
_PROGRESS_EVERY = 20_000
_PROGRESS_SECONDS = 0.5

T = TypeVar("T")


class StoppedError(Exception):
    """A stop was asked before the first step."""


def make_accelerator(recipe: Recipe) -> Any:
    """Accelerate's handle on the device, the precision and the ranks of a run."""
    from accelerate import Accelerator
    from accelerate.utils import InitProcessGroupKwargs

    return Accelerator(
        cpu=not torch.cuda.is_available(),
        mixed_precision="bf16" if _dtype(recipe) == "bf16" else "no",
        kwargs_handlers=[InitProcessGroupKwargs(timeout=_RANK_TIMEOUT)],
    )


def describe_device(accelerator: Any, recipe: Recipe) -> str:
    """The device, the compute dtype and the number of ranks, for a person."""
    return device.describe_device(accelerator.device, _dtype(recipe), accelerator.num_processes)


def _dtype(recipe: Recipe) -> str:
    kind = "cuda" if torch.cuda.is_available() else "cpu"
    return device.resolve_precision(recipe.precision, torch.device(kind))


def load_base(job: JobContext, spec: RunSpec, found: Checkpoint | None) -> LoadedModel:
    """Load the model of the checkpoint `found`, else the recipe's base.

    Raises:
        StoppedError: a stop was asked while it was downloaded.
        TitletuiError: there is no such model, or it cannot be loaded here.
    """
    recipe, home = spec.recipe, find_home()
    if recipe.quantization != "none" and not torch.cuda.is_available():
        raise TitletuiError(
            f"quantization={recipe.quantization} needs a CUDA GPU, and this machine has none; set "
            "quantization=none."
        )
    if found:
        name = str(found.path)
    elif recipe.base == "new":
        name = str(_new_base(job, spec))
    else:
        name = recipe.base
    loaded = load_model(
        find_model(home, name),
        home=home,
        merge=not found,
        quantization=recipe.quantization,
        on_progress=_DownloadProgress(job),
    )
    if recipe.dropout is not None:
        device.set_dropout(loaded.model, recipe.dropout)
    return loaded


class _DownloadProgress:
    """Emit the progress of a download, twice a second."""

    def __init__(self, job: JobContext) -> None:
        self._job, self._emitted = job, 0.0

    def __call__(self, file: str, done: int, total: int) -> None:
        if self._job.stopping:
            raise StoppedError
        now = time.monotonic()
        if now - self._emitted > _PROGRESS_SECONDS or done == total:
            self._emitted = now
            waiting = f"downloading {file}"
            self._job.emit(Progress(done=done, total=total, unit="bytes", waiting=waiting))


def _new_base(job: JobContext, spec: RunSpec) -> Path:
    """A model with random weights and a tokenizer of its own, made once in the run's folder."""
    folder = job.folder.path / "base"
    if folder.exists():
        return folder
    part = folder.with_name("base.part")
    shutil.rmtree(part, ignore_errors=True)

    def texts() -> Iterator[str]:
        for paper in _papers(job, spec, "reading papers for the tokenizer"):
            yield paper.title
            if paper.abstract and spec.recipe.wants_abstracts:
                yield paper.abstract

    train_tokenizer(texts(), spec.recipe.vocabulary).save_pretrained(part)
    new_model(spec.recipe, load_tokenizer(part)).save_pretrained(part)
    sync_all(part)
    part.rename(folder)
    sync_directory(folder.parent)
    return folder


def max_length(model: Any, recipe: Recipe) -> int:
    """Tokens of the longest sequence: what the recipe asks for and the model can take."""
    context = getattr(causal_model(model).config, "max_position_embeddings", None)
    return min(recipe.max_tokens, context or recipe.max_tokens)


def load_data(job: JobContext, spec: RunSpec, tokenizer: Any, max_length: int) -> TrainingSet:
    """The frozen papers as token sequences, encoded once and cached in the run's folder.

    Raises:
        StoppedError: a stop was asked meanwhile.
        TitletuiError: the papers are damaged, or none of them fits the task.
    """
    key = token_cache.cache_key(spec, tokenizer, max_length)
    data = None
    try:
        data = token_cache.load(job.folder.path, key)
    except token_cache.StaleCacheError as error:
        job.emit(Note(text=f"The token sequences are made again ({error})."))
    if data is not None:
        lines = frozen_lines(job.folder.papers, spec.sha256)
        for _ in _with_progress(job, spec, lines, "checking the papers"):
            pass
    else:
        papers = _papers(job, spec, "reading papers")
        data = build(papers, spec.recipe, tokenizer, max_length)
        with contextlib.suppress(OSError, token_cache.StaleCacheError):
            token_cache.save(job.folder.path, key, data)
            # Mapped into memory, the sequences of a large corpus need no room of their own.
            data = token_cache.load(job.folder.path, key) or data
    if data.left_out:
        job.emit(
            Note(
                text=f"{data.left_out} of {spec.papers} papers give no example for the task "
                f"{spec.recipe.task} (too long, or without what it needs)."
            )
        )
    return data


def _papers(job: JobContext, spec: RunSpec, waiting: str) -> Iterator[Paper]:
    return _with_progress(job, spec, read_papers(job.folder.papers, spec.sha256), waiting)


def _with_progress(
    job: JobContext, spec: RunSpec, papers: Iterator[T], waiting: str
) -> Iterator[T]:
    """Emit how many papers have been read, and stop where that is asked."""
    for count, paper in enumerate(papers):
        if count % _PROGRESS_EVERY == 0:
            job.emit(Progress(done=count, total=spec.papers, waiting=waiting))
            if job.stopping:
                raise StoppedError
        yield paper


def add_adapters(model: Any, recipe: Recipe) -> Any:
    """Add LoRA adapters (Hu et al. 2021) where the recipe trains those, and freeze the rest."""
    if recipe.method == "lora" and not hasattr(model, "peft_config"):
        from peft import LoraConfig, get_peft_model

        model = get_peft_model(
            model,
            LoraConfig(
                r=recipe.lora_r,
                lora_alpha=recipe.lora_alpha,
                lora_dropout=recipe.lora_dropout,
                task_type="CAUSAL_LM",
            ),
        )
    if recipe.freeze_embeddings:
        causal_model(model).get_input_embeddings().weight.requires_grad_(False)
    return model


def make_optimizer(module: Any, recipe: Recipe) -> tuple[torch.optim.AdamW, list[str]]:
    """AdamW over all trained parameters, and their names in its order.

    Weight decay is on matrices only (Loshchilov and Hutter 2019).
    """
    trained = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    matrices = [(name, p) for name, p in trained if p.dim() > 1]
    vectors = [(name, p) for name, p in trained if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for _, p in matrices], "weight_decay": recipe.weight_decay},
            {"params": [p for _, p in vectors], "weight_decay": 0.0},
        ],
        lr=recipe.learning_rate,
        fused=True,
    )
    return optimizer, [name for name, _ in matrices + vectors]


def count_steps(recipe: Recipe, batches_per_epoch: float) -> int:
    """Optimizer steps of a run."""
    in_epochs = math.ceil(recipe.epochs * batches_per_epoch / recipe.accumulation)
    return recipe.steps or max(1, in_epochs)


def probe_rows(data: TrainingSet, recipe: Recipe) -> Integers:
    """Some rows of the training set, always the same, to measure in evaluation mode."""
    count = min(PROBE_TITLES, len(data.train))
    chosen = np.random.default_rng([recipe.seed]).choice(len(data.train), count, replace=False)
    return np.asarray(chosen, dtype=np.int64)
