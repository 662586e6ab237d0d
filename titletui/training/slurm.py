"""A run as a Slurm job, through submitit: submitted, and put back into the queue when preempted.

What a site wants (partition, GPUs, account) is set with sbatch's own variables: `SBATCH_PARTITION`,
`SBATCH_GRES`, `SBATCH_ACCOUNT`, …. The job folder has to be on a file system that the nodes share.
"""

import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from typing import Any

from titletui.errors import TitletuiError
from titletui.jobs.events import Note
from titletui.jobs.folder import JobFolder
from titletui.jobs.launch import worker_command
from titletui.jobs.lock import is_held
from titletui.jobs.log import EventLog

_DAY = 24 * 60
# Slurm warns 90 seconds before the end (submitit's default).
_GRACE = 75.0


class Work:
    """What runs on the node: the worker of a run."""

    def __init__(self, job: JobFolder, environment: Mapping[str, str]) -> None:
        self.job, self.environment = job, dict(environment)

    def __call__(self) -> int:
        self.job.prepare()
        with self.job.log.open("ab") as log:
            worker = subprocess.Popen(
                worker_command(self.job),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                preexec_fn=_ignore_warning,
            )
        return worker.wait()

    def checkpoint(self) -> Any:
        """Preempted: the worker writes a checkpoint, from which it goes on in the next turn."""
        from submitit.helpers import DelayedSubmission

        self.job.request_stop()
        until = time.monotonic() + _GRACE
        while is_held(self.job.lock) and time.monotonic() < until:
            time.sleep(0.1)
        return DelayedSubmission(self)


def _ignore_warning() -> None:
    """Slurm's warning reaches all processes of a job; the worker is told by `checkpoint`."""
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)


def check_slurm() -> None:
    """Makes sure that jobs can be submitted from here.

    Raises:
        TitletuiError: Slurm or submitit is not installed.
    """
    if shutil.which("sbatch") is None:
        raise TitletuiError("There is no Slurm on this machine (no sbatch); leave --slurm out.")
    try:
        import submitit  # noqa: F401
    except ModuleNotFoundError:
        raise TitletuiError("Slurm needs submitit: pip install titletui[slurm].") from None


def submit(job: JobFolder, environment: Mapping[str, str]) -> None:
    """Submits the run's worker; its number is noted in the event log.

    Raises:
        TitletuiError: Slurm does not take it.
    """
    check_slurm()
    import submitit

    executor = submitit.AutoExecutor(folder=job.path / "slurm", cluster="slurm")
    executor.update_parameters(name=f"titletui-{job.name}"[:60], timeout_min=_DAY)
    try:
        submitted = executor.submit(Work(job, environment))
    except submitit.core.utils.FailedJobError as error:
        reason = (str(error).strip().splitlines() or ["no reason"])[-1][:200]
        raise TitletuiError(f"Slurm does not take the run {job.name} ({reason}).") from error
    with EventLog(job.events) as log:
        log.append(Note(text=f"Submitted to Slurm as job {submitted.job_id}."))
