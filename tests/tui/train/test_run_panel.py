"""The panel of a run gives its chart the lines that nothing else needs."""

import pytest

from tests.support.pilot import opened, until, until_shown
from tests.support.run_folders import held, run_folder
from titletui.jobs.event_log import EventLog
from titletui.jobs.events import Progress
from titletui.jobs.job import create_job
from titletui.paths import Home
from titletui.training.recipe import Recipe
from titletui.training.run_spec import RunSpec
from titletui.tui.train.run_panel import RunPanel


@pytest.mark.parametrize(
    ("size", "previews", "shown"),
    [((80, 24), ("A Title",), True), ((80, 24), (), False), ((60, 20), ("A Title",), False)],
    ids=["with titles", "before the first titles", "a low terminal"],
)
async def test_titles_have_a_line_where_there_are_some_and_room(
    home: Home, size: tuple[int, int], previews: tuple[str, ...], shown: bool
) -> None:
    run_folder(home, "eess-as-1", [3.0, 2.5, 2.0], every=1, previews=previews)
    async with opened(home, "train").run_test(size=size) as pilot:
        panel = pilot.app.screen.query_one(RunPanel)
        await until(pilot, lambda: "loss" in str(panel.figures.content))
        await until(pilot, lambda: bool(panel.preview.region.height) is shown)
        last = panel.preview if shown else panel.figures
        assert last.region.bottom == panel.content_region.bottom


async def test_before_the_first_step_it_says_what_is_waited_for_and_how_far_that_is(
    home: Home,
) -> None:
    plan = RunSpec(recipe=Recipe(), corpus="eess.AS", papers=3064, sha256="0" * 64)
    job = create_job(home.jobs, "run", "eess-as-1", plan)
    waiting = "downloading model.safetensors"
    with held(job), EventLog(job.events) as log:
        async with opened(home, "train").run_test(size=(110, 30)) as pilot:
            await until_shown(pilot, "it waits for its first step")
            log.append(Progress(done=1_500_000, total=3_000_000, unit="bytes", waiting=waiting))
            await until_shown(pilot, "downloading model.safetensors: 2 MB of 3 MB")
            log.append(Progress(done=1_200, waiting="reading papers"))
            await until_shown(pilot, "reading papers: 1,200 papers")
