"""Beginning a harvest or an import: attach to one that runs, resume one that was cut off."""

import time
from pathlib import Path
from typing import Literal

import msgspec

from titletui.errors import TitletuiError
from titletui.jobs.job import Job, create_job
from titletui.jobs.launch import start
from titletui.jobs.process_lock import Lock
from titletui.paths import Home, private_folder

_PATIENCE = 10.0


def begin(
    home: Home,
    kind: Literal["harvest", "import"],
    name: str,
    work: msgspec.Struct,
    *,
    bring: Path | None = None,
) -> Job:
    """The job that fills the corpus `name` with `work`, running.

    One that runs with the same work is given back as it is; one that was cut off goes on where it
    was; one that is done begins anew.

    Args:
        bring: a file that moves into the new job's folder; a dot that its name starts with goes.

    Raises:
        UsageError: the name cannot name a job.
        TitletuiError: one with other work runs, or it cannot be started.
    """
    guard = _hold(home)
    try:
        folder = Job(home.jobs / kind / name)
        if folder.path.is_dir():
            same = _same_work(folder, work)
            if folder.state.alive:
                if not same:
                    raise TitletuiError(
                        f"Another {kind} into {name} is running; stop it first, or give this one "
                        "another name."
                    )
                return folder
            if same and folder.state.resumable:
                start(folder)
                return folder
            folder.delete()
        folder = create_job(home.jobs, kind, name, work)
        if bring is not None:
            bring.rename(folder.path / bring.name.removeprefix("."))
        start(folder)
        return folder
    finally:
        guard.release()


def _same_work(folder: Job, work: msgspec.Struct) -> bool:
    try:
        return folder.work(type(work)) == work
    except TitletuiError:
        return False


def _hold(home: Home) -> Lock:
    """Makes looking and starting one step, so that two instances do not both start."""
    until = time.monotonic() + _PATIENCE
    path = private_folder(home.jobs) / ".starting"
    while True:
        try:
            return Lock(path)
        except BlockingIOError:
            if time.monotonic() > until:
                raise TitletuiError(
                    f"Another titletui has held {path} for {_PATIENCE:.0f} s; try again."
                ) from None
            time.sleep(0.05)


def refuse_while_filled(home: Home, name: str) -> None:
    """Sees to it that no harvest or import is filling the corpus `name`.

    Raises:
        TitletuiError: one is.
    """
    for kind in ("harvest", "import"):
        folder = Job(home.jobs / kind / name)
        if folder.path.is_dir() and folder.state.alive:
            raise TitletuiError(f"A {kind} into {name} is running; stop it first.")


def forget_jobs(home: Home, name: str) -> None:
    """Removes what is left of the jobs that filled the corpus `name`.

    Raises:
        TitletuiError: one is running.
    """
    refuse_while_filled(home, name)
    for kind in ("harvest", "import"):
        folder = Job(home.jobs / kind / name)
        if folder.path.is_dir():
            folder.delete()
