"""The Corpus screen: what it shows, and what each key does."""

import threading
from pathlib import Path

import pytest

from tests.support.corpora import fill, names, paper
from tests.support.hostile_texts import HOSTILE
from tests.support.pilot import (
    app_of,
    opened,
    text_of,
    until,
    until_gone,
    until_open,
    until_shown,
)
from tests.support.pilot import corpus_screen as screen_of
from titletui.corpus.store import CorpusStore
from titletui.importing.job import Source, start_import
from titletui.jobs.job import State
from titletui.paths import Home
from titletui.settings import Settings
from titletui.tui.app import TitletuiApp
from titletui.tui.corpus.deletions import Deletion
from titletui.tui.corpus.page_window import PAGE, PAGES
from titletui.tui.corpus.paper_dialog import PaperDialog
from titletui.tui.dialogs.confirm import ConfirmDialog
from titletui.tui.dialogs.prompt import PromptDialog
from titletui.tui.train.new_run_dialog import NewRunDialog


async def test_without_corpora_it_says_what_to_press(home: Home) -> None:
    async with opened(home, "corpus").run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "No corpus yet", "n scrapes a category", "i imports a file")


async def test_a_corpus_is_described(home: Home) -> None:
    titles = [f"Neural Speech Recognition {n}" for n in range(40)] + ["Music"] * 3
    fill(home, "eess.AS 2024", [paper(n, title) for n, title in enumerate(titles)])
    fill(home, "cs.CL", [paper(100 + n, "Parsing") for n in range(5)], "cs.CL")
    async with opened(home, "corpus").run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "cs.CL", "eess.AS 2024", "43", "5")
        await pilot.press("j")
        await until_shown(pilot, "43 papers", "updated today", "speech 40", "mode 4", "tokens")
        await until_shown(pilot, "Neural Speech Recognition 39", "2401.00040")


async def test_searching_happens_while_one_types_and_escape_undoes_it(home: Home) -> None:
    fill(home, "a", [paper(n, f"Speech {n}") for n in range(30)] + [paper(99, "Music Tagging")])
    async with opened(home, "corpus").run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Music Tagging", "Speech 29")
        await pilot.press("slash", *"musi")
        await until_shown(pilot, "1 found", "Music Tagging")
        await until_gone(pilot, "Speech 29")
        await pilot.press(*"zzz")
        await until_shown(pilot, "none found", "No title has “musizzz”", "escape takes")
        await pilot.press("enter")
        assert screen_of(pilot).view.search.has_focus
        await pilot.press("escape")
        await until_shown(pilot, "Speech 29")
        await until_gone(pilot, "No title has")
        await pilot.press("escape")
        assert screen_of(pilot).view.papers.has_focus
        await pilot.press("escape")
        assert screen_of(pilot).corpora.has_focus


async def test_digits_typed_into_the_search_do_not_change_the_screen(home: Home) -> None:
    fill(home, "a", [paper(n, f"Speech {n}") for n in range(30)])
    async with opened(home, "corpus").run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Speech 29")
        await pilot.press("slash", "2", "4", "q")
        assert app_of(pilot).current_mode == "corpus"
        assert screen_of(pilot).view.search.value == "24q"


@pytest.mark.slow
async def test_a_long_list_is_held_in_pages_and_all_of_it_can_be_reached(home: Home) -> None:
    count = 1_300
    fill(home, "a", [paper(n, f"Paper {n:04d}") for n in range(count)])
    async with opened(home, "corpus").run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Paper 1299")
        await pilot.press("l")
        view = screen_of(pilot).view
        seen: list[str] = []
        for _ in range(400):
            await pilot.press("pagedown")
            assert len(view.papers.rows) <= PAGE * PAGES <= 500
            seen += [row.title for row in view.papers.rows]
            if seen[-1] == "Paper 0000":
                break
        assert len(set(seen)) == count
        for _ in range(400):
            await pilot.press("pageup")
            if view.papers.rows[0].title == "Paper 1299":
                break
        assert view.papers.rows[0].title == "Paper 1299"
        assert len(view.papers.rows) <= 500


async def test_the_very_last_paper_is_one_key_away_and_so_is_the_first(home: Home) -> None:
    fill(home, "a", [paper(n, f"Paper {n:04d}") for n in range(1_300)])
    async with opened(home, "corpus").run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Paper 1299")
        await pilot.press("l", "G")
        await until_shown(pilot, "Paper 0000")
        papers = screen_of(pilot).view.papers
        assert papers.row is not None
        assert papers.row.title == "Paper 0000"
        for _ in range(40):
            await pilot.press("pageup")
            await pilot.pause(0.02)
        await until_gone(pilot, "Paper 0000")
        titles = [row.title for row in papers.rows]
        assert titles == sorted(titles, reverse=True)
        await pilot.press("g")
        await until_shown(pilot, "▸ 2024  Paper 1299")


