"""A trained model into a folder that anyone can load."""

import copy
import shutil
from pathlib import Path
from typing import Any

import msgspec
import torch

from titletui.atomic_write import sync_directory
from titletui.jobs.job import Job
from titletui.models.card import CARD, Card
from titletui.models.loading import load_model
from titletui.models.registry import find_model
from titletui.paths import find_home
from titletui.training.checkpoint import Checkpoint, sync_all
from titletui.training.recipe import Recipe
from titletui.training.run_spec import RunSpec

# Files of a checkpoint that are not of its model.
_TRAINER_FILES = ("optimizer.safetensors", "random.safetensors", "state.json", "MANIFEST.json")


def save_model(
    path: Path,
    model: Any,
    tokenizer: Any,
    spec: RunSpec,
    run: str,
    step: int,
) -> None:
    """Write a model in the Hugging Face layout (a LoRA adapter alone), with its card."""
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    recipe = spec.recipe
    folder = Path(recipe.base).expanduser()
    base = str(folder.absolute()) if folder.is_dir() else recipe.base
    card = Card(
        tasks=recipe.tasks,
        corpus=spec.corpus,
        run=run,
        step=step,
        recipe=msgspec.to_builtins(recipe),
        parent=spec.parent,
        base=base if recipe.method == "lora" else "",
    )
    (path / CARD).write_bytes(msgspec.json.encode(card))


def write_finished(
    job: Job,
    spec: RunSpec,
    model: Any,
    tokenizer: Any,
    step: int,
    best: Checkpoint | None,
) -> None:
    """Write the finished model to the run's `model/`, completely or not at all.

    Args:
        best: the checkpoint whose model is to be the finished one; None takes `model`.

    Raises:
        OSError: the disk is full or read-only.
    """
    part = job.path / "model.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700)
    if best is not None and spec.recipe.method == "lora":
        # Copied, so that the base model is not loaded a second time.
        ignored = shutil.ignore_patterns(*_TRAINER_FILES)
        shutil.copytree(best.path, part, ignore=ignored, dirs_exist_ok=True)
    else:
        if best is not None:
            home = find_home()
            model = load_model(find_model(home, str(best.path)), home=home).model
            step = best.step
        model = _cast(model, spec.recipe)
        save_model(part, model, tokenizer, spec, job.name, step)
    sync_all(part)
    shutil.rmtree(job.model, ignore_errors=True)
    part.rename(job.model)
    sync_directory(job.path)


def _cast(model: Any, recipe: Recipe) -> Any:
    """A copy of the model in the dtype that the recipe saves; adapters are left as they are."""
    dtypes = {"bf16": torch.bfloat16, "fp16": torch.float16}
    if recipe.save_as not in dtypes or recipe.method == "lora":
        return model
    return copy.deepcopy(model).to(dtypes[recipe.save_as])
