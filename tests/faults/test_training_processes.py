"""Runs as real processes: they outlive terminals and faces, and share work among processes."""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.support.processes import processes_of, until
from tests.support.training_runs import QUICK, papers, toy_base, toy_corpus, toy_run, view
from tests.support.training_worker import run_to_end
from titletui.corpus.store import CorpusStore
from titletui.errors import TitletuiError
from titletui.jobs import launch
from titletui.jobs.job import Job, State, find_job
from titletui.paths import Home
from titletui.training.launch.runs import prepare_run, resume_run, start_run
from titletui.training.presets import override
from titletui.training.recipe import Recipe
from titletui.training.run_spec import RunSpec

PATIENCE = 200


def ended(job: Job) -> State:
    return launch.wait_until(
        job, State.DONE, State.FAILED, State.STOPPED, State.INTERRUPTED, timeout=PATIENCE
    )


@pytest.mark.fault("F21")
@pytest.mark.parametrize("how", ["pty closed", "SIGKILL"])
def test_a_run_outlives_the_terminal_and_the_face_that_started_it(home: Home, how: str) -> None:
    base = toy_base(home)
    toy_corpus(home).close()
    changes = {**QUICK, "base": str(base), "steps": "60", "preview_tokens": "4"}
    command = [sys.executable, "-m", "titletui", "train", "toy", "--run", "outlives"]
    for key, value in changes.items():
        command += ["--set", f"{key}={value}"]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, command)
    job = Job(home.jobs / "run" / "outlives")
    until(lambda: job.path.exists() and view(job).steps_done, PATIENCE)
    if how == "SIGKILL":
        os.kill(pid, signal.SIGKILL)
    os.close(terminal)
    os.waitpid(pid, 0)
    assert ended(job) is State.DONE
    seen = view(job)
    assert seen.steps_done == list(range(1, 61))
    assert seen.bad_lines == 0
    assert seen.heldout_steps == [0, 10, 20, 30, 40, 50, 60]


@pytest.mark.fault("F42")
@pytest.mark.parametrize("fault", ["import", "missing"])
def test_a_worker_that_cannot_import_torch_fails_with_its_last_words(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    broken = tmp_path / "broken" / "torch"
    broken.mkdir(parents=True)
    words = "libcudart.so.12: cannot open" if fault == "import" else "No module named 'torch'"
    (broken / "__init__.py").write_text(f"raise ImportError({words!r})\n")
    job = toy_run(home, "broken")
    monkeypatch.setenv("PYTHONPATH", str(broken.parent))
    began = time.monotonic()
    launch.start(job)
    assert ended(job) is State.FAILED
    assert time.monotonic() - began < 60
    assert job.exit is not None
    assert words in job.exit.reason
    assert any(words in line for line in job.last_log_lines())


@pytest.mark.fault("F23")
def test_a_killed_process_among_several_ends_the_run_cleanly_and_it_resumes(home: Home) -> None:
    plain = {"precision": "fp32", "dropout": "0", "steps": "40"}
    alone = toy_run(home, "alone", **plain)
    assert run_to_end(alone) == 0
    recipe = override(Recipe(), {**QUICK, **plain, "base": str(toy_base(home))})
    with CorpusStore(home.corpus_db) as store:
        job = start_run(prepare_run(home, store, "toy", recipe, name="two", processes=2))
    until(lambda: view(job).step >= 5, PATIENCE)
    second = [p for p in processes_of(job) if p.environ().get("RANK") == "1"]
    assert len(second) == 1
    second[0].kill()
    assert ended(job) in (State.FAILED, State.INTERRUPTED)
    until(lambda: not processes_of(job), PATIENCE)
    assert view(job).step < 40
    resume_run(home, "two")
    assert ended(job) is State.DONE
    seen, straight = view(job), view(alone)
    assert seen.device.startswith("2 × CPU")
    assert seen.steps_done == list(range(1, 41))
    assert seen.losses == pytest.approx(straight.losses, rel=1e-4)
    assert seen.heldout == pytest.approx(straight.heldout, rel=1e-4)


def test_the_command_line_trains_shows_stops_resumes_renames_and_deletes(home: Home) -> None:
    base = toy_base(home)
    with toy_corpus(home, [], "empty") as store:
        store.create("toy")
        store.add("toy", papers([f"Title number {n} of many" for n in range(40)]))
    settings = [f"--set={key}={value}" for key, value in QUICK.items()]

    def titletui(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "titletui", *words], capture_output=True, text=True, timeout=120
        )

    assert titletui("train", "empty", "--base", str(base)).returncode == 1
    assert titletui("train", "nowhere", "--base", str(base)).returncode == 2
    assert titletui("train", "toy", "--preset", "nonsense").returncode == 2
    assert titletui("train", "toy", "--set", "steps=0").returncode == 2
    assert titletui("watch", "nothing").returncode == 2
    begun = titletui(
        "train", "toy", "--base", str(base), *settings, "--steps", "100000", "--detach", "--json"
    )
    assert begun.returncode == 0
    assert '"name":"toy-1"' in begun.stdout
    job = find_job(home.jobs, "run", "toy-1")
    until(lambda: view(job).step > 2, PATIENCE)
    assert titletui("delete", "toy-1").returncode == 1
    assert titletui("stop", "toy-1").returncode == 0
    assert ended(job) is State.STOPPED
    shown = titletui("runs", "--json").stdout
    assert '"state":"stopped"' in shown
    assert '"steps":100000' in shown
    assert "held-out" in titletui("runs", "toy-1").stdout
    resumed = titletui("resume", "toy-1", "--detach")
    assert resumed.returncode == 0
    launch.wait_until(job, State.RUNNING, timeout=PATIENCE)
    assert titletui("stop", "toy-1").returncode == 0
    assert ended(job) is State.STOPPED
    assert titletui("rename", "toy-1", "other").returncode == 0
    assert titletui("delete", "other").returncode == 0
    assert titletui("runs", "--json").stdout == ""


