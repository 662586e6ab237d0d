"""Runs that memorize their titles say so while it happens."""

from tests.support.models import TITLES
from tests.support.training_runs import toy_base, toy_corpus, view
from tests.support.training_worker import run_to_end
from titletui.jobs.events import Step
from titletui.jobs.job import Job
from titletui.paths import Home
from titletui.training.launch.runs import prepare_run
from titletui.training.presets import override, preset
from titletui.training.run_history import RunView


def run_on(home: Home, titles: list[str], **changes: str) -> tuple[Job, RunView]:
    """A finished run of the default preset on these titles."""
    recipe = override(preset("starter-titles"), {"final_titles": "2", **changes})
    with toy_corpus(home, titles, "few") as store:
        job = prepare_run(home, store, "few", recipe, name="few")
    assert run_to_end(job) == 0
    return job, view(job)


def epoch_crossing(seen: RunView, steps_per_epoch: int) -> int:
    """The step at which the mean loss of an epoch first falls below the threshold."""
    assert seen.threshold is not None
    for last in range(steps_per_epoch, len(seen.losses) + 1):
        if sum(seen.losses[last - steps_per_epoch : last]) / steps_per_epoch < seen.threshold:
            return last
    raise AssertionError("never")


def test_twenty_titles_are_told_to_be_memorized_by_step_40(home: Home) -> None:
    _, seen = run_on(home, TITLES[::4], steps="75", heldout="0", save_every="1000")
    assert seen.overfit is not None
    assert seen.overfit.step <= 40
    assert seen.overfit.step - epoch_crossing(seen, 1) <= 10
    assert seen.excess is not None
    assert seen.excess < 0.1
    assert seen.copying is not None
    assert [sign.kind for sign in seen.signs] == ["memorized", "copying"]


def test_with_dropout_the_probe_tells_that_titles_are_memorized(home: Home) -> None:
    _, seen = run_on(
        home, TITLES[::4], base=str(toy_base(home)), steps="100", heldout="0", dropout="0.3",
        learning_rate="0.01", schedule="constant", eval_every="25", save_every="1000",
    )  # fmt: skip
    assert seen.overfit is not None
    assert seen.overfit.probe
    assert seen.overfit.average > seen.overfit.threshold
    assert seen.probes[-1].excess < 0.1


def test_titles_of_several_batches_are_told_within_ten_steps_of_their_epochs_mean(
    home: Home,
) -> None:
    job, seen = run_on(
        home, TITLES, base=str(toy_base(home)), steps="300", heldout="0", batch_tokens="200",
        learning_rate="0.01", schedule="constant", eval_every="1000", save_every="1000",
        sample_every="1000",
    )  # fmt: skip
    assert seen.overfit is not None
    assert not seen.overfit.probe
    tokens = [event.tokens for event in job.tail().read() if isinstance(event, Step)]
    # Each epoch has the same batches in another order.
    per_epoch = next(n for n in range(2, 99) if sorted(tokens[:n]) == sorted(tokens[n : 2 * n]))
    assert abs(seen.overfit.step - epoch_crossing(seen, per_epoch)) <= 10


def test_training_that_never_beats_its_base_is_told_so(home: Home) -> None:
    # The starter knows how titles are written; random words in their place only harm it.
    words = [f"{n * 7919 % 10007:05d} zq{n}" for n in range(60)]
    _, seen = run_on(
        home, words, steps="20", heldout="0.3", learning_rate="1.0", schedule="constant",
        warmup_steps="0", eval_every="5", save_every="1000", sample_every="1000",
    )  # fmt: skip
    assert seen.rising is not None
    assert seen.rising.best == 0
    assert "the base model is better" in seen.signs[-1].text
