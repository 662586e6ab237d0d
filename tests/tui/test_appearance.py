"""What makes the four modes look like one."""

from typing import Annotated

import msgspec
from textual.widgets import Input

from tests.support.pilot import until_shown
from titletui.candidate import Novelty
from titletui.corpus.statistics import CorpusStatistics, Lengths
from titletui.paths import Home
from titletui.settings import Settings, describe_range
from titletui.tui.app import TitletuiApp
from titletui.tui.corpus.statistics_view import _statistics_lines
from titletui.tui.generate.candidate_list import CandidateList
from titletui.tui.generate.candidate_row import CandidateRow
from titletui.tui.widgets.empty_state import keyed

INSIGHT = CorpusStatistics(
    papers=4,
    measured=4,
    titles=Lengths.of([4, 9, 9, 14]),
    abstracts=Lengths.of([86, 170, 170, 251]),
    abstract_tokens=Lengths.of([120, 240, 257, 400]),
    years=[(2017, 3), (2025, 1)],
    words=[("speech", 3)],
)


def test_figures_of_titles_and_abstracts_stand_under_one_another() -> None:
    for width in (40, 50, 81, 150):
        title, abstract, years, *_ = (row.plain for row in _statistics_lines(INSIGHT, width))
        assert title.index(" words") == abstract.index(" words")
        assert ("median" in title) == ("median" in abstract)
        assert len(abstract) <= width
        assert "2017 … 2025" in years


def test_what_a_cut_loses_is_told_before_mode_and_median() -> None:
    abstract = _statistics_lines(INSIGHT, 70)[1].plain
    assert "50% over 256 tokens" in abstract
    assert "median" not in abstract


def test_a_very_wide_list_names_the_paper_that_a_title_copies() -> None:
    copy = Novelty(kind="copy", similarity=1.0, id="2305.01234", title="Codec Mismatch")
    row = CandidateRow(text="Codec Mismatch Once More", index=0, novelty=copy)
    wide = CandidateList().lines(row, 197)[0].plain
    assert wide.endswith("copy       Codec Mismatch")
    assert CandidateList().lines(row, 120)[0].plain.rstrip().endswith("copy")
    new = CandidateRow(
        text="Codec Mismatch Once More", index=0, novelty=Novelty(kind="new", title="Codecs")
    )
    assert CandidateList().lines(new, 197)[0].plain.rstrip().endswith("new")


def test_keys_in_a_sentence_look_like_keys() -> None:
    said = keyed("`n` scrapes, `i` imports")
    assert said.plain == "n scrapes, i imports"
    assert [said.plain[span.start : span.end] for span in said.spans] == ["n", "i"]


async def test_what_is_refused_is_seen_where_little_fits(home: Home) -> None:
    async with TitletuiApp(home, Settings(welcome=False)).run_test(size=(60, 20)) as pilot:
        await pilot.press("escape", "comma")
        await until_shown(pilot, "Settings")
        field = pilot.app.screen.query_one("#generate-temperature", Input)
        field.focus()
        await until_shown(pilot, "How daring")
        field.value = "hot"
        await until_shown(pilot, "✕ generate.temperature", "'hot'")


def test_large_bounds_are_written_as_people_write_them() -> None:
    million = Annotated[int, msgspec.Meta(ge=1, le=10**6)]
    said = describe_range(msgspec.inspect.type_info(million))
    assert said == "a whole number from 1 to 1,000,000"
    large = Annotated[float, msgspec.Meta(ge=1, le=1e9)]
    assert describe_range(msgspec.inspect.type_info(large)) == "a number from 1 to 1,000,000,000"
