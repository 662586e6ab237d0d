"""Submit a run to Slurm through submitit, and requeue it when it is preempted.

A site's options (partition, GPUs, account) are set with sbatch's own variables: `SBATCH_PARTITION`,
`SBATCH_GRES`, `SBATCH_ACCOUNT`, …. The job folder must be on a file system that the nodes share.
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
from titletui.training.launch.launch_env import run_command, run_environment
from titletui.training.run_spec import RunSpec

_DAY = 24 * 60
# Slurm warns 90 seconds before the end (submitit's default).
_GRACE = 75.0
_SECRET = ("TOKEN", "KEY", "SECRET", "PASSWORD")


class SlurmTask:
    """What submitit runs on the node: the workers of a run.

    Args:
        environment: of the submitting machine, for sites that do not pass it on.
    """

    def __init__(self, job: Job, environment: Mapping[str, str]) -> None:
        self.job, self.environment = job, dict(environment)

    def __call__(self) -> int:
        job = self.job
        if job.exit is not None and job.stop_requested:
            return 0
        if job.exit is not None:
            _prepare_next_turn(job)
        # A stop that was asked while it was queued is seen by the worker itself.
        here = worker_environment("run", run_environment(job))
        with job.log.open("ab") as log:
            supervisor = subprocess.Popen(
                supervised(job, run_command(job)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=job.path,
                env={**self.environment, **here},
                preexec_fn=_ignore_preemption_signal,
            )
        code = supervisor.wait()
        ended = job.exit
        if ended is not None and ended.outcome == "stopped" and not job.stop_requested:
            # Slurm ended it, and knows whether it is queued again.
            _prepare_next_turn(job)
        return code

    def checkpoint(self) -> Any:
        """On preemption let the worker write a checkpoint, and requeue the run.

        A run that was asked to stop is not requeued.
        """
        from submitit.helpers import DelayedSubmission

        job = self.job
        if job.stop_requested or job.exit is not None:
            _wait_for_end(job)
            return None
        # How the worker ends from here on is the end of an earlier turn, and is ignored.
        _prepare_next_turn(job)
        signal_holder(job.lock, signal.SIGTERM)
        _wait_for_end(job)
        _note(job, "Preempted by Slurm and in its queue again; it goes on from its checkpoint.")
        return DelayedSubmission(self)


def _prepare_next_turn(job: Job) -> None:
    """Prepare the job for its next turn in Slurm, under the same Slurm id."""
    job.prepare()
    slurm_queue.take_ticket(job.path, os.environ["SLURM_JOB_ID"], job.began)


def _wait_for_end(job: Job) -> None:
    until = time.monotonic() + _GRACE
    while is_held(job.lock) and time.monotonic() < until:
        time.sleep(0.1)


def _ignore_preemption_signal() -> None:
    """Slurm signals all processes of a job; `checkpoint` tells the worker."""
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)


def check_slurm() -> None:
    """Check that jobs can be submitted from here.

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
    """Submit the run's workers; note the Slurm id in the event log.

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
        submitted = executor.submit(SlurmTask(job, _public_environment()))
    except submitit.core.utils.FailedJobError as error:
        reason = (str(error).strip().splitlines() or ["no reason"])[-1][:200]
        job.record_exit(
            JobResult(outcome="failed", code=1, reason=f"Slurm did not take it ({reason})"), began
        )
        raise TitletuiError(f"Slurm does not take the run {job.name} ({reason}).") from error
    slurm_queue.take_ticket(job.path, submitted.job_id, began)
    _note(job, f"Submitted to Slurm as job {submitted.job_id}.")


def _public_environment() -> dict[str, str]:
    """The worker's environment without secrets, since it is written into the job's folder."""
    return {
        name: value
        for name, value in worker_environment("run").items()
        if not any(word in name.upper() for word in _SECRET)
    }


def _note(job: Job, text: str) -> None:
    with EventLog(job.events) as log:
        log.append(Note(text=text))
