"""What does not fit is refused before it is begun."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.run_folders import held, run_folder
from tests.support.training_runs import toy_base, toy_corpus, toy_run
from tests.support.training_worker import start_worker
from titletui.errors import TitletuiError
from titletui.jobs import slurm_queue
from titletui.jobs.event_log import EventLog
from titletui.jobs.events import Started
from titletui.jobs.job import JobResult, State, list_jobs
from titletui.models import gpu
from titletui.paths import Home
from titletui.training.launch.launch_env import rank_environment
from titletui.training.launch.memory_check import check_memory
from titletui.training.launch.runs import prepare_run, resume_run
from titletui.training.recipe import Recipe


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose driver tells of one GPU with 2 GB free."""
    machine(tmp_path, monkeypatch, "0, NVIDIA L4, 23034, 2048")


def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *cards: str) -> None:
    """A machine whose driver tells of these GPUs: index, name, memory in all and free, MiB."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    lines = "\n".join(f"{card}, 550.54" if "," in card else card for card in cards)
    tool.write_text(f"#!{sys.executable}\nprint({lines!r})\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent))


def test_a_model_that_is_too_large_is_refused_with_what_would_fit(home: Home) -> None:
    huge = Recipe(base="new", width=8192, layers=128, heads=64)
    with toy_corpus(home) as store, pytest.raises(TitletuiError, match=r"needs about \d+.*free"):
        prepare_run(home, store, "toy", huge)


@pytest.mark.usefixtures("card")
def test_the_memory_of_the_gpu_is_what_counts_where_there_is_one(home: Home) -> None:
    assert [(one.name, one.free >> 20) for one in gpu.gpus()] == [("NVIDIA L4", 2048)]
    with pytest.raises(TitletuiError, match=r"GB of GPU memory to train, and 2\.1 GB are free"):
        check_memory(home, Recipe(base="new", width=2048, layers=24, heads=32))


def test_a_run_takes_the_gpu_with_the_most_room_and_no_more_processes_than_gpus(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(tmp_path, monkeypatch, "0, NVIDIA L4, 23034, 2048", "1, NVIDIA L4, 23034, 20480")
    recipe = Recipe(base="new", width=1024, layers=12, heads=16)
    check_memory(home, recipe)
    assert rank_environment(1)["CUDA_VISIBLE_DEVICES"] == "1"
    assert "CUDA_VISIBLE_DEVICES" not in rank_environment(2)
    with pytest.raises(TitletuiError, match="3 processes need as many GPUs, and there are 2"):
        check_memory(home, recipe, 3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert "CUDA_VISIBLE_DEVICES" not in rank_environment(1)
    assert [one.index for one in gpu.freest(2)] == [0]
    with pytest.raises(TitletuiError, match="2 processes need as many GPUs, and there is 1"):
        check_memory(home, recipe, 2)
    # Without any, it trains on the CPU.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert not gpu.has_gpu()
    check_memory(home, recipe, 2)


def test_what_the_driver_does_not_tell_in_figures_is_no_gpu_to_train_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(
        tmp_path, monkeypatch,
        "0, NVIDIA GB10, [N/A], [N/A]", "Failed to initialize NVML", "1, NVIDIA L4, 23034, 2048",
    )  # fmt: skip
    assert [(one.index, one.name) for one in gpu.gpus()] == [(1, "NVIDIA L4")]


@pytest.mark.usefixtures("card")
def test_runs_on_the_cpu_or_in_the_queue_of_slurm_leave_the_gpu_free(
    home: Home, tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "squeue"
    program.write_text("#!/bin/sh\necho 'PENDING|Resources'\n")
    program.chmod(0o755)
    queued = run_folder(home, "queued", [])
    queued.prepare()
    slurm_queue.take_ticket(queued.path, "7", queued.began)
    assert queued.state is State.QUEUED
    on_cpu = run_folder(home, "on-cpu", [])
    with EventLog(on_cpu.events) as log:
        log.append(Started(pid=1, device="CPU, 2 threads, fp32"))
    with held(on_cpu):
        assert on_cpu.state is State.RUNNING
        check_memory(home, Recipe(base=str(toy_base(home))))
        with EventLog(on_cpu.events) as log:
            log.append(Started(pid=1, device="NVIDIA L4, bf16"))
        with pytest.raises(TitletuiError, match="The run on-cpu has the GPU"):
            check_memory(home, Recipe(base=str(toy_base(home))))


@pytest.mark.fault("F40")
@pytest.mark.usefixtures("card")
def test_a_second_run_on_a_gpu_is_told_which_run_has_it(home: Home) -> None:
    base = toy_base(home)
    check_memory(home, Recipe(base=str(base)))
    first = toy_run(home, "first", steps="100000")
    worker = start_worker(first)
    try:
        with EventLog(first.events) as log:
            log.append(Started(pid=1, device="NVIDIA L4, bf16"))
        with pytest.raises(TitletuiError, match="The run first has the GPU"):
            check_memory(home, Recipe(base=str(base)))
    finally:
        worker.kill()
        worker.join()


@pytest.mark.fault("F40")
@pytest.mark.usefixtures("card")
def test_of_runs_started_at_the_same_moment_one_gets_the_gpu(home: Home) -> None:
    toy_corpus(home).close()
    base = toy_base(home)
    code = (
        "import sys, time; from titletui.corpus.store import CorpusStore\n"
        "from titletui.paths import find_home; from titletui.training.recipe import Recipe\n"
        "from titletui.training.launch.runs import prepare_run\n"
        "home, recipe = find_home(), Recipe(base=sys.argv[1])\n"
        "with CorpusStore(home.corpus_db) as store:\n"
        "    print('ready', flush=True); sys.stdin.readline()\n"
        "    prepare_run(home, store, 'toy', recipe, name=sys.argv[2])\n"
    )
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(base), f"run-{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for starter in starters:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "ready\n"
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write("go\n")
        starter.stdin.flush()
    said = [starter.communicate(timeout=60)[1] for starter in starters]
    assert sorted(starter.returncode for starter in starters) == [0, 1, 1, 1]
    (made,) = list_jobs(home.jobs, "run")
    refusals = [text for text in said if text]
    assert all(f"The run {made.name} has the GPU" in text for text in refusals)


@pytest.mark.usefixtures("card")
def test_a_run_is_not_resumed_beside_one_that_has_the_gpu(home: Home) -> None:
    stopped = toy_run(home, "stopped")
    stopped.record_exit(JobResult(outcome="stopped"), stopped.began)
    first = toy_run(home, "first", steps="100000")
    with held(first), pytest.raises(TitletuiError, match="The run first has the GPU"):
        resume_run(home, "stopped")


@pytest.mark.skipif(shutil.which("sbatch") is not None, reason="Slurm is installed")
def test_without_slurm_the_option_is_refused(home: Home) -> None:
    recipe = Recipe(base=str(toy_base(home)))
    with toy_corpus(home) as store, pytest.raises(TitletuiError, match="no Slurm"):
        prepare_run(home, store, "toy", recipe, slurm=True)
