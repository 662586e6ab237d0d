"""Prepare, start, resume and continue runs."""

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

import msgspec

from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.errors import TitletuiError, UsageError
from titletui.jobs import launch
from titletui.jobs.job import Job, State, create_job, find_job, list_jobs
from titletui.models import gpu, validation
from titletui.models.registry import find_model, resolve_adapter_chain
from titletui.paths import Home, private_folder
from titletui.training.data.frozen_papers import freeze_papers
from titletui.training.launch.launch_env import run_command, run_environment
from titletui.training.launch.memory_check import check_memory, lock_gpu
from titletui.training.launch.slurm import check_slurm, submit
from titletui.training.presets import STARRED, checked, override, preset
from titletui.training.recipe import Recipe
from titletui.training.run_history import RunView
from titletui.training.run_spec import MIN_PAPERS, RunSpec

# Libraries whose versions decide the result.
_LIBRARIES = ("torch", "transformers", "tokenizers", "accelerate", "peft")


def prepare_run(
    home: Home,
    store: CorpusStore,
    corpus: str,
    recipe: Recipe,
    *,
    name: str | None = None,
    processes: int = 1,
    slurm: bool = False,
    parent: str = "",
    papers: Sequence[Paper] | None = None,
) -> Job:
    """Freeze the papers and create the run's folder; `start_run` starts it.

    Args:
        name: of the run; None takes the corpus' name with the next free number.
        processes: ranks on this machine that share each batch.
        slurm: submit it to Slurm.
        parent: the run that it continues, for the record.
        papers: train on these in place of the corpus; `corpus` is then only their label.

    Raises:
        UsageError: the corpus, the base model or the recipe is invalid.
        TitletuiError: there are too few papers, memory is short, or the folder cannot be created.
    """
    checked(recipe)
    if not 1 <= processes <= 1024:
        raise UsageError(f"processes: must be a whole number from 1 to 1024, not {processes}.")
    if not recipe.base:
        raise UsageError(
            f"The preset {recipe.preset} needs a base model: give a folder or a hub id as base."
        )
    count = store.summary(corpus).papers if papers is None else len(papers)
    if recipe.base != "new":
        _check_base(home, recipe)
    if slurm:
        check_slurm()
    else:
        check_memory(home, recipe, processes)
    if count < MIN_PAPERS:
        what = f"The corpus {corpus} has {count} papers" if papers is None else f"{count} titles"
        raise TitletuiError(f"{what}; a run needs at least {MIN_PAPERS}.")
    private_folder(home.jobs)
    part = home.jobs / f".papers-{os.getpid()}-{secrets.token_hex(4)}.gz"
    try:
        frozen = store.papers(corpus) if papers is None else papers
        count, digest = freeze_papers(frozen, part, abstracts=recipe.wants_abstracts)
        spec = RunSpec(
            recipe=recipe,
            corpus=corpus,
            papers=count,
            sha256=digest,
            processes=processes,
            slurm=slurm,
            parent=parent,
        )
        with contextlib.nullcontext() if slurm else lock_gpu(home):
            job = create_job(home.jobs, "run", name or free_name(home, corpus), spec, _versions())
            shutil.move(part, job.papers)
    except OSError as error:
        raise TitletuiError(f"The run cannot be prepared ({error.strerror}).") from error
    finally:
        part.unlink(missing_ok=True)
    return job


def _check_base(home: Home, recipe: Recipe) -> None:
    """Check that the base model, where it is on this machine already, can be loaded."""
    *adapters, base = resolve_adapter_chain(home, find_model(home, recipe.base))
    for adapter in adapters:
        validation.check_adapter(adapter.path or Path())
    if base.path is not None:
        validation.check_model(base.path)
    if recipe.quantization != "none" and not gpu.has_gpu():
        raise TitletuiError(
            f"quantization={recipe.quantization} needs a CUDA GPU, and this machine has none; set "
            "quantization=none."
        )


def start_run(job: Job) -> Job:
    """Start a prepared run, detached, and return it.

    Raises:
        TitletuiError: it cannot be started.
    """
    if job.work(RunSpec).slurm:
        submit(job)
    else:
        launch.start(job, run_command(job), run_environment(job))
    return job


def resume_run(home: Home, name: str) -> Job:
    """Resume a run that was stopped, interrupted or failed.

    Raises:
        UsageError: there is no such run.
        TitletuiError: it is done, or running.
    """
    job = find_job(home.jobs, "run", name)
    state = job.state
    if state == State.DONE:
        raise TitletuiError(
            f"The run {name} is done; to train its model further, continue it as a new run."
        )
    if not state.resumable:
        raise TitletuiError(f"The run {name} is {state.value}; it cannot be resumed now.")
    with contextlib.nullcontext() if job.work(RunSpec).slurm else lock_gpu(home):
        start_run(job)
    return job


def parent_spec(home: Home, parent: str) -> RunSpec:
    """The spec of a run that is to be continued.

    Args:
        parent: `RUN`, `RUN@STEP` or `RUN@best`.

    Raises:
        UsageError: there is no such run.
    """
    return find_job(home.jobs, "run", parent.partition("@")[0]).work(RunSpec)


def continuation_recipe(
    recipe: Recipe, parent: str, changes: Mapping[str, str], *, starred: bool = False
) -> Recipe:
    """The recipe of a run that continues from the model of another.

    Args:
        recipe: the parent's.
        parent: `RUN`, `RUN@STEP` or `RUN@best`.
        changes: fields to change, as text.
        starred: train on starred titles. They are few, so that only the task of the parent's
            recipe is kept.

    Raises:
        UsageError: a change is impossible.
    """
    if starred and recipe.preset != STARRED:
        recipe = msgspec.structs.replace(preset(STARRED), task=recipe.task)
    return override(msgspec.structs.replace(recipe, base=parent), changes)


def free_name(home: Home, corpus: str) -> str:
    """The next free name of a run on a corpus: `eess-as-1`."""
    stem = re.sub(r"[^\w]+", "-", corpus.casefold()).strip("-")[:60] or "run"
    taken = {job.name for job in list_jobs(home.jobs, "run")}
    number = 1
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"


def _versions() -> dict[str, str]:
    found = {}
    for library in _LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            found[library] = "missing"
    return found


def run_views(home: Home) -> list[RunView]:
    """All runs, the newest first, each read to the end of its log."""
    views = [RunView(job) for job in list_jobs(home.jobs, "run")]
    for view in views:
        view.refresh()
    return views
