"""What a run needs before its first step: the model, the examples, the optimizer."""

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import torch

from titletui.atomic_write import sync_directory
from titletui.corpus.paper import Paper
from titletui.errors import TitletuiError
from titletui.jobs.events import Note, Progress
from titletui.jobs.worker import JobContext
from titletui.models import device
from titletui.models.registry import LoadedModel, find_model, load_model, load_tokenizer
from titletui.paths import find_home
from titletui.training.checkpoint import Checkpoint, sync_all
from titletui.training.data import token_cache
from titletui.training.data.dataset import TrainingSet, build, frozen_lines, read_papers
from titletui.training.from_scratch import new_model, train_tokenizer
from titletui.training.loss import causal_model
from titletui.training.recipe import Recipe
from titletui.training.run_spec import RunSpec

_PIECE = 20_000

T = TypeVar("T")


class StoppedError(Exception):
    """Somebody asked the run to stop before its first step."""


def load(job: JobContext, plan: RunSpec, found: Checkpoint | None) -> LoadedModel:
    """The model as it was at the checkpoint `found`, else the recipe's base."""
    recipe, home = plan.recipe, find_home()
    if recipe.quantization != "none" and not torch.cuda.is_available():
        raise TitletuiError(
            f"quantization={recipe.quantization} needs a CUDA GPU, and this machine has none; set "
            "quantization=none."
        )
    if found:
        name = str(found.path)
    elif recipe.base == "new":
        name = str(_new_base(job, plan))
    else:
        name = recipe.base
    loaded = load_model(
        find_model(home, name),
        home=home,
        merge=not found,
        quantization=recipe.quantization,
        on_wait=_Downloading(job),
    )
    if recipe.dropout is not None:
        device.set_dropout(loaded.model, recipe.dropout)
    return loaded


class _Downloading:
    """Says how far a download is, twice a second."""

    def __init__(self, job: JobContext) -> None:
        self._job, self._said = job, 0.0

    def __call__(self, file: str, done: int, total: int) -> None:
        if self._job.stopping:
            raise StoppedError
        now = time.monotonic()
        if now - self._said > 0.5 or done == total:
            self._said = now
            waiting = f"downloading {file}"
            self._job.emit(Progress(done=done, total=total, unit="bytes", waiting=waiting))


def read(job: JobContext, plan: RunSpec, tokenizer: Any, limit: int) -> TrainingSet:
    """The frozen papers as examples, made once and kept beside the run."""
    key = token_cache.key_of(plan, tokenizer, limit)
    data = token_cache.kept(job.folder.path, key)
    if isinstance(data, TrainingSet):
        for _ in _watched(
            job, plan, frozen_lines(job.folder.papers, plan.sha256), "checking the papers"
        ):
            pass
    else:
        if data:
            job.emit(Note(text=f"The token sequences are made again ({data})."))
        data = build(_papers(job, plan, "reading papers"), plan.recipe, tokenizer, limit)
        with contextlib.suppress(OSError):
            token_cache.keep(job.folder.path, key, data)
            again = token_cache.kept(job.folder.path, key)
            data = again if isinstance(again, TrainingSet) else data
    if data.left_out:
        job.emit(
            Note(
                text=f"{data.left_out} of {plan.papers} papers give no example for the task "
                f"{plan.recipe.task} (too long, or without what it needs)."
            )
        )
    return data


def longest(model: Any, recipe: Recipe) -> int:
    """Tokens of the longest sequence: what the recipe asks for and the model can take."""
    context = getattr(causal_model(model).config, "max_position_embeddings", None)
    return min(recipe.max_tokens, context or recipe.max_tokens)


def adapted(model: Any, recipe: Recipe) -> Any:
    """The model with what the recipe trains: LoRA adapters (Hu et al. 2021), or all of it."""
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


def optimizer_of(module: Any, recipe: Recipe) -> tuple[torch.optim.AdamW, list[str]]:
    """AdamW over all that is trained, and the names of its parameters in its order.

    Weight decay is on matrices only (Loshchilov and Hutter 2019).
    """
    named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    matrices = [(name, p) for name, p in named if p.dim() > 1]
    others = [(name, p) for name, p in named if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for _, p in matrices], "weight_decay": recipe.weight_decay},
            {"params": [p for _, p in others], "weight_decay": 0.0},
        ],
        lr=recipe.learning_rate,
        fused=True,
    )
    return optimizer, [name for name, _ in matrices + others]


def _new_base(job: JobContext, plan: RunSpec) -> Path:
    """A model from random weights, made once and kept beside the run."""
    folder = job.folder.path / "base"
    if folder.exists():
        return folder
    part = folder.with_name("base.part")
    shutil.rmtree(part, ignore_errors=True)
    tokenizer = train_tokenizer(_texts(job, plan), plan.recipe.vocabulary)
    tokenizer.save_pretrained(part)
    new_model(plan.recipe, load_tokenizer(part)).save_pretrained(part)
    sync_all(part)
    part.rename(folder)
    sync_directory(folder.parent)
    return folder


def _texts(job: JobContext, plan: RunSpec) -> Iterator[str]:
    for paper in _papers(job, plan, "reading papers for the tokenizer"):
        yield paper.title
        if paper.abstract and plan.recipe.wants_abstracts:
            yield paper.abstract


def _papers(job: JobContext, plan: RunSpec, waiting: str) -> Iterator[Paper]:
    """The frozen papers; says how far it is."""
    return _watched(job, plan, read_papers(job.folder.papers, plan.sha256), waiting)


def _watched(job: JobContext, plan: RunSpec, papers: Iterator[T], waiting: str) -> Iterator[T]:
    for count, paper in enumerate(papers):
        if count % _PIECE == 0:
            job.emit(Progress(done=count, total=plan.papers, waiting=waiting))
            if job.stopping:
                raise StoppedError
        yield paper
