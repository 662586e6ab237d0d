"""Faults inside a run: damaged checkpoints, full disks, losses that are no numbers."""

import gzip
import math
import shutil
import threading
from pathlib import Path

import pytest

from tests.support.models import TITLES
from tests.support.training_runs import papers, toy_base, toy_corpus, toy_run, view, weights
from tests.support.training_worker import run_to_end
from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.errors import TitletuiError
from titletui.jobs.events import Step
from titletui.jobs.job import Job, State
from titletui.models.checkpoints import checkpoint_steps
from titletui.paths import Home
from titletui.training.launch.runs import prepare_run
from titletui.training.manifest import damage
from titletui.training.presets import preset
from titletui.training.recipe import Recipe


def stopped_at_12(home: Home, name: str) -> Job:
    job = toy_run(home, name)
    assert run_to_end(job, "terminate:12") == 0
    assert checkpoint_steps(job)[-1] == 12
    return job


@pytest.mark.fault("F28")
def test_a_damaged_checkpoint_is_never_used(home: Home) -> None:
    straight = toy_run(home, "straight")
    assert run_to_end(straight) == 0
    job = stopped_at_12(home, "damaged")
    newest = job.checkpoints / "step-000012"
    whole = job.path / "whole"
    shutil.copytree(newest, whole)
    names = sorted(path.name for path in whole.iterdir())
    assert {"model.safetensors", "optimizer.safetensors", "random.safetensors"} <= set(names)
    for name in names:
        for harm in (delete, truncate, zero, flip):
            shutil.rmtree(newest)
            shutil.copytree(whole, newest)
            assert damage(newest) == ""
            harm(newest / name)
            assert damage(newest), f"{harm.__name__} {name} went unnoticed"
    shutil.rmtree(whole)
    assert run_to_end(job) == 0
    assert weights(job) == weights(straight)
    assert any("step-000010 is used" in note.text for note in view(job).notes)


@pytest.mark.fault("F28")
def test_a_run_without_a_whole_checkpoint_says_so_and_does_not_begin_again(home: Home) -> None:
    job = stopped_at_12(home, "all-damaged")
    for path in job.checkpoints.iterdir():
        flip(path / "optimizer.safetensors")
    assert run_to_end(job) == 1
    assert job.state is State.FAILED
    assert job.exit is not None
    assert "none is left" in job.exit.reason
    assert "start the run again" in job.exit.reason
    assert not job.model.exists()


def delete(path: Path) -> None:
    path.unlink()


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(bytes(data))


@pytest.mark.fault("F29")
@pytest.mark.parametrize("stage", ["model", "optimizer", "manifest"])
def test_a_checkpoint_that_the_disk_has_no_room_for_is_left_out(home: Home, stage: str) -> None:
    straight = toy_run(home, "straight")
    assert run_to_end(straight) == 0
    job = toy_run(home, "full")
    assert run_to_end(job, f"full-disk:{stage}") == 0
    assert job.state is State.DONE
    assert 10 not in checkpoint_steps(job)
    assert not (job.checkpoints / "step-000010").exists()
    assert any("No space left" in note.text and "step 10" in note.text for note in view(job).notes)
    assert weights(job) == weights(straight)


@pytest.mark.fault("F29")
def test_events_that_the_disk_has_no_room_for_are_counted(home: Home) -> None:
    job = toy_run(home, "full-log")
    assert run_to_end(job, "full-disk:log") == 0
    seen = view(job)
    assert job.state is State.DONE
    assert len(seen.steps_done) < 20
    assert any("5 events could not be written" in note.text for note in seen.notes)


@pytest.mark.fault("F30")
def test_a_folder_that_becomes_read_only_ends_the_run_with_a_sentence(home: Home) -> None:
    job = toy_run(home, "read-only")
    assert run_to_end(job, "read-only:") == 1
    assert job.state is State.FAILED
    assert job.exit is not None
    assert "could not be written (Read-only file system" in job.exit.reason
    assert "Traceback" not in job.log.read_text()
    assert checkpoint_steps(job) == [5]


