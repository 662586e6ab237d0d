"""Folders of runs for the tests of the screens, with logs as the worker writes them."""

import contextlib
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence

from titletui.jobs.event_log import EventLog
from titletui.jobs.events import (
    AnyEvent,
    Diverged,
    Heldout,
    Overfit,
    Preview,
    Saved,
    Started,
    Step,
)
from titletui.jobs.job import Job, JobResult, create_job
from titletui.paths import Home
from titletui.training.recipe import Recipe
from titletui.training.run_spec import RunSpec


def run_folder(
    home: Home,
    name: str,
    losses: Sequence[float],
    *,
    averages: Sequence[float] | None = None,
    steps: int | None = None,
    every: int = 50,
    previews: Sequence[str] = ("A Title", "Another Title"),
    copies: float = 0.0,
    more: Sequence[AnyEvent] = (),
    ended: JobResult | None = None,
    recipe: Recipe | None = None,
    parent: str = "",
) -> Job:
    """A run that got as far as `losses` go; a loss that is not finite ends it as diverged."""
    recipe = recipe or Recipe(steps=steps or len(losses))
    plan = RunSpec(recipe=recipe, corpus="eess.AS", papers=3064, sha256="0" * 64, parent=parent)
    job = create_job(home.jobs, "run", name, plan)
    averages = losses if averages is None else averages
    with EventLog(job.events) as log:
        log.append(Started(pid=1, device="cpu", threshold=recipe.overfit_below))
        for step, (loss, average) in enumerate(zip(losses, averages, strict=True), start=1):
            finite = math.isfinite(loss)
            log.append(
                Step(
                    step=step,
                    loss=loss if finite else None,
                    average=average if finite else None,
                    rate=3e-4,
                    norm=0.9,
                    tokens=400,
                    speed=812.0,
                    eta=360.0,
                    memory=1_200_000_000,
                )
            )
            if not finite:
                log.append(Diverged(step=step))
                break
            if step % every == 0:
                log.append(Heldout(step=step, loss=average * 1.1, bits=1.5))
                log.append(Saved(step=step))
                log.append(Preview(step=step, titles=list(previews), copies=copies))
        for event in more:
            log.append(event)
    if ended is not None:
        job.record_exit(ended, job.began)
    return job


def overfit_run(home: Home, name: str = "over") -> Job:
    """A finished run whose average loss fell below 0.1 at step 431."""
    losses = [max(0.05, 3.0 * 0.992**step) for step in range(1, 501)]
    event = Overfit(step=431, average=0.097, threshold=0.1, copies=0.12)
    return run_folder(home, name, losses, more=[event], ended=JobResult(outcome="done"))


@contextlib.contextmanager
def held(job: Job) -> Iterator[None]:
    """Another process holds the lock of `job`, as its worker would."""
    code = "import sys; from pathlib import Path; from titletui.jobs.process_lock import Lock; "
    code += "Lock(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(job.lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield
    finally:
        process.communicate("")
