"""Models are chosen, compared and ranked with; what cannot be used says why."""

import shutil
from pathlib import Path

import pytest
from textual.widgets import TextArea

from tests.support.pilot import generate_screen as screen_of
from tests.support.pilot import opened, text_of, until, until_open, until_shown
from tests.support.run_folders import run_folder
from titletui.candidate import Candidate, Novelty
from titletui.jobs.job import JobResult
from titletui.paths import STARTER, Home
from titletui.settings import GenerateSettings, Settings
from titletui.shortlist.library import Library
from titletui.shortlist.records import BatchSettings
from titletui.tui.app import TitletuiApp
from titletui.tui.generate.model_dialog import ModelDialog
from titletui.tui.train.metrics import format_loss
from titletui.tui.widgets.edit_line import EditLine
from titletui.tui.widgets.row_list import RowList


def writing(home: Home, **knobs: object) -> TitletuiApp:
    generate = GenerateSettings(**knobs)  # type: ignore[arg-type]
    return TitletuiApp(home, Settings(mode="generate", welcome=False, generate=generate))


@pytest.fixture
def runs(home: Home) -> None:
    job = run_folder(home, "a-1", [3.0] * 100, ended=JobResult(outcome="done"))
    job.model.mkdir()
    (job.model / "titletui.json").write_text('{"tasks": ["title"]}')


@pytest.mark.usefixtures("runs")
async def test_the_highlighted_model_is_taken_by_enter_and_by_a_click(home: Home) -> None:
    app = writing(home)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "No titles yet")
        await pilot.press("p")
        await until_shown(pilot, "a-1", "title")
        await pilot.press(*"a-1", "enter")
        await until(pilot, lambda: app.settings.generate.model == "a-1")
        await pilot.press("p")
        await until_shown(pilot, "starter")
        picker = app.screen
        assert isinstance(picker, ModelDialog)
        at = [row.name for row in picker.models.rows].index("starter")
        await pilot.click(RowList, offset=(4, at), times=2)
        await until(pilot, lambda: app.settings.generate.model == "starter")


