"""What each screen says when its store cannot be read, and what still works then."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.corpora import fill, paper
from tests.support.pilot import (
    app_of,
    corpus_screen,
    forecast_at_once,
    opened,
    text_of,
    until,
    until_open,
    until_shown,
)
from tests.support.run_folders import run_folder
from titletui.candidate import Candidate
from titletui.errors import TitletuiError
from titletui.jobs.job import JobResult
from titletui.paths import Home
from titletui.settings import GenerateSettings, Settings
from titletui.shortlist.library import Library
from titletui.shortlist.records import BatchSettings
from titletui.tui.app import TitletuiApp
from titletui.tui.dialogs.message import MessageDialog
from titletui.tui.generate.model_dialog import ModelDialog
from titletui.tui.generate.screen import GenerateScreen
from titletui.tui.train.new_run_dialog import NewRunDialog


@contextlib.contextmanager
def in_the_way(path: Path) -> Iterator[None]:
    """A folder stands where a file should be; afterwards it is gone."""
    path.mkdir()
    try:
        yield
    finally:
        path.rmdir()


def spoil(path: Path) -> None:
    """Every page but the first of a database that is closed is overwritten."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 4096))


async def test_corpora_that_cannot_be_read_are_told_and_come_once_they_can(home: Home) -> None:
    with in_the_way(home.corpus_db):
        async with opened(home, "corpus").run_test(size=(100, 30)) as pilot:
            await until_shown(pilot, "That did not work", "corpus.db")
            await pilot.press("escape")
            await until_shown(pilot, "The corpora cannot be read", "corpus.db")
            home.corpus_db.rmdir()
            fill(home, "a", [paper(1, "Speech")])
            await until_shown(pilot, "Speech", "1 papers")
        for left in home.data.glob("corpus.db*"):
            left.unlink()
        home.corpus_db.mkdir()


