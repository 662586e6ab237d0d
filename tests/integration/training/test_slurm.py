"""Runs through a real Slurm: queued, preempted, back in the queue, cancelled, done."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import until
from tests.support.slurm_cluster import missing, slurm_cluster
from tests.support.training_runs import QUICK, toy_base, toy_corpus, view
from titletui.jobs import launch, slurm_queue
from titletui.jobs.job import Job, State
from titletui.paths import Home
from titletui.training.launch.runs import prepare_run, resume_run, start_run
from titletui.training.presets import override
from titletui.training.recipe import Recipe

PATIENCE = 250

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"no Slurm: {missing()}")


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with slurm_cluster(tmp_path_factory.mktemp("cluster") / "slurm") as config:
        yield config


@pytest.fixture
def cluster(slurm: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SLURM_CONF", str(slurm))
    yield
    subprocess.run(["scancel", "--user=root"], check=True)
    partition("UP")
    until(lambda: not place(), PATIENCE)


def partition(state: str) -> None:
    subprocess.run(["scontrol", "update", "PartitionName=all", f"State={state}"], check=True)


def place() -> str:
    command = ["squeue", "--noheader", "--format=%t"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def submitted(home: Home, *, processes: int = 1, **changes: str) -> Job:
    changes = {**QUICK, "base": str(toy_base(home)), **changes}
    with toy_corpus(home) as store:
        job = prepare_run(
            home, store, "toy", override(Recipe(), changes),
            name="queued", processes=processes, slurm=True,
        )  # fmt: skip
        return start_run(job)


def ticket(job: Job) -> slurm_queue.SlurmTicket:
    held = job.ticket
    assert held is not None
    return held


@pytest.mark.usefixtures("cluster")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("processes", [1, 2])
def test_a_preempted_run_goes_on_from_its_checkpoint_when_it_is_its_turn_again(
    home: Home, processes: int
) -> None:
    job = submitted(home, processes=processes, steps="100", save_every="50")
    until(lambda: view(job).step > 5, PATIENCE)
    assert job.state == "running"
    subprocess.run(["scancel", "--signal=USR2", ticket(job).id], check=True)
    # Whoever watches sees it run and wait, never stopped or interrupted.
    assert launch.wait_until(job, State.QUEUED, State.STOPPED, timeout=PATIENCE) is State.QUEUED
    until(lambda: place() == "PD", PATIENCE)
    assert job.state == "queued"
    waiting = view(job)
    assert 5 < waiting.step < 100
    assert waiting.checkpoints[-1] == waiting.step
    assert waiting.notes[-1].text.startswith("Preempted by Slurm")
    subprocess.run(["scontrol", "update", f"JobId={ticket(job).id}", "StartTime=now"], check=True)
    assert launch.wait_until(job, State.DONE, timeout=PATIENCE) is State.DONE
    seen = view(job)
    assert seen.steps_done == list(range(1, 101))
    assert seen.device.startswith("2 × CPU" if processes == 2 else "CPU")


@pytest.mark.usefixtures("cluster")
@pytest.mark.timeout(900)
def test_a_run_that_slurm_ends_without_a_warning_goes_on_in_its_next_turn(home: Home) -> None:
    job = submitted(home, steps="100", save_every="5")
    until(lambda: view(job).step > 10, PATIENCE)
    subprocess.run(["scontrol", "requeue", ticket(job).id], check=True)
    until(lambda: place() == "PD", PATIENCE)
    assert launch.wait_until(job, State.QUEUED, timeout=PATIENCE) is State.QUEUED
    subprocess.run(["scontrol", "update", f"JobId={ticket(job).id}", "StartTime=now"], check=True)
    assert launch.wait_until(job, State.DONE, timeout=PATIENCE) is State.DONE
    assert view(job).steps_done == list(range(1, 101))


@pytest.mark.usefixtures("cluster")
def test_a_run_that_waits_is_queued_for_as_long_as_it_waits_and_can_be_taken_out(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_hunter3")
    partition("DOWN")
    job = submitted(home, steps="5")
    until(lambda: place() == "PD", PATIENCE)
    # An hour later it waits still.
    control = job.path / "control.json"
    held, earlier = ticket(job), job.began - 3600
    control.write_text(f'{{"stop":false,"began":{earlier}}}')
    slurm_queue.take_ticket(job.path, held.id, earlier)
    assert job.state == "queued"
    assert slurm_queue.ask(job.path, ticket(job)).why == "PartitionDown"
    written = b"".join(path.read_bytes() for path in job.path.rglob("*") if path.is_file())
    assert b"hunter" not in written
    shown = titletui("runs", "queued")
    assert "queued" in shown
    assert "PartitionDown" in shown
    titletui("stop", "queued")
    assert job.state == "stopped"
    assert place() == ""
    partition("UP")
    resume_run(home, "queued")
    assert launch.wait_until(job, State.DONE, timeout=PATIENCE) is State.DONE


@pytest.mark.usefixtures("cluster")
def test_a_run_that_slurm_dropped_is_interrupted_and_can_be_resumed(home: Home) -> None:
    partition("DOWN")
    job = submitted(home, steps="5")
    subprocess.run(["scancel", ticket(job).id], check=True)
    assert launch.wait_until(job, State.INTERRUPTED, timeout=PATIENCE) is State.INTERRUPTED
    assert job.state.resumable


@pytest.mark.usefixtures("cluster")
def test_a_run_is_queued_where_slurm_does_not_answer(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    partition("DOWN")
    job = submitted(home, steps="5")
    config = os.environ["SLURM_CONF"]
    monkeypatch.setenv("SLURM_CONF", "/nowhere")
    until(
        lambda: slurm_queue.ask(job.path, ticket(job)).place is slurm_queue.Place.UNKNOWN, PATIENCE
    )
    assert job.state == "queued"
    monkeypatch.setenv("SLURM_CONF", config)


def titletui(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "titletui", *words], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr
