"""Starting, stopping and resuming jobs.

A job is started in a session of its own, with standard input from /dev/null and its output in a
file: it outlives the terminal, the SSH connection and a kill -9 of whoever started it.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from titletui.errors import TitletuiError
from titletui.jobs import process_lock, slurm_queue
from titletui.jobs.job import Job, JobResult, State

WORKERS = {
    "harvest": "titletui.arxiv.job",
    "import": "titletui.importing.job",
    "run": "titletui.training.trainer",
}
_PASSED_ON = (
    "HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER",
    "LD_LIBRARY_PATH", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "all_proxy", "no_proxy",
)  # fmt: skip
_PASSED_ON_WITH = ("LC_", "XDG_", "TITLETUI_", "PYTHON", "COVERAGE")
_PASSED_ON_TO_RUNS = (
    "HF_", "TRANSFORMERS_", "TORCH", "PYTORCH_", "CUDA_", "NVIDIA_", "NCCL_", "GLOO_", "OMP_",
    "MKL_", "KMP_", "MALLOC_", "SLURM_", "MASTER_", "ACCELERATE_", "ROCR_", "HIP_",
)  # fmt: skip


def worker_command(folder: Job) -> list[str]:
    """The command of the process that does the work; the folder stands in it for `ps`."""
    return [sys.executable, "-P", "-m", WORKERS[folder.kind], str(folder.path)]


def supervised(folder: Job, command: Sequence[str]) -> list[str]:
    """The command of the process that starts `command` and records how it ended."""
    return [sys.executable, "-P", "-m", "titletui.jobs.supervisor", str(folder.path), *command]


def worker_environment(kind: str, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that a worker needs, and no others: secrets of other programs stay out."""
    prefixes = _PASSED_ON_WITH + (_PASSED_ON_TO_RUNS if kind == "run" else ())
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED_ON or name.startswith(prefixes)
    }
    return {**kept, "PYTHONUNBUFFERED": "1", **(extra or {})}


def start(
    folder: Job,
    command: Sequence[str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Starts the job, detached; returns as soon as its supervisor runs.

    Args:
        command: in place of `worker_command` (a launcher of several processes).
        environment: variables to add.

    Raises:
        TitletuiError: a worker is at it already, or the process cannot be started.
    """
    if process_lock.is_held(folder.lock):
        raise TitletuiError(f"{folder.name} is running already.")
    folder.prepare()
    try:
        with folder.log.open("ab") as log:
            os.fchmod(log.fileno(), 0o600)
            subprocess.Popen(
                supervised(folder, command or worker_command(folder)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=folder.path,
                env=worker_environment(folder.kind, environment),
            )
    except OSError as error:
        raise TitletuiError(f"{folder.name} cannot be started ({error.strerror}).") from error


def stop(folder: Job) -> None:
    """Asks the job to end at the next good moment; returns at once.

    The request is left in the folder, so that it reaches a worker on another machine too; one on
    this machine is signalled, after a check that the process is the one that holds the lock. One
    that waits in Slurm's queue is taken out of it.
    """
    if folder.state in (State.RUNNING, State.STOPPING, State.QUEUED, State.REMOTE):
        folder.request_stop()
        held, began = folder.ticket, folder.began
        if (
            held
            and not process_lock.is_held(folder.lock)
            and slurm_queue.take_out(folder.path, held)
        ):
            folder.record_exit(
                JobResult(outcome="stopped", reason="taken out of Slurm's queue"), began
            )
            return
        process_lock.signal_holder(folder.lock, signal.SIGTERM)


def kill(folder: Job) -> bool:
    """Ends the worker at once, without a last word; returns whether there was one."""
    return process_lock.signal_holder(folder.lock, signal.SIGKILL)


def wait_until(folder: Job, *states: State, timeout: float) -> State:
    """Waits until the job is in one of `states`; returns the state that it is in then."""
    until = time.monotonic() + timeout
    while (state := folder.state) not in states and time.monotonic() < until:
        time.sleep(0.05)
    return state
