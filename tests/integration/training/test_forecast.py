"""What a run would be is known before it is started, and nothing is changed by asking."""

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec
import psutil
import pytest
from torch.optim import AdamW

from tests.support.processes import until
from tests.support.training_runs import toy_base, toy_corpus
from titletui.jobs.job import list_jobs
from titletui.paths import Home
from titletui.training import estimate
from titletui.training.estimate import Forecast, Question
from titletui.training.launch import memory_check
from titletui.training.presets import override, preset
from titletui.training.recipe import Recipe

LORA = "method=lora (about 5.0 GB)"


def ask(recipe: Recipe, corpus: str = "toy") -> list[Forecast]:
    question = msgspec.json.encode(Question(corpus, recipe))
    answer = subprocess.run(estimate.command(), input=question, capture_output=True, check=True)
    return [msgspec.json.decode(line, type=Forecast) for line in answer.stdout.splitlines()]


def recipe(home: Home, **changes: str) -> Recipe:
    return override(preset("starter-titles"), {"base": str(toy_base(home)), **changes})


def test_counts_come_first_and_then_memory_and_time(home: Home) -> None:
    toy_corpus(home).close()
    asked = recipe(home, steps="30", batch_tokens="128")
    before = sorted(home.data.rglob("*"))
    first, last = ask(asked)
    assert first.examples + first.heldout == 80
    assert (first.steps, first.seconds) == (30, None)
    assert first.tokens > 80 * 3
    prompt, title = first.shown[0]
    assert "Speech" in title or "Music" in title or "Audio" in title
    assert prompt
    assert last.seconds is not None
    assert last.seconds > 0
    assert 0 < last.memory < last.free
    assert not last.problem
    assert sorted(home.data.rglob("*")) == before


def test_what_cannot_be_known_is_said(home: Home) -> None:
    toy_corpus(home).close()
    (only,) = ask(override(recipe(home), {"base": "some/model-of-the-hub"}))
    assert "is downloaded when the run starts" in only.note
    (unknown,) = ask(recipe(home), corpus="nothing")
    assert "nothing" in unknown.note


def test_a_model_larger_than_the_memory_is_refused_with_what_would_fit(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from titletui.models import device

    monkeypatch.setattr(device, "free_memory", lambda _: 1000)
    toy_corpus(home).close()
    _, last = estimate._answer(Question("toy", recipe(home)))
    assert last.problem.startswith("It needs about")
    assert "a smaller base model" in last.problem
    assert last.seconds is None


def test_a_new_model_is_tried_too_and_slow_steps_only_once(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy_corpus(home).close()
    shape = {"vocabulary": "320", "width": "32", "layers": "2", "heads": "2", "context": "64"}
    fresh = override(Recipe(), {"base": "new", "steps": "7", "batch_tokens": "64", **shape})
    steps: list[float] = []
    monkeypatch.setattr(estimate, "_LONGEST", 0.0)
    monkeypatch.setattr(AdamW, "step", counting(steps, AdamW.step))
    _, last = estimate._answer(Question("toy", fresh))
    assert last.seconds is not None
    assert last.seconds > 0
    assert not last.problem
    assert len(steps) == 1


def counting(calls: list[float], whole: Callable[..., Any]) -> Callable[..., Any]:
    def counted(*arguments: Any, **more: Any) -> Any:
        calls.append(time.monotonic())
        return whole(*arguments, **more)

    return counted


def test_what_the_trial_steps_take_beyond_the_memory_is_told(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from titletui.models import device

    # Room for the weights, and for nothing else.
    monkeypatch.setattr(device, "free_memory", lambda _: 1 << 20)
    toy_corpus(home).close()
    _, last = estimate._answer(Question("toy", recipe(home)))
    assert last.seconds is not None
    assert last.memory > 1 << 20
    assert last.problem.startswith("It needs about")
    assert "take batch_tokens=" in last.problem


def run_estimate(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "titletui", "train", "toy", "--estimate", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_the_command_line_says_what_a_run_would_take_and_starts_nothing(home: Home) -> None:
    toy_corpus(home).close()
    base = str(toy_base(home))
    plain = run_estimate("--base", base, "--steps", "30")
    assert plain.returncode == 0, plain.stderr
    assert "30 steps" in plain.stdout
    assert "memory: " in plain.stdout
    assert "time: about " in plain.stdout
    told = msgspec.json.decode(run_estimate("--base", base, "--json").stdout, type=Forecast)
    assert told.seconds is not None
    assert 0 < told.memory < told.free
    assert list_jobs(home.jobs) == []


def test_what_cannot_fit_is_estimated_with_what_would(home: Home) -> None:
    toy_corpus(home).close()
    shape = ("width=8192", "layers=128", "heads=64", "vocabulary=300")
    words = [word for part in shape for word in ("--set", part)]
    refused = run_estimate("--base", "new", *words)
    assert refused.returncode == 1
    assert "it does not fit: It needs about 1649" in refused.stdout
    assert "a smaller base model" in refused.stdout


@pytest.mark.parametrize(
    ("changes", "needs", "free", "ways"),
    [
        ({}, 16e9, 6e9, [LORA]),
        ({}, 16e9, 3e9, ["method=lora with quantization=8bit"]),
        ({"batch_tokens": 2048}, 20e9, 17e9, ["batch_tokens=409", LORA]),
        ({"batch_tokens": 0, "batch_size": 16}, 20e9, 18e9, ["batch_size=6", LORA]),
        ({"batch_tokens": 0, "batch_size": 1}, 20e9, 18e9, [LORA]),
        ({"base": "new"}, 16e9, 6e9, []),
    ],
)
def test_a_proposal_is_one_that_fits(
    changes: dict[str, Any], needs: float, free: float, ways: list[str]
) -> None:
    recipe = msgspec.structs.replace(Recipe(), **changes)
    said = memory_check.too_large(recipe, 10**9, int(needs), int(free), "GPU memory")
    given = said.partition("take ")[2].split(", ")
    assert given == [*ways, "a smaller base model", "or a machine with more."]


def test_it_ends_when_the_one_that_asked_is_killed(home: Home) -> None:
    toy_corpus(home).close()
    code = (
        "import subprocess, sys, time; from titletui.training.estimate import command; "
        "p = subprocess.Popen(command()); print(p.pid, flush=True); "
        "time.sleep(60)"
    )
    # The question never comes: this process holds the other end of standard input.
    asker = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert asker.stdout is not None
    pid = int(asker.stdout.readline())
    until(lambda: "titletui.training.estimate" in psutil.Process(pid).cmdline())
    until(lambda: psutil.Process(pid).num_threads() > 1)  # one of them watches its parent
    asker.kill()
    asker.wait()
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie")


def test_the_face_can_ask_without_loading_a_model_library() -> None:
    code = "import sys, titletui.training.estimate; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