async def test_runs_that_cannot_be_read_are_told_and_come_once_they_can(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    forecast_at_once(monkeypatch)
    fill(home, "a", [paper(1, "Speech")])
    home.jobs.mkdir(exist_ok=True)
    (home.jobs / "run").write_text("in the way")
    async with opened(home, "train").run_test(size=(100, 30)) as pilot:
        await until_shown(pilot, "The runs cannot be read", "yours.")
        await pilot.press("n")
        await until_shown(pilot, "New run", "yours")
        await pilot.press("escape", "3", "p")
        await until_open(pilot, ModelDialog)
        await until_shown(pilot, "yours")
        await pilot.press("escape", "2")
        (home.jobs / "run").unlink()
        run_folder(home, "a-1", [3.0] * 60, ended=JobResult(outcome="done"))
        await until_shown(pilot, "✓ a-1")


async def test_a_new_run_says_why_no_corpus_can_be_offered(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    forecast_at_once(monkeypatch)
    with in_the_way(home.corpus_db):
        async with opened(home, "train").run_test(size=(100, 40), notifications=True) as pilot:
            await until_shown(pilot, "No run yet")
            await pilot.press("n")
            await until_open(pilot, NewRunDialog)
            await until_shown(pilot, "corpus.db")
            await pilot.press("escape")
            await until_shown(pilot, "No run yet")


async def test_the_palette_offers_its_actions_though_the_corpora_cannot_be_read(
    home: Home,
) -> None:
    with in_the_way(home.corpus_db):
        async with opened(home, "shortlist").run_test(size=(100, 30)) as pilot:
            await until_shown(pilot, "Nothing starred")
            await pilot.press("ctrl+p")
            await until_shown(pilot, "That did not work", "corpus.db")
            await pilot.press("escape")
            await until_shown(pilot, "App: ")


async def test_a_damaged_page_is_told_where_the_titles_and_the_figures_would_stand(
    home: Home,
) -> None:
    fill(home, "a", [paper(n, f"Speech {n}") for n in range(1_300)])
    async with opened(home, "corpus").run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "1,300 papers", "mode 2")
        spoil(home.corpus_db)
        view = corpus_screen(pilot).view
        view._load("a", "speech")
        await until_shown(pilot, "corpus.db")
        assert "damaged" in str(view.found.content)
        view._load_more("a", "", down=True)
        await until_shown(pilot, "That did not work", "is damaged")


async def test_a_batch_against_a_corpus_that_is_gone_is_compared_with_all_papers(
    home: Home,
) -> None:
    fill(home, "otters", [paper(1, "Old Otters!")])
    with Library.open(home) as library:
        batch = library.start_batch(BatchSettings(model="starter", against="gone"))
        library.add_candidates(batch, [Candidate(text="Old Otters", index=0)])
    generate = GenerateSettings(against="gone")
    app = TitletuiApp(home, Settings(mode="generate", welcome=False, generate=generate))
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await until_shown(pilot, "Titles are compared with all papers", "nearest Old Otters!")
        assert app.settings.generate.against is None


async def test_candidates_stay_though_they_can_be_compared_with_nothing(home: Home) -> None:
    with Library.open(home) as library:
        batch = library.start_batch(BatchSettings(model="starter"))
        library.add_candidates(batch, [Candidate(text="Old Otters", index=0)])
    with in_the_way(home.corpus_db):
        async with opened(home, "generate").run_test(size=(120, 30)) as pilot:
            await until_shown(pilot, "That did not work", "corpus.db")
            await pilot.press("escape")
            await until_shown(pilot, "Old Otters")


async def test_a_star_that_cannot_be_kept_is_told_and_not_shown(home: Home) -> None:
    with Library.open(home) as library:
        batch = library.start_batch(BatchSettings(model="starter"))
        library.add_candidates(batch, [Candidate(text="Old Otters", index=0)])
    async with opened(home, "generate").run_test(size=(120, 30)) as pilot:
        await until_shown(pilot, "Old Otters")
        await app_of(pilot).library.run(
            lambda library: library._connection.execute("PRAGMA query_only = 1")
        )
        screen = pilot.app.screen
        assert isinstance(screen, GenerateScreen)
        await pilot.press("space")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        await pilot.press("escape")
        await until(pilot, lambda: screen.batches.current.live_batch.rows[0].star == "")
        assert "★ Old Otters" not in text_of(pilot)


async def test_no_edit_note_or_tag_is_asked_for_that_could_not_be_kept(home: Home) -> None:
    with Library.open(home) as library:
        batch = library.start_batch(BatchSettings(model="starter"))
        library.add_candidates(batch, [Candidate(text="Old Otters", index=0)])
    async with opened(home, "generate").run_test(size=(120, 30)) as pilot:
        await until_shown(pilot, "Old Otters")
        screen = pilot.app.screen
        await app_of(pilot).library.run(
            lambda library: library._connection.execute("PRAGMA query_only = 1")
        )
        for keys in (("n",), ("t",), ("e", "!", "enter")):
            await pilot.press(*keys)
            await until_open(pilot, MessageDialog)
            await pilot.press("escape")
            await until(pilot, lambda: pilot.app.screen is screen)
        assert "★" not in text_of(pilot)
    with Library.open(home) as library:
        assert not library.favourites()


async def test_titles_that_cannot_be_kept_are_told_while_they_are_written(home: Home) -> None:
    generate = GenerateSettings(count=2, length=8)
    app = TitletuiApp(home, Settings(mode="generate", welcome=False, generate=generate))
    async with app.run_test(size=(100, 30)) as pilot:
        await until_shown(pilot, "No titles yet")
        screen = pilot.app.screen
        assert isinstance(screen, GenerateScreen)
        await app.library.run(lambda library: library._connection.execute("PRAGMA query_only = 1"))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, MessageDialog))
        await pilot.press("escape")
        await until(pilot, lambda: not screen.batches.current.live_batch.running)
        assert screen.batches.current.live_batch.id is None


async def test_a_run_with_a_damaged_card_hides_no_other_model(home: Home) -> None:
    job = run_folder(home, "a-1", [3.0] * 60, ended=JobResult(outcome="done"))
    job.model.mkdir()
    (job.model / "titletui.json").write_text("{")
    async with opened(home, "generate").run_test(size=(100, 30)) as pilot:
        await until_shown(pilot, "No titles yet")
        await pilot.press("p")
        await until_shown(pilot, "▸ a-1", "starter")
        await pilot.press("escape")


async def test_settings_that_cannot_be_kept_are_told_at_once_and_at_the_end(home: Home) -> None:
    with in_the_way(home.config_toml):
        app = opened(home, "generate")
        async with app.run_test(size=(100, 30), notifications=True) as pilot:
            await until_shown(pilot, "No titles yet")
            await pilot.press("plus")
            await app_of(pilot).save_changed_settings()
            await until_shown(pilot, "The settings could not be saved")
            await pilot.press("q")
        assert "could not be saved" in app.goodbye[-1]


async def test_a_fault_of_its_own_is_no_message_for_a_person(home: Home) -> None:
    async with opened(home, "shortlist").run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Nothing starred")
        with pytest.raises(ZeroDivisionError):
            app_of(pilot).show_error(ZeroDivisionError())
        app_of(pilot).show_error(TitletuiError("The disk is away."))
        await until_shown(pilot, "The disk is away.")
