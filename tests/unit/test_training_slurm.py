"""A run through a real Slurm: submitted, preempted, back in the queue, done."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import until
from tests.slurm_cluster import missing, slurm_cluster
from tests.training_runs import QUICK, toy_base, toy_corpus, view
from titletui.home import Home
from titletui.jobs import launch
from titletui.jobs.folder import State
from titletui.training.presets import override
from titletui.training.recipe import Recipe
from titletui.training.runs import start_run

PATIENCE = 120

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"no Slurm: {missing()}")


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with slurm_cluster(tmp_path / "slurm") as config:
        monkeypatch.setenv("SLURM_CONF", str(config))
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.mark.usefixtures("cluster")
def test_a_preempted_run_goes_on_from_its_checkpoint_when_it_is_its_turn_again(home: Home) -> None:
    changes = {**QUICK, "base": str(toy_base(home)), "steps": "300", "save_every": "50"}
    with toy_corpus(home) as store:
        job = start_run(home, store, "toy", override(Recipe(), changes), name="queued", slurm=True)
    number = view(job).notes[0].text.rstrip(".").split()[-1]
    until(lambda: view(job).step > 5, PATIENCE)
    subprocess.run(["scancel", "--signal=USR2", number], check=True)
    assert launch.wait_until(job, State.STOPPED, timeout=PATIENCE) is State.STOPPED
    stopped = view(job)
    assert 5 < stopped.step < 300
    assert stopped.checkpoints[-1] == stopped.step

    def place() -> str:
        queue = ["squeue", "--noheader", "--format=%t"]
        return subprocess.run(queue, capture_output=True, text=True).stdout.strip()

    until(lambda: place() == "PD", PATIENCE)
    subprocess.run(["scontrol", "update", f"JobId={number}", "StartTime=now"], check=True)
    assert launch.wait_until(job, State.DONE, timeout=PATIENCE) is State.DONE
    assert view(job).steps_done == list(range(1, 301))
    until(lambda: not place(), PATIENCE)
