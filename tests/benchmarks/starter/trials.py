"""Small trials of a starter's shape and recipe: one thing changed at a time.

Each is a run of `titletui train` from random weights, one epoch of the same titles, so that all
have read the same text; a trial's price is the processor time of its worker. What wins on so little
text need not win on more.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.benchmarks.starter.papers import read_papers
from titletui.jobs.events import Heldout, Started, Step
from titletui.jobs.job import Job
from titletui.models.registry import ModelInfo

PLAIN = {
    "vocabulary": 8192,
    "width": 256,
    "layers": 6,
    "heads": 4,
    "context": 512,
    "learning_rate": 0.0015,
    "schedule": "cosine",
    "warmup_steps": 30,
    "weight_decay": 0.05,
    "batch_tokens": 2048,
}
TRIALS: dict[str, dict[str, object]] = {
    "as it is": {},
    "vocabulary 4,096": {"vocabulary": 4096},
    "vocabulary 16,384": {"vocabulary": 16384},
    "3 × 352": {"layers": 3, "width": 352},
    "12 × 184": {"layers": 12, "width": 184},
    "Llama": {"architecture": "llama"},
    "rate 0.00075": {"learning_rate": 0.00075},
    "rate 0.003": {"learning_rate": 0.003},
    "linear": {"schedule": "linear"},
    "constant": {"schedule": "constant"},
    "batches of 1,024": {"batch_tokens": 1024},
    "batches of 4,096": {"batch_tokens": 4096},
}


def show(_: ModelInfo, options: argparse.Namespace) -> None:
    """Prints a line for each trial as it ends."""
    papers = list(read_papers(options.papers))
    papers = papers[:: max(1, len(papers) // options.titles)][: options.titles]
    print(f"one epoch of {len(papers):,} titles, 5 % held out, seed {options.seed}")
    print(f"{'':20}{'steps':>7}{'MB':>7}{'bits/char':>11}{'nats/token':>12}{'processor':>11}")
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        source = home / "titles.txt"
        source.write_text("".join(f"{paper.title}\n" for paper in papers), encoding="utf-8")
        _titletui(home, "import", str(source), "--name", "titles")
        for name, changed in TRIALS.items():
            _line(name, *_run(home, {**PLAIN, **changed, "seed": options.seed}))


def _titletui(home: Path, *words: str) -> None:
    environment = {**os.environ, "TITLETUI_HOME": str(home)}
    command = [sys.executable, "-m", "titletui", *words]
    subprocess.run(command, env=environment, check=True, capture_output=True)


def _run(home: Path, settings: dict[str, object]) -> tuple[Job, float]:
    """The finished run of a trial, and its worker's processor time in seconds."""
    run = f"trial-{time.time_ns()}"
    kept = {"epochs": 1, "heldout": 0.05, "eval_papers": 2000, "save_as": "fp16"}
    seldom = dict.fromkeys(("eval_every", "save_every", "sample_every"), 1_000_000)
    settings = {**settings, **kept, **seldom, "final_titles": 1}
    chosen = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    _titletui(home, "train", "titles", "--base", "new", "--run", run, "--detach", *chosen)
    job = Job(home / "jobs" / "run" / run)
    seconds = 0.0
    while job.state.alive:
        seconds = max(seconds, _processor_time(job))
        time.sleep(0.3)
    return job, seconds


def _processor_time(job: Job) -> float:
    pid = next((e.pid for e in job.tail().read() if isinstance(e, Started)), 0)
    try:
        times = psutil.Process(pid).cpu_times() if pid else None
    except psutil.Error:
        return 0.0
    return times.user + times.system if times else 0.0


def _line(name: str, job: Job, seconds: float) -> None:
    events = job.tail().read()
    last = [event for event in events if isinstance(event, Heldout)][-1]
    steps = sum(isinstance(event, Step) for event in events)
    size = (job.model / "model.safetensors").stat().st_size / 1e6
    quality = f"{last.bits or 0:11.4f}{last.loss or 0:12.4f}"
    print(f"{name:20}{steps:7}{size:7.1f}{quality}{seconds:9.0f} s", flush=True)
