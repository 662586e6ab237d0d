"""How long one waits for the first titles."""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from titletui.models.registry import ModelInfo

ROUNDS = 5
LOAD = """
import time, torch
clocks = time.perf_counter, time.process_time
began = [clock() for clock in clocks]
import pathlib, sys
from titletui.generation.engine import open_engine
from titletui.paths import Home
imported = [clock() for clock in clocks]
nowhere = pathlib.Path("/nonexistent")
engine = open_engine(Home(nowhere, nowhere, nowhere, nowhere), sys.argv[1], lambda _: None)
loaded = [clock() for clock in clocks]
for before, after in ((began, imported), (imported, loaded)):
    print(*(late - early for early, late in zip(before, after)))
"""


def show(model: ModelInfo, options: argparse.Namespace) -> None:
    """Prints seconds, fresh processes each time: by the clock, and of the processor."""
    name = str(model.path)
    with tempfile.TemporaryDirectory() as scratch:
        environment = {**os.environ, "TITLETUI_HOME": scratch}
        print(f"load average {os.getloadavg()[0]:.1f}, {ROUNDS} fresh processes each")
        rows: list[list[float]] = []
        for _ in range(ROUNDS):
            command = [sys.executable, "-c", LOAD, name]
            done = subprocess.run(
                command, env=environment, check=True, capture_output=True, text=True
            )
            rows.append([float(part) for part in done.stdout.split()])
        columns = list(zip(*rows, strict=True))
        for label, first in (("our imports, after torch", 0), ("the model, after those", 2)):
            _line(label, columns[first])
            _line("  of the processor", columns[first + 1])
        for label, command in {
            "titletui generate -n 10": ["-m", "titletui", "generate", "-n", "10", "--model", name],
            "import torch, for comparison": ["-c", "import torch"],
        }.items():
            clock, processor = [], []
            for _ in range(ROUNDS):
                before, began = _processor(), time.perf_counter()
                subprocess.run(
                    [sys.executable, *command], env=environment, check=True, capture_output=True
                )
                clock.append(time.perf_counter() - began)
                processor.append(_processor() - before)
            _line(label, clock)
            _line("  of the processor", processor)


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _line(label: str, seconds: Sequence[float]) -> None:
    print(
        f"{label:30}{statistics.median(seconds):7.2f} s   ({min(seconds):.2f}–{max(seconds):.2f})"
    )