@pytest.mark.fault("F31")
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_loss_that_is_no_number_ends_the_run_as_diverged(home: Home, value: str) -> None:
    job = toy_run(home, "nan")
    assert run_to_end(job, f"not-finite:8={value}") == 1
    seen = view(job)
    assert job.state is State.FAILED
    assert job.exit is not None
    assert job.exit.reason.startswith("diverged at step 8")
    assert seen.condition == "diverged"
    assert seen.overfit is None
    assert math.isnan(seen.losses[-1])
    assert seen.loss is None
    assert checkpoint_steps(job) == [5]
    losses = [event.loss for event in job.tail().read() if isinstance(event, Step)]
    assert losses[-1] is None
    assert 0.0 not in losses


@pytest.mark.fault("F32")
def test_one_loss_of_zero_is_shown_as_zero_and_is_not_overfitting(home: Home) -> None:
    job = toy_run(home, "zero")
    assert run_to_end(job, "zero:12") == 0
    seen = view(job)
    assert seen.losses[11] == 0.0
    assert seen.overfit is None
    assert seen.loss is not None
    assert seen.loss > 0.1


@pytest.mark.fault("F32")
def test_a_run_driven_under_the_threshold_says_so_once_and_stops_when_told_to(home: Home) -> None:
    titles = TITLES[::4]
    with toy_corpus(home, titles, "few") as store:
        recipe = Recipe(
            base=str(toy_base(home)),
            steps=3000,
            learning_rate=1e-2,
            schedule="constant",
            heldout=0.0,
            sample_every=100,
            save_every=3000,
            eval_every=3000,
            stop_when_overfit=True,
            precision="fp32",
            preview_tokens=48,
            final_titles=2,
        )
        job = prepare_run(home, store, "few", recipe, name="few")
    assert run_to_end(job) == 0
    seen = view(job)
    assert seen.overfit is not None
    # 20 memorized titles leave ln 20 nats a title: which of them comes is chance.
    assert seen.floor == pytest.approx(seen.overfit.threshold - 0.1)
    assert 0 < seen.floor < 0.5
    assert seen.overfit.average < seen.overfit.threshold == seen.threshold
    assert seen.overfit.step == seen.step < 3000
    assert seen.excess is not None
    assert seen.excess < 0.1
    assert seen.loss == pytest.approx(seen.overfit.average, abs=1e-4)
    assert seen.averages[-2] >= seen.overfit.threshold
    assert seen.overfit.copies > 0
    assert job.exit is not None
    assert job.exit.reason.startswith("the training titles are memorized at step")
    assert job.model.exists()


@pytest.mark.fault("F32")
def test_with_a_prompt_for_each_title_the_threshold_is_the_recipes(home: Home) -> None:
    job = toy_run(home, "prompts", task="abstract-to-title", overfit_below="0.1")
    assert run_to_end(job) == 0
    assert view(job).threshold == 0.1


@pytest.mark.fault("F32")
def test_an_overfit_run_goes_on_unless_it_is_told_to_stop(home: Home) -> None:
    job = toy_run(home, "loose", overfit_below="10")
    assert run_to_end(job) == 0
    seen = view(job)
    assert seen.overfit is not None
    assert seen.overfit.step < seen.step == 20
    assert job.exit is not None
    assert job.exit.reason == ""


@pytest.mark.fault("F32")
def test_with_a_threshold_of_zero_no_run_is_overfit(home: Home) -> None:
    job = toy_run(home, "never", overfit_below="0")
    assert run_to_end(job, "zero:1") == 0
    assert (view(job).threshold, view(job).overfit) == (None, None)


def test_an_error_that_nobody_knows_fails_the_run_with_its_words(home: Home) -> None:
    job = toy_run(home, "broken")
    assert run_to_end(job, "broken:7") == 1
    assert job.exit is not None
    assert job.exit.reason == "RuntimeError: a kernel is missing"
    assert "log.txt" in job.exit.advice
    assert "Traceback" in job.log.read_text()
    assert checkpoint_steps(job) == [5]


