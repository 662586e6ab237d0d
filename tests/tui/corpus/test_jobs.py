"""The Corpus screen: scraping and importing, with real harvests and imports."""

import re
from pathlib import Path

import pytest

from tests.support.corpora import fill, names, paper
from tests.support.harvests import point_to
from tests.support.oai_server import Reply, serving, spread
from tests.support.pilot import (
    opened,
    text_of,
    until,
    until_gone,
    until_open,
    until_shown,
)
from tests.support.processes import processes_of
from titletui.arxiv.filters import parse_filters
from titletui.arxiv.job import HarvestQuery, start_harvest
from titletui.corpus.store import CorpusStore
from titletui.jobs.job import Job, State, list_jobs
from titletui.paths import Home
from titletui.tui.corpus.harvest_dialog import ScrapeDialog
from titletui.tui.corpus.import_dialog import ImportDialog
from titletui.tui.widgets.path_input import PathInput, complete


async def test_a_category_is_found_by_its_name_and_scraped(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(spread(120, 6)) as server:
        point_to(server, monkeypatch)
        async with opened(home, "corpus").run_test(size=(100, 40), notifications=True) as pilot:
            await until_shown(pilot, "No corpus yet")
            await pilot.press("n")
            await until_open(pilot, ScrapeDialog)
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
        "corpus": ("../x", "is not a valid corpus name"),
    }
    async with opened(home, "corpus").run_test(size=(100, 40)) as pilot:
        await until_shown(pilot, "No corpus yet")
        await pilot.press("n")
        dialog = await until_open(pilot, ScrapeDialog)
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


@pytest.mark.slow
@pytest.mark.fault("F11")
async def test_a_harvest_shows_what_it_waits_for_and_space_stops_and_resumes_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(spread(200, 10)) as server:
        point_to(server, monkeypatch)
        server.fault = lambda asked, _: Reply(hang=60) if len(server.asked) == 3 else None
        start_harvest(home, HarvestQuery(corpus="cs.CL", category="cs.CL"))
        async with opened(home, "corpus").run_test(size=(100, 30), notifications=True) as pilot:
            await until_shown(pilot, "● scraping cs.CL", "100 papers", "silent")
            await pilot.press("space")
            await until_shown(pilot, "■ cs.CL stopped at", "space goes on where it was")
            server.fault = None
            await pilot.press("space")
            await until(pilot, lambda: states(home) == [State.DONE])
            await until_gone(pilot, "scraping")
            await until_shown(pilot, "200 papers")


@pytest.mark.slow
@pytest.mark.fault("F02")
async def test_a_killed_harvest_shows_as_interrupted_at_its_day_and_resumes_with_one_key(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(spread(200, 10)) as server:
        point_to(server, monkeypatch)
        server.fault = lambda asked, _: Reply(hang=60) if len(server.asked) == 4 else None
        job = start_harvest(home, HarvestQuery(corpus="cs.CL", category="cs.CL"))
        async with opened(home, "corpus").run_test(size=(100, 30), notifications=True) as pilot:
            await until_shown(pilot, "● scraping cs.CL", "· 150 papers")
            for process in processes_of(job):
                process.kill()
            await until_shown(pilot, "▲ cs.CL interrupted at", "its process is gone")
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
        start_harvest(home, HarvestQuery(corpus="cs.CL", category="cs.CL"))
        async with opened(home, "corpus").run_test(size=(100, 30), notifications=True) as pilot:
            await until_shown(pilot, "× cs.CL failed", "403")


async def test_a_harvest_that_brought_nothing_says_why(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(spread(60, 10), page=30) as server:
        point_to(server, monkeypatch)
        start_harvest(home, HarvestQuery(corpus="none", category="cs.CL",
                                  filters=parse_filters(["title=quokka"])))  # fmt: skip
        async with opened(home, "corpus").run_test(size=(80, 24)) as pilot:
            await until_shown(
                pilot, "No corpus yet", "none: No paper matches these filters, of 60 looked at."
            )
            start_harvest(home, HarvestQuery(corpus="some", category="cs.CL"))
            await until_shown(pilot, "60 papers", "✓ none done")
        start_harvest(home, HarvestQuery(corpus="some", category="cs.CL"))
        async with opened(home, "corpus").run_test(size=(80, 24)) as pilot:
            await until_shown(pilot, "✓ some done", "Nothing new since", "2024-12-31.")


async def test_a_file_is_looked_into_and_imported(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "my titles.txt"
    path.write_text("".join(f"Title number {n} [/b]\n" for n in range(30)))
    async with opened(home, "corpus").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "No corpus yet")
        await pilot.press("i")
        dialog = await until_open(pilot, ImportDialog)
        await pilot.press("ctrl+r")
        await until_shown(pilot, "Name a file to import")
        dialog.path.value = str(tmp_path / "nothing.txt")
        await until_gone(pilot, "✕")  # It may be half typed.
        await pilot.press("ctrl+r")
        await until_shown(pilot, "✕")
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


async def test_a_corpus_that_is_being_filled_is_not_deleted(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(spread(100, 5)) as server:
        point_to(server, monkeypatch)
        server.fault = lambda *_: Reply(hang=60) if len(server.asked) == 2 else None
        start_harvest(home, HarvestQuery(corpus="cs.CL", category="cs.CL"))
        async with opened(home, "corpus").run_test(size=(100, 30), notifications=True) as pilot:
            await until_shown(pilot, "● scraping cs.CL", "50 papers")
            await pilot.press("x")
            await until_shown(pilot, "is being filled; stop that first")
            await pilot.press("R")
            await until_shown(pilot, "is not complete")
    assert names(home) == ["cs.CL"]


@pytest.mark.fault("F41")
async def test_a_job_with_a_damaged_spec_does_not_hide_the_others(home: Home) -> None:
    fill(home, "a", [paper(1, "Speech")])
    broken = home.jobs / "harvest" / "broken"
    broken.mkdir(parents=True)
    (broken / "spec.json").write_text("{")
    async with opened(home, "corpus").run_test(size=(100, 30)) as pilot:
        await until_shown(pilot, "1 papers", "broken")
    assert Job(broken).state is State.UNREADABLE