async def test_enter_goes_to_the_papers_and_then_shows_the_abstract(home: Home) -> None:
    abstract = "Long ago. " * 300
    fill(home, "a", [paper(1, "Speech R[0,1] [/b]", abstract), paper(2, "Music")])
    async with opened(home, "corpus").run_test(size=(80, 24), notifications=True) as pilot:
        await until_shown(pilot, "Speech R[0,1] [/b]", "Music")
        await pilot.press("enter")
        assert screen_of(pilot).view.papers.has_focus
        await pilot.press("j", "enter")
        await until_open(pilot, PaperDialog)
        await until_shown(pilot, "Doe, Jane", "eess.AS cs.SD", "Long ago.")
        await pilot.press("c", "j", "k")
        assert app_of(pilot).clipboard == "Speech R[0,1] [/b]"
        await pilot.press("C", "escape")
        assert app_of(pilot).clipboard.startswith("Long ago.")
        assert pilot.app.screen is screen_of(pilot)


async def test_how_far_a_deletion_is_shows_until_it_is_done(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    told = Deletion.on_progress

    def slowly(deletion: Deletion, gone: int) -> None:
        told(deletion, gone)
        go_on.wait(60)

    monkeypatch.setattr(Deletion, "on_progress", slowly)
    fill(home, "a rather long name of a corpus", [paper(n, f"Speech {n}") for n in range(10_050)])
    fill(home, "b", [paper(20_000, "Music")])
    async with opened(home, "corpus").run_test(size=(80, 24), notifications=True) as pilot:
        await until_shown(pilot, "10,050", "Speech")
        await pilot.press("x", "y")
        await until_shown(pilot, "◐ deleting a rather…  100%", "10,000 of 10,050 papers")
        await pilot.press("3", "1")
        await until_shown(pilot, "◐ deleting")
        go_on.set()
        await until_gone(pilot, "deleting")
    assert names(home) == ["b"]


async def test_the_first_corpus_takes_the_keys(home: Home) -> None:
    async with opened(home, "corpus").run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "No corpus yet")
        await until(pilot, lambda: pilot.app.focused is None)
        fill(home, "a", [paper(1, "Speech")])
        fill(home, "b", [paper(2, "Music")])
        await until_shown(pilot, "Speech", "b ")
        await until(pilot, lambda: screen_of(pilot).corpora.has_focus)
        await pilot.press("j")
        await until_shown(pilot, "Music")


async def test_a_deletion_that_was_cut_off_goes_on_when_the_app_opens(home: Home) -> None:
    fill(home, "a", [paper(n, f"Speech {n}") for n in range(40)])
    with CorpusStore.open(home) as store:
        store.hide("a")
        assert store.hidden() == 40
    async with opened(home, "corpus").run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "No corpus yet")
        with CorpusStore.open(home) as store:
            await until(pilot, lambda: not store.hidden())


async def test_the_corpus_that_was_highlighted_is_so_again_and_is_offered_to_train_on(
    home: Home,
) -> None:
    for name in ("a", "b", "c"):
        fill(home, name, [paper(1, "Speech")])
    settings = Settings(mode="corpus", welcome=False)
    async with TitletuiApp(home, settings).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Speech")
        await pilot.press("j")
        await until(pilot, lambda: settings.corpus == "b")
        await pilot.press("2", "n")
        dialog = await until_open(pilot, NewRunDialog)
        await until(pilot, lambda: dialog.corpus.value == "b")
        assert dialog.corpus.options == ["a", "b", "c"]
    settings.mode = "corpus"
    async with TitletuiApp(home, settings).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "▸ b")
    settings.corpus = "gone"
    async with TitletuiApp(home, settings).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "▸ a")


async def test_x_says_what_is_lost_and_only_a_yes_deletes(home: Home) -> None:
    fill(home, "a", [paper(n, f"Speech {n}") for n in range(30)])
    async with opened(home, "corpus").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "30 papers")
        await pilot.press("x")
        await until_open(pilot, ConfirmDialog)
        await until_shown(pilot, "Delete the corpus a with 30 papers?", "Runs keep their own copy")
        await pilot.press("escape")
        assert names(home) == ["a"]
        await pilot.press("x")
        await until_open(pilot, ConfirmDialog)
        await pilot.press("y")
        await until_shown(pilot, "No corpus yet")
    assert names(home) == []


