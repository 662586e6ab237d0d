"""Runs as the faces see them: started, resumed, and read while they go on."""

import gzip
import hashlib
import math
import os
import re
import secrets
import shutil
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Literal

import msgspec

from titletui.atomic import sync_folder
from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.errors import TitletuiError, UsageError
from titletui.home import Home, checked_name, private_folder
from titletui.jobs import launch
from titletui.jobs.events import (
    AnyEvent,
    Diverged,
    Ended,
    Evaluated,
    Heldout,
    Note,
    Overfit,
    Preview,
    Progress,
    Rising,
    Saved,
    Started,
    Step,
)
from titletui.jobs.folder import JobFolder, State, create_job, find_job, list_jobs
from titletui.jobs.launch import WORKERS
from titletui.training import gpu, safety
from titletui.training.base_models import find_model
from titletui.training.plan import Plan
from titletui.training.presets import checked, override
from titletui.training.recipe import Recipe

FEWEST_PAPERS = 10
_SHAPING = ("torch", "transformers", "tokenizers", "accelerate", "peft")
# Memory stays with the worker between batches: a third more speed on the CPU.
_ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
    "MALLOC_TOP_PAD_": str(64 << 20),
    "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
    "TOKENIZERS_PARALLELISM": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}


def start_run(
    home: Home,
    store: CorpusStore,
    corpus: str,
    recipe: Recipe,
    *,
    name: str | None = None,
    processes: int = 1,
    slurm: bool = False,
    parent: str = "",
) -> JobFolder:
    """Freezes the papers, makes the run's folder and starts it, detached.

    Args:
        name: of the run; None takes the corpus' name with the next free number.
        processes: side by side on this machine, sharing each batch.
        slurm: submit it to Slurm.
        parent: the run that it goes on from, for the record.

    Raises:
        UsageError: the corpus, the base model or the recipe is not as it must be.
        TitletuiError: there are too few papers, or the job cannot be made or started.
    """
    job = prepare_run(
        home,
        store,
        corpus,
        recipe,
        name=name,
        processes=processes,
        slurm=slurm,
        parent=parent,
    )
    _launch(job)
    return job


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
) -> JobFolder:
    """As `start_run`, without starting it."""
    checked(recipe)
    if not 1 <= processes <= 1024:
        raise UsageError(f"processes: must be a whole number from 1 to 1024, not {processes}.")
    if not recipe.base:
        raise UsageError(
            f"The preset {recipe.preset} needs a base model: give a folder or a hub id as base."
        )
    summary = store.summary(corpus)
    if recipe.base != "new":
        _check_base(home, recipe)
    if summary.papers < FEWEST_PAPERS:
        raise TitletuiError(
            f"The corpus {corpus} has {summary.papers} papers; a run needs at least "
            f"{FEWEST_PAPERS}."
        )
    private_folder(home.jobs)
    part = home.jobs / f".papers-{os.getpid()}-{secrets.token_hex(4)}.gz"
    try:
        count, digest = _freeze(store, corpus, recipe, part)
        plan = Plan(
            recipe=recipe,
            corpus=corpus,
            papers=count,
            sha256=digest,
            processes=processes,
            slurm=slurm,
            parent=parent,
        )
        job = create_job(home.jobs, "run", name or free_name(home, corpus), plan, _versions())
        shutil.move(part, job.papers)
    except OSError as error:
        raise TitletuiError(f"The run cannot be prepared ({error.strerror}).") from error
    finally:
        part.unlink(missing_ok=True)
    return job


def _check_base(home: Home, recipe: Recipe) -> None:
    """Makes sure that the base model, where it is here already, is fit to be loaded."""
    info = find_model(home, recipe.base)
    while info.adapter:
        safety.check_adapter(info.path or Path())
        info = find_model(home, info.base)
    if info.path is not None:
        safety.check_model(info.path)
    if recipe.quantization != "none" and not gpu.has_gpu():
        raise TitletuiError(
            f"quantization={recipe.quantization} needs a CUDA GPU, and this machine has none; set "
            "quantization=none."
        )


