"""Runs that memorize their titles say so while it happens."""

from tests.support.models import TITLES
from tests.support.training_runs import toy_corpus, view
from tests.support.training_worker import run_to_end
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
