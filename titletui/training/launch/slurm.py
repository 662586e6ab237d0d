"""A run as a Slurm job, through submitit: submitted, and put back into the queue when preempted.

What a site wants (partition, GPUs, account) is set with sbatch's own variables: `SBATCH_PARTITION`,
`SBATCH_GRES`, `SBATCH_ACCOUNT`, …. The job folder has to be on a file system that the nodes share.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from typing import Any

from titletui.errors import TitletuiError
from titletui.jobs import slurm_queue
from titletui.jobs.event_log import EventLog
from titletui.jobs.events import Note
from titletui.jobs.job import Job, JobResult
from titletui.jobs.launch import supervised, worker_environment
from titletui.jobs.process_lock import is_held, signal_holder
from titletui.training.launch.launch_env import run_command, run_variables
from titletui.training.run_spec import RunSpec

_DAY = 24 * 60
# Slurm warns 90 seconds before the end (submitit's default).
_GRACE = 75.0
_SECRET = ("TOKEN", "KEY", "SECRET", "PASSWORD")


class Work:
    """What runs on the node: the workers of a run.

    Args:
        variables: of the machine that submits, for a site whose jobs are not given them.
    """

    def __init__(self, job: Job, variables: Mapping[str, str]) -> None:
        self.job, self.variables = job, dict(variables)

    def __call__(self) -> int:
        job = self.job
        if job.exit is not None and job.stop_requested:
            return 0
        if job.exit is not None:
            _begin_again(job)
        # A request to stop that came while it waited is seen by the worker itself.
        here = worker_environment("run", run_variables(job))
        with job.log.open("ab") as log:
            supervisor = subprocess.Popen(
                supervised(job, run_command(job)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=job.path,
                env={**self.variables, **here},
                preexec_fn=_ignore_warning,
            )
        code = supervisor.wait()
        ended = job.exit
        if ended is not None and ended.outcome == "stopped" and not job.stop_requested:
            # Slurm ended it, which alone knows whether it is in the queue again.
            _begin_again(job)
        return code

    def checkpoint(self) -> Any:
        """Preempted: the worker writes a checkpoint, from which it goes on in the next turn.

        A run that somebody asked to stop is not put into the queue again.
        """
        from submitit.helpers import DelayedSubmission

        job = self.job
        if job.stop_requested or job.exit is not None:
            _wait_for_end(job)
            return None
        # What the worker says of its end from here on is of an earlier time, and ends nothing.
        _begin_again(job)
        signal_holder(job.lock, signal.SIGTERM)
        _wait_for_end(job)
        _note(job, "Preempted by Slurm and in its queue again; it goes on from its checkpoint.")
        return DelayedSubmission(self)


def _begin_again(job: Job) -> None:
    """Makes the job ready for its next turn, under the number that it has."""
    job.prepare()
    slurm_queue.take_ticket(job.path, os.environ["SLURM_JOB_ID"], job.began)


def _wait_for_end(job: Job) -> None:
    until = time.monotonic() + _GRACE
    while is_held(job.lock) and time.monotonic() < until:
        time.sleep(0.1)


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


def submit(job: Job) -> None:
    """Submits the run's workers; its number is noted in the event log.

    Raises:
        TitletuiError: Slurm does not take it.
    """
    check_slurm()
    import submitit

    job.prepare()
    began, processes = job.began, job.work(RunSpec).processes
    executor = submitit.AutoExecutor(folder=job.path / "slurm", cluster="slurm")
    executor.update_parameters(
        name=f"titletui-{job.name}"[:60], timeout_min=_DAY, cpus_per_task=processes
    )
    try:
        submitted = executor.submit(Work(job, _open_variables()))
    except submitit.core.utils.FailedJobError as error:
        reason = (str(error).strip().splitlines() or ["no reason"])[-1][:200]
        job.record_exit(
            JobResult(outcome="failed", code=1, reason=f"Slurm did not take it ({reason})"), began
        )
        raise TitletuiError(f"Slurm does not take the run {job.name} ({reason}).") from error
    slurm_queue.take_ticket(job.path, submitted.job_id, began)
    _note(job, f"Submitted to Slurm as job {submitted.job_id}.")


def _open_variables() -> dict[str, str]:
    """The worker's variables without secrets, since they are written into the job's folder."""
    return {
        name: value
        for name, value in worker_environment("run").items()
        if not any(word in name.upper() for word in _SECRET)
    }


def _note(job: Job, text: str) -> None:
    with EventLog(job.events) as log:
        log.append(Note(text=text))
