"""The Corpus screen: what it shows, and what each key does, with real harvests and imports."""

import re
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from textual.pilot import Pilot

from tests.harvests import point_to
from tests.hostile import HOSTILE
from tests.oai_server import Reply, serving, spread
from tests.processes import processes_of
from tests.tui.seen import app_of, forecast_at_once, opened, text_of, until, until_gone, until_shown
from titletui.corpus.files import Source, start_import
from titletui.corpus.filters import parse_filters
from titletui.corpus.harvest import Query, start_harvest
from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.home import Home
from titletui.jobs.folder import JobFolder, State, list_jobs
from titletui.tui.paper_pages import PAGE, PAGES
from titletui.tui.screens.confirm import ConfirmDialog
from titletui.tui.screens.corpus import CorpusScreen
from titletui.tui.screens.corpus_import import ImportDialog
from titletui.tui.screens.corpus_scrape import ScrapeDialog
from titletui.tui.screens.paper import PaperDialog
from titletui.tui.screens.prompt import PromptDialog
from titletui.tui.screens.train_new import NewRunDialog
from titletui.tui.widgets.path_input import PathInput, complete


@pytest.fixture(autouse=True)
def _no_job_is_left(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    forecast_at_once(monkeypatch)
    yield
    for job in list_jobs(home.jobs):
        for process in processes_of(job):
            try:
                process.kill()
            except psutil.Error:
                continue


def paper(number: int, title: str, abstract: str = "") -> Paper:
    return Paper(
        id=f"24{number // 9000 + 1:02d}.{number % 9000 + 1:05d}",
        title=title,
        abstract=abstract or f"We study {title} in depth.",
        categories="eess.AS cs.SD",
        authors="Doe, Jane; Roe, Richard",
    )


def fill(home: Home, name: str, papers: list[Paper], category: str = "eess.AS") -> None:
    with CorpusStore(home.corpus_db) as store:
        store.create(name, category=category, source="arXiv")
        store.add(name, papers)


def screen_of(pilot: Pilot[int]) -> CorpusScreen:
    screen = app_of(pilot).screen_stack[0]
    assert isinstance(screen, CorpusScreen)
    return screen


def names(home: Home) -> list[str]:
    with CorpusStore(home.corpus_db) as store:
        return [corpus.name for corpus in store.corpora()]


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
        await until_shown(pilot, "none found")
        await pilot.press("escape", "escape")
        await until_shown(pilot, "Speech 29")
        await pilot.press("escape")
        assert screen_of(pilot).corpora.has_focus


async def test_digits_typed_into_the_search_do_not_change_the_screen(home: Home) -> None:
    fill(home, "a", [paper(n, f"Speech {n}") for n in range(30)])
    async with opened(home, "corpus").run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Speech 29")
        await pilot.press("slash", "2", "4", "q")
        assert app_of(pilot).current_mode == "corpus"
        assert screen_of(pilot).view.search.value == "24q"


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
        await until(pilot, lambda: isinstance(pilot.app.screen, PaperDialog))
        await until_shown(pilot, "Doe, Jane", "eess.AS cs.SD", "Long ago.")
        await pilot.press("c", "j", "k")
        assert app_of(pilot).clipboard == "Speech R[0,1] [/b]"
        await pilot.press("C", "escape")
        assert app_of(pilot).clipboard.startswith("Long ago.")
        assert pilot.app.screen is screen_of(pilot)


async def test_a_category_is_found_by_its_name_and_scraped(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(spread(120, 6)) as server:
        point_to(server, monkeypatch)
        async with opened(home, "corpus").run_test(size=(100, 40), notifications=True) as pilot:
            await until_shown(pilot, "No corpus yet")
            await pilot.press("n")
            await until(pilot, lambda: isinstance(pilot.app.screen, ScrapeDialog))
            await pilot.press(*"speech")
            await until_shown(pilot, "eess.AS", "Audio and Speech Processing")
            dialog = pilot.app.screen
            assert isinstance(dialog, ScrapeDialog)
            dialog.category.value = "computation and language"
            await until_shown(pilot, "cs.CL", "Computation and Language", "names no total")
            dialog.start.value = ""
            await pilot.press("ctrl+r")
            await until_shown(pilot, "cs.CL", "120")
            await until(pilot, lambda: states(home) == [State.DONE])
            await pilot.press("u")
            await until(pilot, lambda: len(server.asked) > 3)
    with CorpusStore(home.corpus_db) as store:
        assert store.summary("cs.CL").papers == 120


def states(home: Home) -> list[State]:
    return [job.state for job in list_jobs(home.jobs, "harvest", "import")]


async def test_impossible_values_are_refused_in_the_dialog(home: Home) -> None:
    bad = {
        "start": ("2024-13-01", "is no day"),
        "until": ("yesterday", "is no day"),
        "filters": ("colour=red", "is no filter"),
        "corpus": ("../x", "is no corpus name"),
    }
    async with opened(home, "corpus").run_test(size=(100, 40)) as pilot:
        await until_shown(pilot, "No corpus yet")
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, ScrapeDialog))
        dialog = pilot.app.screen
        assert isinstance(dialog, ScrapeDialog)
        await pilot.press("ctrl+r")
        await until_shown(pilot, "Choose a category")
        dialog.category.value = "no such thing"
        await until_shown(pilot, "arXiv has no category")
        dialog.category.value = "cs.CL"
        for field, (value, complaint) in bad.items():
            box = dialog.query_one(f"#{field}")
            before = box.value  # type: ignore[attr-defined]
            box.value = value  # type: ignore[attr-defined]
            await until_shown(pilot, complaint)
            await pilot.press("ctrl+r")
            await pilot.pause(0.1)
            assert pilot.app.screen is dialog
            box.value = before  # type: ignore[attr-defined]
        await pilot.press("escape")
    assert not list_jobs(home.jobs)


