"""Waiting for real processes in tests."""

import contextlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil

from titletui.jobs import launch
from titletui.jobs.job import Job, create_job
from titletui.paths import Home

ROOT = Path(__file__).parents[2]


class Nothing(msgspec.Struct):
    """A job without a description."""


def until(true: Callable[[], object], seconds: float = 120.0) -> None:
    """Waits until `true()`; fails loudly when it does not come."""
    limit = time.monotonic() + seconds
    while not true():
        if time.monotonic() > limit:
            raise AssertionError(f"not within {seconds:g} s")
        time.sleep(0.01)


def counting(
    home: Home, name: str, *arguments: str, environment: dict[str, str] | None = None
) -> Job:
    """A started job that counts."""
    folder = create_job(home.jobs, "harvest", name, Nothing())
    start_counting(folder, *arguments, environment=environment)
    return folder


def start_counting(folder: Job, *arguments: str, environment: dict[str, str] | None = None) -> None:
    """Starts the counting worker on a folder."""
    command = [sys.executable, "-m", "tests.support.counting_worker", str(folder.path), *arguments]
    launch.start(folder, command, {"PYTHONPATH": str(ROOT), **(environment or {})})


def processes_of(folder: Job) -> list[psutil.Process]:
    """The job's processes, supervisor first: its folder stands in their command lines."""
    return [process for _, process in _supervisors_first(str(folder.path).__eq__)]


def workers_of(folder: Job) -> list[psutil.Process]:
    """The job's processes that are no supervisors."""
    return [
        process for is_worker, process in _supervisors_first(str(folder.path).__eq__) if is_worker
    ]


def end_jobs(root: Path) -> None:
    """Kill the processes of all jobs under `root`, supervisors first."""
    if not any(root.glob("jobs/*/*")):
        return
    for _, process in _supervisors_first(lambda word: word.startswith(f"{root}/jobs/")):
        with contextlib.suppress(psutil.Error):
            process.kill()


def _supervisors_first(is_job: Callable[[str], bool]) -> list[tuple[bool, psutil.Process]]:
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if any(map(is_job, words)) and process.pid != os.getpid():
            found.append(("titletui.jobs.supervisor" not in words, process))
    return sorted(found, key=lambda pair: pair[0])


def peak_memory(pid: int) -> int:
    """The most memory that a process has held since it began, KiB; 0 once it is gone.

    What `wait4` tells instead counts the memory of whoever forked it, too.
    """
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    except OSError:
        return 0
    return 0