@pytest.mark.fault("F33")
def test_a_run_out_of_gpu_memory_resumes_with_smaller_slices_of_the_same_batches(
    home: Home,
) -> None:
    straight = toy_run(home, "straight", dropout="0", precision="fp32")
    assert run_to_end(straight) == 0
    job = toy_run(home, "memory", dropout="0", precision="fp32")
    assert run_to_end(job, "out-of-gpu-memory:8") == 1
    assert job.exit is not None
    assert job.exit.reason == "out of GPU memory at step 8"
    assert "Resume" in job.exit.advice
    assert job.state.resumable
    assert run_to_end(job, "out-of-gpu-memory:8") == 0
    assert view(job).losses == pytest.approx(view(straight).losses, rel=1e-3)


@pytest.mark.fault("F38")
def test_a_corpus_that_grows_changes_nothing_for_a_run_that_began(home: Home) -> None:
    straight = toy_run(home, "straight")
    assert run_to_end(straight) == 0
    job = stopped_at_12(home, "grown")
    with CorpusStore(home.corpus_db) as store:
        store.add("toy", papers([f"A new title number {number}" for number in range(200)]))
    assert run_to_end(job) == 0
    assert weights(job) == weights(straight)


@pytest.mark.fault("F38")
def test_a_training_set_that_was_changed_is_refused(home: Home) -> None:
    job = stopped_at_12(home, "tampered")
    lines = gzip.decompress(job.papers.read_bytes()).replace(b"Neural", b"Neuron")
    job.papers.write_bytes(gzip.compress(lines))
    assert run_to_end(job) == 1
    assert job.exit is not None
    assert "is not the training set that the run began with" in job.exit.reason


@pytest.mark.fault("F40")
def test_of_two_runs_with_one_name_only_one_begins(home: Home) -> None:
    toy_base(home)
    toy_corpus(home).close()
    said: list[str] = []

    def press() -> None:
        try:
            toy_run(home, "twice")
            said.append("begun")
        except TitletuiError as error:
            said.append(str(error))

    threads = [threading.Thread(target=press) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said)[1] == "begun"
    assert "There is a run named twice already" in sorted(said)[0]


@pytest.mark.fault("F49")
@pytest.mark.parametrize("count", [0, 1, 9])
def test_a_corpus_that_is_too_small_is_refused_with_the_least_number(
    home: Home, count: int
) -> None:
    base = toy_base(home)
    with (
        toy_corpus(home, [f"Title {n}" for n in range(count)], "small") as store,
        pytest.raises(TitletuiError, match=f"has {count} paper.*at least 10"),
    ):
        prepare_run(home, store, "small", Recipe(base=str(base)))


@pytest.mark.fault("F49")
@pytest.mark.parametrize(
    "titles",
    [
        [f"Title {n}" for n in range(10)],
        ["All the same"] * 30,
        [f"Title {n}" for n in range(20)] + ["word " * 390],
    ],
    ids=["ten", "identical", "long"],
)
def test_an_odd_corpus_trains(home: Home, titles: list[str]) -> None:
    base = toy_base(home)
    recipe = Recipe(
        base=str(base), steps=3, final_titles=2, preview_titles=2, preview_tokens=4, heldout=0.1
    )
    with toy_corpus(home, titles, "odd") as store:
        job = prepare_run(home, store, "odd", recipe, name="odd")
    assert run_to_end(job) == 0
    seen = view(job)
    assert seen.step == 3
    assert all(math.isfinite(loss) for loss in seen.losses)
    if max(map(len, titles)) > 1_000:
        assert any("1 of 21 papers give no example" in note.text for note in seen.notes)


@pytest.mark.fault("F49")
def test_a_task_that_no_paper_fits_is_refused(home: Home) -> None:
    base = toy_base(home)
    with toy_corpus(home, [f"Title {n}" for n in range(12)], "plain") as store:
        store.create("bare")
        store.add("bare", [_bare(n) for n in range(12)])
        recipe = preset("neo-abstract-to-title")
        job = prepare_run(
            home, store, "bare", Recipe(task=recipe.task, base=str(base)), name="bare"
        )
    assert run_to_end(job) == 1
    assert job.exit is not None
    assert "needs papers with abstracts" in job.exit.reason


def _bare(number: int) -> Paper:
    return Paper(id=f"x-{number}", title=f"Bare title {number}")
