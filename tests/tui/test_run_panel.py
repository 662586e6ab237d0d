"""The panel of a run gives its chart the lines that nothing else needs."""

import pytest

from tests.run_folders import run_folder
from tests.tui.seen import opened, until
from titletui.home import Home
from titletui.tui.widgets.run_panel import RunPanel


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