async def test_a_folder_is_taken_as_it_is_typed(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    app = writing(home)
    async with app.run_test(size=(100, 30)) as pilot:
        await until_shown(pilot, "No titles yet")
        await pilot.press("p")
        await until_open(pilot, ModelDialog)
        await pilot.press(*"./mine", "enter")
        await until(pilot, lambda: app.settings.generate.model == "./mine")


async def test_a_second_model_is_asked_for_and_writes_beside_the_first(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(STARTER, tmp_path / "other")
    app = writing(home, count=1, length=4)
    async with app.run_test(size=(120, 30)) as pilot:
        await until_shown(pilot, "No titles yet")
        await pilot.press("v")
        await until_shown(pilot, "Compare starter with")
        await pilot.press(*"./other", "enter")
        screen = screen_of(app)
        await until(pilot, lambda: len(screen.batches.columns) == 2)
        await until(pilot, lambda: all(one.live_batch.rows for one in screen.batches.columns))
        seeds = {one.live_batch.rows[0].seed for one in screen.batches.columns}
        assert len(seeds) == 1, "what differs should be the model alone"


async def test_where_the_first_of_a_sweep_fails_the_others_are_not_begun(home: Home) -> None:
    app = writing(home, model="/nowhere/model")
    async with app.run_test(size=(120, 30)) as pilot:
        await until_shown(pilot, "No titles yet")
        await pilot.press("w")
        await until_shown(pilot, "That did not work", "/nowhere/model")
        await pilot.press("escape")
        columns = screen_of(app).batches.columns
        await until(pilot, lambda: not any(one.live_batch.running for one in columns))
        assert [len(one.live_batch.rows) for one in columns] == [0, 0, 0]
        assert "waiting" not in text_of(pilot)


async def test_titles_that_are_all_copies_are_written_anew_until_one_is_new(home: Home) -> None:
    app = writing(home, count=1, length=6, seed=3)
    async with app.run_test(size=(120, 30)) as pilot:
        await until_shown(pilot, "No titles yet")
        screen = screen_of(app)
        screen.write([("", screen.request())], until_new=4)
        await until(
            pilot,
            lambda: (
                len(screen.batches.current.live_batch.rows) >= 4
                and not screen.batches.current.live_batch.running
            ),
        )
        assert screen.batches.current.live_batch.new_titles >= 4
        assert len({row.seed for row in screen.batches.current.live_batch.rows}) > 1


async def test_a_title_that_shares_no_word_with_any_paper_says_so(home: Home) -> None:
    with Library.open(home) as library:
        batch = library.start_batch(BatchSettings(model="starter"))
        alone = Novelty(kind="new", similarity=0.0, id="", title="", year=None)
        library.add_candidates(batch, [Candidate(text="Zyx", index=0, novelty=alone)])
    async with opened(home, "generate").run_test(size=(120, 30)) as pilot:
        await until_shown(pilot, "No paper has words in common with it.")


async def test_an_abstract_that_cannot_be_read_is_told_and_what_stood_there_stays(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.pdf").write_bytes(b"%PDF\xff\xfe\xfd")
    wrong = {"folder": "Is a directory", "none.txt": "No such file", "a.pdf": "is a PDF"}
    async with opened(home, "generate").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "No titles yet")
        await pilot.press("a", *"otters")
        for name, complaint in wrong.items():
            await pilot.press("ctrl+o", *name, "enter")
            await until_shown(pilot, f"{name} ", complaint)
        await pilot.press("ctrl+o", "enter")
        await until_shown(pilot, "1 words")
        assert pilot.app.screen.query_one(TextArea).text == "otters"


async def test_stars_that_are_no_taste_yet_leave_the_order_and_say_so(home: Home) -> None:
    app = writing(home, sort="taste")
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "No titles yet")
        await pilot.press("m")
        await until_shown(pilot, "Top-p")
        await pilot.press("enter")
        await until_shown(pilot, "Taste is learned from 20 stars")


async def test_what_is_marked_in_an_input_is_copied(home: Home) -> None:
    app = writing(home)
    async with app.run_test(size=(100, 30)) as pilot:
        await until_shown(pilot, "No titles yet")
        await pilot.press("slash", *"Neural", "shift+home", "ctrl+c")
        await until(pilot, lambda: app.clipboard == "Neural")


@pytest.mark.slow
async def test_titles_are_ranked_by_taste_as_they_come(home: Home) -> None:
    with Library.open(home) as library:
        for number in range(6):
            batch = library.start_batch(BatchSettings(model="starter"))
            texts = [f"Quantum Gravity: Part {number}{n}" for n in range(4)]
            texts += [f"Speech Study {number}{n}" for n in range(4)]
            ids = library.add_candidates(batch, [Candidate(text=text) for text in texts])
            for text, candidate in zip(texts[4:], ids[4:], strict=True):
                library.star(text, candidate=candidate)
    app = writing(home, sort="taste", count=2, length=6)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await until(pilot, lambda: "Ranked by your taste" in text_of(pilot))
        await until_shown(pilot, "batch 6 of 6")
        screen = screen_of(app)
        await until(
            pilot, lambda: screen.batches.current.candidates.rows[0].shown_text.startswith("Speech")
        )
        await pilot.press("left_square_bracket")
        await until_shown(pilot, "batch 5 of 6")
        await until(pilot, lambda: screen.batches.current.candidates.rows[0].preference is not None)
        await pilot.press("enter")
        await until(
            pilot,
            lambda: (
                len(rows := screen.batches.current.live_batch.rows) == 2
                and all(row.preference is not None for row in rows)
            ),
        )


async def test_nothing_is_exported_from_an_empty_shortlist(home: Home) -> None:
    async with opened(home, "shortlist").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "Nothing starred")
        await pilot.app.screen.run_action("export")
        await until_shown(pilot, "There is nothing to export yet.")


async def test_a_title_that_is_left_as_it_was_is_not_edited(home: Home) -> None:
    with Library.open(home) as library:
        library.star("A Title")
        before = library.revision
        async with opened(home, "shortlist").run_test(size=(100, 30)) as pilot:
            await until_shown(pilot, "★ 1")
            await pilot.press("e")
            await until(pilot, lambda: pilot.app.screen.query(EditLine))
            await pilot.press("enter")
            await until(pilot, lambda: not pilot.app.screen.query(EditLine))
        assert library.revision == before


def test_a_small_loss_is_never_shown_as_zero() -> None:
    assert [format_loss(loss) for loss in (0.0, 0.0005, 0.25, 12.345, 1234.5)] == [
        "0", "5.0e-04", "0.250", "12.35", "1,234",
    ]  # fmt: skip