@pytest.mark.fault("F11")
async def test_a_harvest_shows_what_it_waits_for_and_space_stops_and_resumes_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(spread(200, 10)) as server:
        point_to(server, monkeypatch)
        server.fault = lambda asked, _: Reply(hang=60) if len(server.asked) == 3 else None
        start_harvest(home, Query(corpus="cs.CL", category="cs.CL"))
        async with opened(home, "corpus").run_test(size=(100, 30), notifications=True) as pilot:
            await until_shown(pilot, "● scraping cs.CL", "100 papers", "silent")
            await pilot.press("space")
            await until_shown(pilot, "⏸ cs.CL stopped at", "space goes on where it was")
            server.fault = None
            await pilot.press("space")
            await until(pilot, lambda: states(home) == [State.DONE])
            await until_gone(pilot, "scraping")
            await until_shown(pilot, "200 papers")


@pytest.mark.fault("F02")
async def test_a_killed_harvest_shows_as_interrupted_at_its_day_and_resumes_with_one_key(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(spread(200, 10)) as server:
        point_to(server, monkeypatch)
        server.fault = lambda asked, _: Reply(hang=60) if len(server.asked) == 4 else None
        job = start_harvest(home, Query(corpus="cs.CL", category="cs.CL"))
        async with opened(home, "corpus").run_test(size=(100, 30), notifications=True) as pilot:
            await until_shown(pilot, "● scraping cs.CL", "· 150 papers")
            for process in processes_of(job):
                process.kill()
            await until_shown(pilot, "⚠ cs.CL interrupted at", "its process is gone")
            assert re.search(r"2024-\d\d-\d\d · \d+ papers", text_of(pilot))
            server.fault = None
            await pilot.press("space")
            await until(pilot, lambda: states(home) == [State.DONE])
            await until_shown(pilot, "200 papers")


async def test_a_failed_harvest_says_why_and_what_to_do(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(spread(50, 5)) as server:
        point_to(server, monkeypatch)
        server.fault = lambda *_: Reply(status=403, body=b"go away")
        start_harvest(home, Query(corpus="cs.CL", category="cs.CL"))
        async with opened(home, "corpus").run_test(size=(100, 30), notifications=True) as pilot:
            await until_shown(pilot, "✕ cs.CL failed", "403")


async def test_a_harvest_that_brought_nothing_says_why(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(spread(60, 10), page=30) as server:
        point_to(server, monkeypatch)
        start_harvest(home, Query(corpus="none", category="cs.CL",
                                  filters=parse_filters(["title=quokka"])))  # fmt: skip
        async with opened(home, "corpus").run_test(size=(80, 24)) as pilot:
            await until_shown(
                pilot, "No corpus yet", "none: No paper matches these filters, of 60 looked at."
            )
            start_harvest(home, Query(corpus="some", category="cs.CL"))
            await until_shown(pilot, "60 papers", "✓ none done")
        start_harvest(home, Query(corpus="some", category="cs.CL"))
        async with opened(home, "corpus").run_test(size=(80, 24)) as pilot:
            await until_shown(pilot, "✓ some done", "Nothing new since", "2024-12-31.")


async def test_a_file_is_looked_into_and_imported(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "my titles.txt"
    path.write_text("".join(f"Title number {n} [/b]\n" for n in range(30)))
    async with opened(home, "corpus").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "No corpus yet")
        await pilot.press("i")
        await until(pilot, lambda: isinstance(pilot.app.screen, ImportDialog))
        dialog = pilot.app.screen
        assert isinstance(dialog, ImportDialog)
        await pilot.press("ctrl+r")
        await until_shown(pilot, "Name a file to import")
        dialog.path.value = str(tmp_path / "nothing.txt")
        await until_shown(pilot, "✕")
        await pilot.press("ctrl+r")
        await pilot.pause(0.2)
        assert pilot.app.screen is dialog
        dialog.query_one("#path", PathInput).value = str(path)
        await until_shown(pilot, "titles ·", "Title number 0 [/b]", "a new corpus")
        await pilot.press("enter", "enter")
        await until_shown(pilot, "my titles.txt", "30 papers", "Title number 9 [/b]")
        await until_shown(pilot, "mode 4")
    assert states(home) == [State.DONE]


def test_paths_are_completed_from_the_disk(tmp_path: Path) -> None:
    (tmp_path / "arxiv.jsonl").touch()
    (tmp_path / "arx\x1b[31m.txt").touch()
    (tmp_path / ".arxiv").touch()
    (tmp_path / "folder").mkdir()
    assert complete(f"{tmp_path}/arx") == f"{tmp_path}/arxiv.jsonl"
    assert complete(f"{tmp_path}/fo") == f"{tmp_path}/folder/"
    assert complete(f"{tmp_path}/.a") == f"{tmp_path}/.arxiv"
    assert complete(f"{tmp_path}/none") is None
    assert complete("/no/such/folder/x") is None
    assert complete("") is None


async def test_x_says_what_is_lost_and_only_a_yes_deletes(home: Home) -> None:
    fill(home, "a", [paper(n, f"Speech {n}") for n in range(30)])
    async with opened(home, "corpus").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "30 papers")
        await pilot.press("x")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        await until_shown(pilot, "Delete the corpus a with 30 papers?", "Runs keep their own copy")
        await pilot.press("escape")
        assert names(home) == ["a"]
        await pilot.press("x")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        await pilot.press("y")
        await until_shown(pilot, "No corpus yet")
    assert names(home) == []


async def test_a_corpus_that_is_being_filled_is_not_deleted(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(spread(100, 5)) as server:
        point_to(server, monkeypatch)
        server.fault = lambda *_: Reply(hang=60) if len(server.asked) == 2 else None
        start_harvest(home, Query(corpus="cs.CL", category="cs.CL"))
        async with opened(home, "corpus").run_test(size=(100, 30), notifications=True) as pilot:
            await until_shown(pilot, "● scraping cs.CL", "50 papers")
            await pilot.press("x")
            await until_shown(pilot, "is being filled; stop that first")
            await pilot.press("R")
            await until_shown(pilot, "is not complete")
    assert names(home) == ["cs.CL"]


async def test_a_corpus_is_renamed(home: Home) -> None:
    fill(home, "a", [paper(1, "Speech")])
    fill(home, "b", [paper(2, "Music")])
    async with opened(home, "corpus").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "1 papers")
        for name in ("../x", "b"):
            await pilot.press("R")
            await until(pilot, lambda: isinstance(pilot.app.screen, PromptDialog))
            pilot.app.screen.query_one("Input").value = name  # type: ignore[attr-defined]
            await pilot.press("enter")
            await pilot.pause(0.2)
            while pilot.app.screen is not screen_of(pilot):
                await pilot.press("escape")
                await pilot.pause(0.05)
            assert names(home) == ["a", "b"]
        await pilot.press("R")
        await until(pilot, lambda: isinstance(pilot.app.screen, PromptDialog))
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
            await until(pilot, lambda: isinstance(pilot.app.screen, PromptDialog))
            pilot.app.screen.query_one("Input").value = typed  # type: ignore[attr-defined]
            await pilot.press("enter")
            await until_shown(pilot, complaint)
            await pilot.press("escape")
        for _ in range(2):
            await pilot.press("E")
            await until(pilot, lambda: isinstance(pilot.app.screen, PromptDialog))
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
        await until(pilot, lambda: isinstance(pilot.app.screen, NewRunDialog))
        dialog = pilot.app.screen
        assert isinstance(dialog, NewRunDialog)
        await until(pilot, lambda: dialog.corpus.value == "b")
        assert app_of(pilot).current_mode == "train"


@pytest.mark.fault("F51")
async def test_markup_in_titles_and_names_is_literal_and_does_nothing(home: Home) -> None:
    fill(home, "[@click=app.quit]a", [paper(n, text) for n, text in enumerate(HOSTILE)])
    async with opened(home, "corpus").run_test(size=(120, 40), notifications=True) as pilot:
        await until_shown(pilot, "[@click=app.quit]", "[red]red[/red] [/b]", "R[0,1] $\\alpha$")
        assert not set(text_of(pilot)) & set("\x1b\x9b\x9d\x07\x7f\x08\u202e\u2066")
        await pilot.press("l")
        for _ in HOSTILE:
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(pilot.app.screen, PaperDialog))
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


@pytest.mark.fault("F41")
async def test_a_job_with_a_damaged_spec_does_not_hide_the_others(home: Home) -> None:
    fill(home, "a", [paper(1, "Speech")])
    broken = home.jobs / "harvest" / "broken"
    broken.mkdir(parents=True)
    (broken / "spec.json").write_text("{")
    async with opened(home, "corpus").run_test(size=(100, 30)) as pilot:
        await until_shown(pilot, "1 papers", "broken")
    assert JobFolder(broken).state is State.UNREADABLE
