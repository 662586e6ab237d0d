"""What is told of a run."""

from tests.support.run_folders import run_folder
from tests.support.training_runs import view
from titletui.cli.run_report import line
from titletui.jobs.events import Ended, Started
from titletui.paths import Home
from titletui.training.recipe import Recipe


def test_a_run_of_an_older_build_tells_what_is_known_of_its_steps(home: Home) -> None:
    recipe = Recipe(epochs=3.0)
    under_way = run_folder(home, "under-way", [2.0] * 30, recipe=recipe)
    done = run_folder(home, "done", [2.0] * 30, recipe=recipe, more=[Ended(outcome="done")])
    told = run_folder(home, "told", [2.0] * 30, recipe=recipe, more=[Started(pid=1, steps=90)])
    assert view(under_way).steps is None
    assert "30 steps" in line(view(under_way))
    assert "30/30" in line(view(done))
    assert view(told).steps == 90
    assert all("?" not in line(view(job)) for job in (under_way, done, told))
