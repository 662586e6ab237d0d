"""Starting the jobs that fill a corpus: harvests and imports."""

import time
from pathlib import Path
from typing import Literal

import msgspec

from titletui.errors import TitletuiError
from titletui.jobs.job import Job, create_job
from titletui.jobs.launch import start
from titletui.jobs.process_lock import Lock
from titletui.paths import Home, private_folder

_KINDS = ("harvest", "import")
_LOCK_TIMEOUT = 10.0


def start_or_resume(
    home: Home,
    kind: Literal["harvest", "import"],
    name: str,
    work: msgspec.Struct,
    *,
    bring: Path | None = None,
) -> Job:
    """The job that fills the corpus `name` with `work`, running.

    One that runs with the same work is returned as it is, one that was cut off is resumed, one
    that is done is started anew.

    Args:
        bring: a file to move into a new job's folder, without the dot that its name may start with.

    Raises:
        UsageError: the name cannot name a job.
        TitletuiError: a job with other work runs, or it cannot be started.
    """
    lock = _lock(home)
    try:
        job = Job(home.jobs / kind / name)
        if job.path.is_dir():
            same = _has_work(job, work)
            if job.state.alive:
                if not same:
                    raise TitletuiError(
                        f"Another {kind} into {name} is running; stop it first, or give this one "
                        "another name."
                    )
                return job
            if same and job.state.resumable:
                start(job)
                return job
            job.delete()
        job = create_job(home.jobs, kind, name, work)
        if bring is not None:
            bring.rename(job.path / bring.name.removeprefix("."))
        start(job)
        return job
    finally:
        lock.release()


def refuse_if_job_running(home: Home, name: str) -> None:
    """Raise `TitletuiError` if a harvest or import fills the corpus `name`."""
    for kind in _KINDS:
        job = Job(home.jobs / kind / name)
        if job.path.is_dir() and job.state.alive:
            raise TitletuiError(f"A {kind} into {name} is running; stop it first.")


def delete_jobs(home: Home, name: str) -> None:
    """Delete the folders of the jobs that filled the corpus `name`.

    Raises:
        TitletuiError: one is running.
    """
    refuse_if_job_running(home, name)
    for kind in _KINDS:
        job = Job(home.jobs / kind / name)
        if job.path.is_dir():
            job.delete()


def _has_work(job: Job, work: msgspec.Struct) -> bool:
    try:
        return job.work(type(work)) == work
    except TitletuiError:
        return False


def _lock(home: Home) -> Lock:
    """A lock that makes looking for a job and starting it one step for all processes."""
    until = time.monotonic() + _LOCK_TIMEOUT
    path = private_folder(home.jobs) / ".starting"
    while True:
        try:
            return Lock(path)
        except BlockingIOError:
            if time.monotonic() > until:
                raise TitletuiError(
                    f"Another titletui has held {path} for {_LOCK_TIMEOUT:.0f} s; try again."
                ) from None
            time.sleep(0.05)