def test_a_command_trains_a_finished_run_further(home: Home) -> None:
    run_to_end(toy_run(home, "first", steps="5"))
    command = [sys.executable, "-m", "titletui", "continue", "first", "--run", "second"]
    done = subprocess.run(
        [*command, "--steps", "7", "--json"], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    second = find_job(home.jobs, "run", "second")
    assert second.work(RunSpec).parent == "first"
    assert second.work(RunSpec).corpus == "toy"
    assert (view(second).step, second.state) == (7, State.DONE)


def test_ctrl_c_stops_the_run_with_a_checkpoint(home: Home) -> None:
    base = toy_base(home)
    toy_corpus(home).close()
    command = [sys.executable, "-m", "titletui", "train", "toy", "--base", str(base), "--json"]
    command += [f"--set={key}={value}" for key, value in {**QUICK, "steps": "100000"}.items()]
    face = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    job = Job(home.jobs / "run" / "toy-1")
    until(lambda: job.path.exists() and view(job).step > 2, PATIENCE)
    face.send_signal(signal.SIGINT)
    output, _ = face.communicate(timeout=PATIENCE)
    assert face.returncode == 130
    assert job.state is State.STOPPED
    assert '"type":"step"' in output
    assert '"state":"stopped"' in output.splitlines()[-1]
    assert view(job).checkpoints[-1] == view(job).step


def test_a_run_that_runs_is_not_started_twice(home: Home) -> None:
    job = toy_run(home, "once", steps="100000")
    launch.start(job)
    until(lambda: view(job).step > 1, PATIENCE)
    with pytest.raises(TitletuiError, match="cannot be resumed now"):
        resume_run(home, "once")
    assert len([p for p in processes_of(job) if _trains(p)]) == 1
    launch.stop(job)
    assert ended(job) is State.STOPPED


def _trains(process: psutil.Process) -> bool:
    words = process.cmdline()
    return "titletui.training.trainer" in words and "titletui.jobs.supervisor" not in words
