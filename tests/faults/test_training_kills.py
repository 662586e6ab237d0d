"""Runs that are killed, ended and resumed: the weights at the end are those of a straight run."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.support.processes import until
from tests.support.training_runs import toy_run, view, weights
from tests.support.training_worker import run_to_end, start_worker, warm_up
from titletui.jobs.events import Started, Step
from titletui.jobs.job import State
from titletui.jobs.process_lock import is_held
from titletui.models.checkpoints import checkpoint_steps
from titletui.paths import Home

STORM = 25
LIFE = 5


@pytest.fixture
def straight(home: Home) -> str:
    """The weights of a run that nothing happened to."""
    job = toy_run(home, "straight")
    assert run_to_end(job) == 0
    assert job.state is State.DONE
    return weights(job)


@pytest.mark.fault("F23")
def test_a_run_killed_25_times_ends_with_the_weights_of_a_straight_one(home: Home) -> None:
    steps = (STORM + 2) * LIFE
    straight = toy_run(home, "straight", steps=str(steps), save_every="3")
    warm_up()
    began = time.time()
    assert run_to_end(straight) == 0
    events = straight.tail().read()
    first = next(event.t for event in events if isinstance(event, Started)) - began
    life = LIFE * (events[-1].t - began - first) / steps
    storm = toy_run(home, "storm", steps=str(steps), save_every="3")
    chance = random.Random(23)
    for _ in range(STORM):
        said = storm.tail()
        said.read()
        worker = start_worker(storm)
        instant = time.monotonic() + chance.uniform(0, first + life)
        done = 0
        while done < LIFE and time.monotonic() < instant:
            worker.join(0.002)
            done += sum(isinstance(event, Step) for event in said.read())
        worker.kill()
        worker.join()
        assert worker.exitcode == -signal.SIGKILL
    assert run_to_end(storm) == 0
    assert weights(storm) == weights(straight)
    seen = view(storm)
    assert seen.steps_done == list(range(1, steps + 1))
    assert seen.losses == view(straight).losses
    assert seen.heldout == view(straight).heldout


@pytest.mark.fault("F24")
@pytest.mark.parametrize("stage", ["model", "optimizer", "random", "state", "manifest", "rename"])
def test_a_checkpoint_cut_short_is_put_aside_and_the_one_before_is_used(
    home: Home, straight: str, stage: str
) -> None:
    job = toy_run(home, stage)
    assert run_to_end(job, f"kill-after:{stage}") == -signal.SIGKILL
    assert checkpoint_steps(job) == [5]
    assert run_to_end(job) == 0
    assert weights(job) == straight
    said = [note.text for note in view(job).notes]
    assert any("step-000010" in text and "step-000005 is used" in text for text in said)


@pytest.mark.fault("F25")
@pytest.mark.parametrize("fault", ["terminate:7", "terminate:7=2", "terminate-in-checkpoint:"])
def test_a_run_asked_to_end_stops_with_a_whole_checkpoint(
    home: Home, straight: str, fault: str
) -> None:
    job = toy_run(home, "asked")
    assert run_to_end(job, fault) == 0
    assert job.state is State.STOPPED
    seen = view(job)
    assert seen.step in (6, 7)
    assert checkpoint_steps(job)[-1] == seen.step
    assert run_to_end(job) == 0
    assert weights(job) == straight


@pytest.mark.fault("F27")
def test_ten_pauses_change_nothing(home: Home, straight: str) -> None:
    job = toy_run(home, "pauses")
    for step in range(1, 20, 2):
        assert run_to_end(job, f"terminate:{step}") == 0
        assert job.state is State.STOPPED
    assert run_to_end(job) == 0
    assert job.state is State.DONE
    assert weights(job) == straight


@pytest.mark.fault("F35")
@pytest.mark.parametrize("seconds", ["-3600", "86400"])
def test_a_clock_that_jumps_harms_no_checkpoint(home: Home, straight: str, seconds: str) -> None:
    job = toy_run(home, "clock", keep="2")
    assert run_to_end(job, f"clock:{seconds}") == 0
    assert checkpoint_steps(job)[-2:] == [15, 20]
    assert weights(job) == straight
    assert job.state is State.DONE


@pytest.mark.fault("F39")
def test_a_finished_run_is_finished(home: Home, straight: str) -> None:
    from titletui.errors import TitletuiError
    from titletui.training.launch.runs import resume_run

    job = toy_run(home, "again")
    assert run_to_end(job) == 0
    with pytest.raises(TitletuiError, match="is done"):
        resume_run(home, "again")
    # Even a worker that is started by hand trains no step more.
    assert run_to_end(job) == 0
    assert weights(job) == straight
    assert view(job).step == 20


@pytest.mark.fault("F43")
def test_a_forked_child_that_outlives_the_worker_does_not_look_like_it(
    home: Home, tmp_path: Path
) -> None:
    job = toy_run(home, "fork")
    worker = start_worker(job, f"leave-child:{tmp_path / 'pid'}")
    until(lambda: (tmp_path / "pid").exists())
    worker.kill()
    worker.join()
    child = int((tmp_path / "pid").read_text())
    assert Path(f"/proc/{child}").exists()
    assert not is_held(job.lock)
    assert job.state is State.INTERRUPTED
    os.kill(child, signal.SIGKILL)
