"""Start and stop the detached processes of jobs.

A job runs in a session of its own, with standard input from /dev/null and its output in a file: it
outlives the terminal, the SSH connection and the process that started it.
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
    "PYTHONHOME", "PYTHONPATH", "PYTHONUTF8", "PYTHONWARNINGS",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "all_proxy", "no_proxy",
)  # fmt: skip
_PASSED_ON_WITH = ("LC_", "XDG_", "TITLETUI_", "COVERAGE")
_PASSED_ON_TO_RUNS = (
    "HF_", "TRANSFORMERS_", "TORCH", "PYTORCH_", "CUDA_", "NVIDIA_", "NCCL_", "GLOO_", "OMP_",
    "MKL_", "KMP_", "MALLOC_", "SLURM_", "MASTER_", "ACCELERATE_", "ROCR_", "HIP_",
)  # fmt: skip


def worker_command(folder: Job) -> list[str]:
    """Return the command line of the worker."""
    return [sys.executable, "-P", "-m", WORKERS[folder.kind], str(folder.path)]


def supervised(folder: Job, command: Sequence[str]) -> list[str]:
    """Return the command line of a supervisor that runs `command` and records how it ends."""
    return [sys.executable, "-P", "-m", "titletui.jobs.supervisor", str(folder.path), *command]


def worker_environment(kind: str, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the allow-listed environment variables of a worker; no other secrets."""
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
    """Start the job, detached; return as soon as its supervisor runs.

    Args:
        command: replaces `worker_command` (to launch several processes).
        environment: variables to add.

    Raises:
        TitletuiError: it is running already, or the process cannot be started.
    """
    if folder.state in (State.STARTING, State.RUNNING, State.STOPPING):
        raise TitletuiError(f"{folder.name} is running already.")
    folder.prepare()
    try:
        with folder.log.open("ab") as log:
            os.fchmod(log.fileno(), 0o600)
            supervisor = subprocess.Popen(
                supervised(folder, command or worker_command(folder)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=folder.path,
                env=worker_environment(folder.kind, environment),
            )
    except OSError as error:
        folder.set_launcher(None)
        raise TitletuiError(f"{folder.name} cannot be started ({error.strerror}).") from error
    folder.set_launcher(process_lock.identity(supervisor.pid))


def stop(folder: Job) -> None:
    """Ask the job to end at the next safe point; return at once.

    The request is written to the folder, which also reaches a worker on another machine. A worker
    on this machine gets SIGTERM as well. A job in Slurm's queue is cancelled.
    """
    if folder.state.alive:
        folder.request_stop()
        held, began = folder.ticket, folder.began
        if held and not process_lock.is_held(folder.lock) and slurm_queue.cancel(folder.path, held):
            folder.record_exit(
                JobResult(outcome="stopped", reason="removed from Slurm's queue"), began
            )
            return
        process_lock.signal_holder(folder.lock, signal.SIGTERM)


def kill(folder: Job) -> bool:
    """Send SIGKILL to the worker; return whether there was one."""
    return process_lock.signal_holder(folder.lock, signal.SIGKILL)


def wait_until(folder: Job, *states: State, timeout: float) -> State:
    """Wait until the job is in one of `states`; return the state it is in at the end."""
    until = time.monotonic() + timeout
    while (state := folder.state) not in states and time.monotonic() < until:
        time.sleep(0.05)
    return state