def _launch(job: JobFolder) -> None:
    plan = job.work(Plan)
    command, environment = None, dict(_ALLOCATOR)
    if plan.processes > 1:
        command = [
            sys.executable, "-P", "-m", "torch.distributed.run", "--standalone",
            f"--nproc-per-node={plan.processes}", "-m", WORKERS["run"], str(job.path),
        ]  # fmt: skip
        if "OMP_NUM_THREADS" not in os.environ:
            threads = max(1, (os.cpu_count() or 1) // plan.processes)
            environment["OMP_NUM_THREADS"] = str(threads)
    launch.start(job, command, environment)


def resume_run(home: Home, name: str) -> JobFolder:
    """Lets a run that was stopped or interrupted go on.

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
    _launch(job)
    return job


def continue_run(
    home: Home,
    store: CorpusStore,
    parent: str,
    *,
    corpus: str | None = None,
    changes: Mapping[str, str] | None = None,
    name: str | None = None,
    processes: int = 1,
    slurm: bool = False,
    start: bool = True,
) -> JobFolder:
    """A new run from the model of another, on the same corpus or another one.

    Args:
        parent: `RUN`, `RUN@STEP` or `RUN@best`.
        changes: fields of the parent's recipe to change, as text.
        start: False only makes its folder.

    Raises:
        UsageError, TitletuiError: as `start_run`, or the parent has no model yet.
    """
    plan = find_job(home.jobs, "run", parent.partition("@")[0]).work(Plan)
    recipe = msgspec.structs.replace(plan.recipe, base=parent)
    make = start_run if start else prepare_run
    return make(
        home,
        store,
        corpus or plan.corpus,
        override(recipe, changes or {}),
        name=name,
        processes=processes,
        slurm=slurm,
        parent=parent,
    )


def rename_run(home: Home, name: str, new: str) -> JobFolder:
    """Gives a run that is not running another name.

    Raises:
        UsageError: there is no such run, or the new name cannot name a folder.
        TitletuiError: it runs, or the new name is taken.
    """
    job = find_job(home.jobs, "run", name)
    if job.state.alive:
        raise TitletuiError(f"{name} is running; stop it before you rename it.")
    target = job.path.with_name(checked_name(new, "run name"))
    if target.exists():
        raise TitletuiError(f"There is a run named {new} already; choose another name.")
    job.path.rename(target)
    sync_folder(target.parent)
    return JobFolder(target)


def free_name(home: Home, corpus: str) -> str:
    """A run's name after its corpus that no run has yet: `eess-as-1`."""
    stem = re.sub(r"[^\w]+", "-", corpus.casefold()).strip("-")[:60] or "run"
    taken = {job.name for job in list_jobs(home.jobs, "run")}
    number = 1
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"


def _freeze(store: CorpusStore, corpus: str, recipe: Recipe, path: Path) -> tuple[int, str]:
    """Copies what the task needs of the papers to `path`; returns their number and the sha256."""
    digest = hashlib.sha256()
    encoder = msgspec.json.Encoder()
    count = 0
    with gzip.GzipFile(path, "wb", compresslevel=3, mtime=0) as file:
        path.chmod(0o600)
        for paper in store.papers(corpus):
            kept = Paper(
                id=paper.id,
                title=paper.title,
                abstract=paper.abstract if recipe.wants_abstracts else "",
            )
            line = encoder.encode(_filled(kept)) + b"\n"
            digest.update(line)
            file.write(line)
            count += 1
    return count, digest.hexdigest()


def _filled(paper: Paper) -> dict[str, str]:
    kept = {"id": paper.id, "title": paper.title}
    return {**kept, "abstract": paper.abstract} if paper.abstract else kept


def _versions() -> dict[str, str]:
    found = {}
    for library in _SHAPING:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            found[library] = "missing"
    return found


class RunView:
    """A run's folder as a panel shows it; `refresh()` reads what came since.

    Args:
        last: leave out all but so many bytes of the log, for a first look at a very long one.

    Attributes:
        steps_done, losses, averages: one entry a step; NaN where the loss was not finite.
        heldout_steps, heldout: the held-out losses.
        last: the newest step.
        overfit, rising, diverged: the events, once they happened.
        progress: what the worker does before its first step.
        checkpoints: steps of the checkpoints that were written.
    """

    def __init__(self, job: JobFolder, *, last: int | None = None) -> None:
        self.job = job
        self.plan: Plan | None = None
        self.problem = ""
        try:
            self.plan = job.work(Plan)
        except TitletuiError as error:
            self.problem = str(error)
        self._tail = job.tail()
        if last is not None:
            self._tail.skip_to_last(last)
        self._clear()

    def _clear(self) -> None:
        self.steps_done: list[int] = []
        self.losses: list[float] = []
        self.averages: list[float] = []
        self.heldout_steps: list[int] = []
        self.heldout: list[float] = []
        self.bits: float | None = None
        self.previews: list[Preview] = []
        self.notes: list[Note] = []
        self.checkpoints: list[int] = []
        self.last: Step | None = None
        self.overfit: Overfit | None = None
        self.rising: Rising | None = None
        self.diverged: Diverged | None = None
        self.evaluated: Evaluated | None = None
        self.progress: Progress | None = None
        self.ended: Ended | None = None
        self.device = ""
        self._steps: int | None = None
        self._threshold: float | None = None

    @property
    def name(self) -> str:
        return self.job.name

    @property
    def state(self) -> State:
        return self.job.state

    @property
    def step(self) -> int:
        return self.steps_done[-1] if self.steps_done else 0

    @property
    def steps(self) -> int | None:
        """How many there will be; None while that is not known."""
        return self._steps or (self.plan.recipe.steps if self.plan else None)

    @property
    def threshold(self) -> float | None:
        """The average loss under which the run is overfit; None where the rule is off."""
        if self._threshold is None:
            return (self.plan.recipe.overfit_below if self.plan else 0.0) or None
        return self._threshold or None

    @property
    def loss(self) -> float | None:
        """The average training loss now."""
        return _finite(self.averages[-1]) if self.averages else None

    @property
    def heldout_loss(self) -> float | None:
        """The newest held-out loss."""
        return _finite(self.heldout[-1]) if self.heldout else None

    @property
    def perplexity(self) -> float | None:
        """Per token, on the held-out papers."""
        loss = self.heldout_loss
        return math.exp(min(loss, 700)) if loss is not None else None

    @property
    def best(self) -> tuple[int, float] | None:
        """The step of the lowest held-out loss and that loss."""
        finite = [
            (loss, step)
            for step, loss in zip(self.heldout_steps, self.heldout, strict=True)
            if step > 0 and math.isfinite(loss)
        ]
        return (min(finite)[1], min(finite)[0]) if finite else None

    @property
    def eta(self) -> float | None:
        """Seconds until the last step, while it runs."""
        return self.last.eta if self.last and self.state == State.RUNNING else None

    @property
    def preview(self) -> Preview | None:
        return self.previews[-1] if self.previews else None

    @property
    def copies(self) -> float:
        """The share of copies among the newest preview titles."""
        return self.preview.copies if self.preview else 0.0

    @property
    def bad_lines(self) -> int:
        """Lines of the log that could not be read."""
        return self._tail.bad

    @property
    def condition(self) -> Literal["", "overfit", "diverged"]:
        if self.diverged:
            return "diverged"
        return "overfit" if self.overfit else ""

    @property
    def unread(self) -> int:
        """Bytes of the log that were not taken in yet."""
        return self._tail.unread

    def refresh(self, most: int | None = None) -> bool:
        """Takes in what was added to the log; returns whether there was anything.

        Args:
            most: bytes to take in, by the megabyte; None for all.
        """
        events = self._tail.read(most)
        for event in events:
            self._take(event)
        return bool(events)

    def _take(self, event: AnyEvent) -> None:
        if isinstance(event, Step):
            self._take_step(event)
        elif isinstance(event, Heldout):
            self.heldout_steps.append(event.step)
            self.heldout.append(math.nan if event.loss is None else event.loss)
            self.bits = event.bits
        elif isinstance(event, Preview):
            self.previews.append(event)
        elif isinstance(event, Started):
            self._rewind(event.step)
            self.device = event.device
            self._steps = event.steps or None
            self._threshold = event.threshold
            self.ended = None
        elif isinstance(event, Saved):
            self.checkpoints.append(event.step)
        elif isinstance(event, Note):
            self.notes.append(event)
        elif isinstance(event, Progress):
            self.progress = event
        elif isinstance(event, Overfit):
            self.overfit = event
        elif isinstance(event, Rising):
            self.rising = event
        elif isinstance(event, Diverged):
            self.diverged = event
        elif isinstance(event, Evaluated):
            self.evaluated = event
        elif isinstance(event, Ended):
            self.ended = event

    def _take_step(self, event: Step) -> None:
        self.steps_done.append(event.step)
        self.losses.append(math.nan if event.loss is None else event.loss)
        self.averages.append(math.nan if event.average is None else event.average)
        if event.loss is not None:
            self.last = event
        self.progress = None

    def _rewind(self, step: int) -> None:
        """Forgets what an earlier worker said of later steps: they were undone."""
        while self.steps_done and self.steps_done[-1] > step:
            for series in (self.steps_done, self.losses, self.averages):
                series.pop()
        while self.heldout_steps and self.heldout_steps[-1] > step:
            self.heldout_steps.pop()
            self.heldout.pop()
        # At step 0 the held-out loss is measured again.
        if step == 0:
            self.heldout_steps.clear()
            self.heldout.clear()
        self.previews = [event for event in self.previews if event.step <= step]
        self.checkpoints = [number for number in self.checkpoints if number <= step]
        self.overfit = self.overfit if self.overfit and self.overfit.step <= step else None
        self.rising = self.rising if self.rising and self.rising.step <= step else None
        self.diverged = None
        self.evaluated = None
        self.progress = None


def views(home: Home) -> list[RunView]:
    """All runs, the newest first, each read to the end of its log."""
    found = [RunView(job) for job in list_jobs(home.jobs, "run")]
    for view in found:
        view.refresh()
    return found


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