async def test_a_corpus_is_renamed(home: Home) -> None:
    fill(home, "a", [paper(1, "Speech")])
    fill(home, "b", [paper(2, "Music")])
    async with opened(home, "corpus").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "1 papers")
        for name in ("../x", "b"):
            await pilot.press("R")
            await until_open(pilot, PromptDialog)
            pilot.app.screen.query_one("Input").value = name  # type: ignore[attr-defined]
            await pilot.press("enter")
            await pilot.pause(0.2)
            while pilot.app.screen is not screen_of(pilot):
                await pilot.press("escape")
                await pilot.pause(0.05)
            assert names(home) == ["a", "b"]
        await pilot.press("R")
        await until_open(pilot, PromptDialog)
        pilot.app.screen.query_one("Input").value = "speech"  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: names(home) == ["b", "speech"])
        await until_shown(pilot, "▸ speech")


async def test_an_exported_corpus_can_be_imported_again(home: Home, tmp_path: Path) -> None:
    fill(home, "a", [paper(n, f"Speech {n}") for n in range(30)])
    target = tmp_path / "out.jsonl"
    async with opened(home, "corpus").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "30 papers")
        for typed, complaint in ((str(tmp_path / "x.pdf"), "must end in"), ("/no/x.txt", "folder")):
            await pilot.press("E")
            await until_open(pilot, PromptDialog)
            pilot.app.screen.query_one("Input").value = typed  # type: ignore[attr-defined]
            await pilot.press("enter")
            await until_shown(pilot, complaint)
            await pilot.press("escape")
        for _ in range(2):
            await pilot.press("E")
            await until_open(pilot, PromptDialog)
            pilot.app.screen.query_one("Input").value = str(target)  # type: ignore[attr-defined]
            await pilot.press("enter")
            await until(pilot, target.exists)
            await until(pilot, lambda: not isinstance(pilot.app.screen, PromptDialog))
            await pilot.pause(0.1)
        assert isinstance(pilot.app.screen, ConfirmDialog)
        await until_shown(pilot, "What is in it now is lost")
        await pilot.press("n")
        job = start_import(home, Source(corpus="again", path=str(target)))
        await until_shown(pilot, "again")
        await until(pilot, lambda: job.state is State.DONE)
    with CorpusStore(home.corpus_db) as store:
        assert set(store.papers("again")) == set(store.papers("a"))


async def test_t_opens_a_new_run_on_this_corpus(home: Home) -> None:
    fill(home, "a", [paper(n, f"Speech {n}") for n in range(30)])
    fill(home, "b", [paper(n, f"Music {n}") for n in range(20)])
    async with opened(home, "corpus").run_test(size=(100, 30)) as pilot:
        await until_shown(pilot, "30 papers")
        await pilot.press("j", "t")
        dialog = await until_open(pilot, NewRunDialog)
        await until(pilot, lambda: dialog.corpus.value == "b")
        assert app_of(pilot).current_mode == "train"


@pytest.mark.slow
@pytest.mark.fault("F51")
async def test_markup_in_titles_and_names_is_literal_and_does_nothing(home: Home) -> None:
    fill(home, "[@click=app.quit]a", [paper(n, text) for n, text in enumerate(HOSTILE)])
    async with opened(home, "corpus").run_test(size=(120, 40), notifications=True) as pilot:
        await until_shown(pilot, "[@click=app.quit]", "[red]red[/red] [/b]", "R[0,1] $\\alpha$")
        assert not set(text_of(pilot)) & set("\x1b\x9b\x9d\x07\x7f\x08\u202e\u2066")
        await pilot.press("l")
        for _ in HOSTILE:
            await pilot.press("enter")
            await until_open(pilot, PaperDialog)
            assert not set(text_of(pilot)) & set("\x1b\x9b\x9d\x07\x7f\x08\u202e\u2066")
            await pilot.press("escape", "j")
        await pilot.press("h", "x")
        await until_shown(pilot, "Delete the corpus [@click=app.quit]a")
        await pilot.press("n")
        assert pilot.app.is_running


@pytest.mark.fault("F52")
async def test_any_size_is_survived(home: Home) -> None:
    fill(home, "a", [paper(n, f"Speech {n}") for n in range(400)])
    async with opened(home, "corpus").run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "400 papers")
        await pilot.press("l")
        for size in ((20, 5), (200, 60), (40, 10), (79, 23), (1, 1), (120, 40), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.press("G")
            await pilot.pause(0.05)
        await until_shown(pilot, "400 papers")
