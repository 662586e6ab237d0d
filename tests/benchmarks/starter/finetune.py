"""What a model is worth as a beginning: fine-tuned for some minutes, beside random weights.

Both are runs of `titletui train` with the same architecture, tokenizer, papers held out and time;
the rate is constant, so that the best of any moment can be compared. Where the model has been
trained on papers of this corpus, the loss on those that it has never seen stands below.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.starter.heldout import load, score
from tests.benchmarks.starter.papers import is_heldout, kept_share, read_papers
from titletui.jobs.events import Heldout, Started, Step
from titletui.jobs.job import Job
from titletui.models.registry import ModelInfo, find_model
from titletui.paths import Home

HELDOUT = 0.2
EVERY = 20
KEPT = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")


def show(model: ModelInfo, options: argparse.Namespace) -> None:
    """Prints the held-out loss of both runs over time, and the best of each."""
    assert model.path is not None
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        random = home / "random"
        _random_weights(model.path, random)
        _titletui(home, "import", str(options.corpus), "--name", "corner")
        print(
            f"{options.minutes:g} minutes each, {'side by side' if options.together else 'in turn'}"
            f", OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'unset')}, "
            f"load average {os.getloadavg()[0]:.1f} before",
            flush=True,
        )
        bases = {"model": (model.path, options.rate), "random": (random, options.new_rate)}
        jobs: list[Job] = []
        try:
            for name, (base, rate) in bases.items():
                jobs.append(_start(home, name, base, rate))
                if not options.together:
                    _wait(home, jobs[-1:], options.minutes)
            _wait(home, jobs, options.minutes)
        finally:
            _wait(home, jobs, 0)
        print(f"load average {os.getloadavg()[0]:.1f} after")
        best = [_report(job, bases[job.name][1]) for job in jobs]
        _unseen(home, model, options.corpus, jobs, best)


def _random_weights(source: Path, folder: Path) -> None:
    """The same model before any training, as a folder."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.manual_seed(0)
    config = AutoConfig.from_pretrained(source)
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
    for name in KEPT:
        if (source / name).exists() and not (folder / name).exists():
            shutil.copy(source / name, folder)


def _titletui(home: Path, *words: str) -> None:
    environment = {**os.environ, "TITLETUI_HOME": str(home)}
    command = [sys.executable, "-m", "titletui", *words]
    subprocess.run(command, env=environment, check=True, capture_output=True)


def _start(home: Path, name: str, base: Path, rate: str) -> Job:
    settings = {
        "heldout": HELDOUT,
        "learning_rate": rate,
        "schedule": "constant",
        "eval_every": EVERY,
        "save_every": EVERY,
        "sample_every": 1_000_000,
        "final_titles": 1,
        "keep": 1,
    }
    chosen = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    long = ["--steps", "1000000", "--run", name, "--detach"]
    _titletui(home, "train", "corner", "--base", str(base), *long, *chosen)
    return Job(home / "jobs" / "run" / name)


def _wait(home: Path, jobs: list[Job], minutes: float) -> None:
    """Lets runs go on until they have had their time, counted from the loaded model; ends them."""
    asked: set[str] = set()
    while any(job.state.alive for job in jobs):
        for job in jobs:
            over = time.time() - _began(job) > minutes * 60
            if job.state.alive and over and job.name not in asked:
                _titletui(home, "stop", job.name)
                asked.add(job.name)
        time.sleep(0.5)


def _began(job: Job) -> float:
    """When its model and papers were there; the end of time while they are not."""
    return next((e.t for e in job.tail().read() if isinstance(e, Started)), float("inf"))


def _report(job: Job, rate: str) -> int:
    """Prints how one run went; returns the step of its best held-out loss."""
    events, began = job.tail().read(), _began(job)
    steps = [event for event in events if isinstance(event, Step)]
    losses = [e for e in events if isinstance(e, Heldout) and e.loss is not None]
    best = min(losses, key=lambda event: event.loss or 0.0)
    tokens = sum(step.tokens for step in steps if step.step <= best.step)
    print(
        f"\n{job.name}, learning rate {rate}: {len(steps)} steps; best held-out loss "
        f"{best.loss:.3f} ({best.bits:.3f} bits a character) at step {best.step}, "
        f"{tokens:,} title tokens, {best.t - began:.0f} s"
    )
    shown = [*losses[:: max(1, len(losses) // 8)], losses[-1]]
    print("  " + "  ".join(f"{e.t - began:.0f} s {e.loss:.3f}" for e in shown))
    return best.step


def _unseen(home: Path, model: ModelInfo, corpus: Path, jobs: list[Job], best: list[int]) -> None:
    """Prints the loss of each run's best checkpoint on papers that the model has never seen."""
    share = kept_share(model)
    papers = [paper for paper in read_papers(corpus) if is_heldout(paper, share)]
    if not papers:
        return
    print("\nnever seen by either")
    where = Home(home, home, home, home)
    for job, step in zip(jobs, best, strict=True):
        found = find_model(where, f"{job.name}@{step}") if step else None
        if found is not None:
            print(f"  {job.name:8}{score(load(found), papers)}")
