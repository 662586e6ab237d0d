"""The Corpus screen at its edges: no corpus, unusual jobs, keys and clicks in its dialogs."""

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support.corpora import fill, names, paper
from tests.support.pilot import (
    app_of,
    opened,
    until,
    until_gone,
    until_open,
    until_shown,
)
from tests.support.pilot import corpus_screen as screen_of
from tests.support.run_folders import held
from titletui.arxiv.job import HarvestQuery
from titletui.corpus.pagination import END, ListedPaper, Page
from titletui.corpus.store import CorpusStore
from titletui.jobs.event_log import EventLog
from titletui.jobs.events import Note, Progress, Started
from titletui.jobs.job import Job, JobResult, create_job, list_jobs
from titletui.paths import Home
from titletui.tui.corpus import corpus_view
from titletui.tui.corpus import screen as corpus_screen
from titletui.tui.corpus.harvest_dialog import ScrapeDialog
from titletui.tui.corpus.import_dialog import ImportDialog
from titletui.tui.corpus.page_window import PaperPages
from titletui.tui.corpus.paper_dialog import PaperDialog
from titletui.tui.corpus.screen import CorpusScreen
from titletui.tui.dialogs.confirm import ConfirmDialog
from titletui.tui.dialogs.prompt import PromptDialog


def harvest(home: Home, name: str, corpus: str, **ended: str) -> Job:
    job = create_job(home.jobs, "harvest", name, HarvestQuery(corpus=corpus, category="cs.CL"))
    with EventLog(job.events) as log:
        log.append(Started(pid=1))
        log.append(Progress(done=50, unit="papers", fraction=0.4, eta=9_000.0))
        log.append(Note(text="arXiv [/b] was silent", level="warning"))
    if ended:
        job.record_exit(JobResult(**ended), job.began)  # type: ignore[arg-type]
    return job


async def scrape(pilot: Pilot[int]) -> ScrapeDialog:
    await until_shown(pilot, "No corpus yet")
    await pilot.press("n")
    return await until_open(pilot, ScrapeDialog)


async def test_keys_for_a_corpus_do_no_harm_where_there_is_none(home: Home) -> None:
    async with opened(home, "corpus").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "No corpus yet")
        screen = screen_of(pilot)
        for key in ("u", "x", "R", "slash", "enter", "l"):
            await pilot.press(key)
        assert pilot.app.screen is screen
        for action, said in (
            ("stop_or_resume", "Nothing runs for this corpus."),
            ("train", "There is nothing to train on here yet."),
            ("export", "There is nothing to export here yet."),
        ):
            await screen.run_action(action)
            await until_shown(pilot, said)
        for action in ("update", "delete", "rename"):
            await screen.run_action(action)
        await pilot.pause()
        assert pilot.app.screen is screen


async def test_a_corpus_that_was_imported_has_nothing_to_be_updated_from(home: Home) -> None:
    with CorpusStore(home.corpus_db) as store:
        store.create("mine", source="titles.txt")
        store.add("mine", [paper(1, "Speech")])
    async with opened(home, "corpus").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "1 papers")
        await pilot.press("u")
        await until_shown(pilot, "✕ mine came from a file; import it again")
    assert not list_jobs(home.jobs)


async def test_a_job_that_cannot_be_read_is_deleted_by_x(home: Home) -> None:
    broken = home.jobs / "harvest" / "broken"
    broken.mkdir(parents=True)
    (broken / "spec.json").write_text("{")
    async with opened(home, "corpus").run_test(size=(100, 30)) as pilot:
        await until_shown(pilot, "broken", "x deletes it")
        await pilot.press("x")
        await until_shown(pilot, "Delete the corpus broken")
        await pilot.press("y")
        await until_shown(pilot, "No corpus yet")
    assert not broken.exists()


async def test_the_end_of_a_long_deletion_is_told(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus_screen, "_LARGE_CORPUS", 20)
    fill(home, "a", [paper(n, f"Speech {n}") for n in range(30)])
    async with opened(home, "corpus").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "30 papers")
        await pilot.press("x", "y")
        await until_shown(pilot, "a is deleted.")
    assert names(home) == []


async def test_an_export_needs_the_name_of_a_file(home: Home, tmp_path: Path) -> None:
    fill(home, "a", [paper(1, "Speech")])
    async with opened(home, "corpus").run_test(size=(100, 30)) as pilot:
        await until_shown(pilot, "1 papers")
        await pilot.press("E")
        await until_open(pilot, PromptDialog)
        for typed in ("", str(tmp_path)):
            pilot.app.screen.query_one(Input).value = typed
            await pilot.press("enter")
            await until_shown(pilot, "Name a file to export to.")


async def test_a_corpus_and_a_paper_are_opened_by_the_mouse(home: Home) -> None:
    fill(home, "a", [paper(n, f"Speech {n}") for n in range(3)])
    async with opened(home, "corpus").run_test(size=(100, 30)) as pilot:
        await until_shown(pilot, "Speech 2")
        await pilot.click("#corpora", offset=(3, 0), times=2)
        await until(pilot, lambda: screen_of(pilot).view.papers.has_focus)
        await pilot.click("#papers", offset=(3, 2), times=2)
        await until_open(pilot, PaperDialog)
        await until_shown(pilot, "Speech 1")


async def test_keys_for_papers_do_no_harm_in_a_corpus_without_any(home: Home) -> None:
    fill(home, "a", [])
    async with opened(home, "corpus").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "▸ a", "0 papers")
        screen = screen_of(pilot)
        await pilot.press("enter")
        assert screen.view.papers.has_focus
        await pilot.press("enter", "G", "g", "j", "pagedown")
        assert pilot.app.screen is screen
        assert screen.view.papers.highlighted is None


async def test_a_paper_that_was_taken_away_meanwhile_is_told(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CorpusScreen, "LOOK", 1_000.0)
    fill(home, "a", [paper(n, f"Speech {n}") for n in range(3)])
    async with opened(home, "corpus").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "Speech 2")
        await pilot.press("enter")
        with CorpusStore(home.corpus_db) as store:
            store.delete("a")
        await pilot.press("enter")
        await until_shown(pilot, "There is no paper")
        assert pilot.app.screen is screen_of(pilot)


async def test_a_corpus_that_vanishes_while_it_waits_to_be_counted_says_so(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CorpusScreen, "LOOK", 1_000.0)
    for name in ("a", "b"):
        fill(home, name, [paper(ord(name), f"Speech {name}")])
    go_on = threading.Event()
    async with opened(home, "corpus").run_test(size=(100, 30)) as pilot:
        await until_shown(pilot, "▸ a", "Speech a", "speech 1")
        screen = screen_of(pilot)
        slow = asyncio.create_task(screen.slow_store.run(lambda _: go_on.wait(60)))
        await pilot.press("j")
        await until_shown(pilot, "▸ b", "Speech b", "counting…")
        with CorpusStore(home.corpus_db) as store:
            store.delete("b")
        go_on.set()
        await slow
        await until_gone(pilot, "counting…")
        assert "There is no corpus" in str(screen.view.statistics.content)


async def test_a_file_is_replaced_by_an_export_once_that_was_asked(
    home: Home, tmp_path: Path
) -> None:
    target = tmp_path / "a.txt"
    target.write_text("precious")
    fill(home, "a", [paper(1, "Speech")])
    async with opened(home, "corpus").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "1 papers")
        for key, holds in (("n", "precious"), ("y", "Speech\n")):
            await pilot.press("E")
            (await until_open(pilot, PromptDialog)).query_one(Input).value = str(target)
            await pilot.press("enter")
            await until_open(pilot, ConfirmDialog)
            await pilot.press(key)
            await until(pilot, lambda: pilot.app.screen is screen_of(pilot))
            await until(pilot, lambda holds=holds: target.read_text() == holds)  # type: ignore[misc]
        await until_shown(pilot, "1 papers are in")


async def test_whoever_is_sent_to_a_corpus_finds_it_and_what_was_asked_of_it(home: Home) -> None:
    for name in ("a", "b"):
        fill(home, name, [paper(ord(name), f"Speech {name}")])
    async with opened(home, "corpus").run_test(size=(100, 30)) as pilot:
        await until_shown(pilot, "▸ a")
        await app_of(pilot).open_mode("corpus", "b", "rename")
        await until_open(pilot, PromptDialog)
        await until_shown(pilot, "Rename b")


async def test_what_is_asked_of_a_corpus_is_not_done_to_another(home: Home) -> None:
    """The list is being read when somebody is sent here; then the corpus has gone."""
    for name in ("a", "b"):
        fill(home, name, [paper(ord(name), f"Speech {name}")])
    go_on = threading.Event()
    async with opened(home, "corpus").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "▸ a")
        slow = asyncio.create_task(app_of(pilot).corpora.run(lambda _: go_on.wait(60)))
        await until(pilot, screen_of(pilot)._looking.locked)
        await app_of(pilot).open_mode("corpus", "b", "rename")
        go_on.set()
        await slow
        await until_open(pilot, PromptDialog)
        await until_shown(pilot, "Rename b")
        await pilot.press("escape")
        await app_of(pilot).open_mode("corpus", "c", "delete")
        await until_shown(pilot, "There is no corpus c any more.")
        assert len(pilot.app.screen_stack) == 1


async def test_a_corpus_that_grows_does_not_move_who_reads_further_down(home: Home) -> None:
    fill(home, "a", [paper(n, f"Speech {n}") for n in range(30)])
    async with opened(home, "corpus").run_test(size=(100, 30)) as pilot:
        await until_shown(pilot, "30 papers", "Speech 29")
        await pilot.press("l", "j", "j")
        papers = screen_of(pilot).view.papers
        read = papers.row
        with CorpusStore(home.corpus_db) as store:
            store.add("a", [paper(99, "Newest")])
        await until_shown(pilot, "31 papers")
        assert papers.row == read
        assert "Newest" not in [row.title for row in papers.rows]
        await pilot.press("g", "g")
        with CorpusStore(home.corpus_db) as store:
            store.add("a", [paper(100, "Newest of all")])
        await until_shown(pilot, "32 papers", "Newest of all")


async def test_a_search_that_is_taken_back_at_once_leaves_the_list_as_it_is(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus_view, "_TYPING_PAUSE", 0.5)
    fill(home, "a", [paper(n, f"Speech {n}") for n in range(30)])
    async with opened(home, "corpus").run_test(size=(100, 30)) as pilot:
        await until_shown(pilot, "Speech 29")
        await pilot.press("l", "j", "j", "slash", "z", "backspace")
        await pilot.pause(1.0)
        assert screen_of(pilot).view.papers.highlighted == 2


async def test_enter_in_the_search_goes_to_what_was_found(home: Home) -> None:
    fill(home, "a", [paper(n, f"Speech {n}") for n in range(3)])
    async with opened(home, "corpus").run_test(size=(100, 30)) as pilot:
        await until_shown(pilot, "Speech 2")
        await pilot.press("slash", *"speech", "enter")
        assert screen_of(pilot).view.papers.has_focus


async def test_the_palette_goes_to_another_corpus_on_the_same_screen(home: Home) -> None:
    fill(home, "a", [paper(1, "Speech")])
    fill(home, "b", [paper(2, "Music")])
    async with opened(home, "corpus").run_test(size=(100, 30)) as pilot:
        await until_shown(pilot, "▸ a", "Speech")
        await pilot.press("ctrl+p", *"Corpus: b")
        await until_shown(pilot, "Corpus: b")
        await pilot.press("enter")
        await until_shown(pilot, "▸ b", "Music")


async def test_a_corpus_says_when_it_was_updated(home: Home) -> None:
    days = {"a": "-0 day", "b": "-1 day", "c": "-5 days"}
    shown = {"a": "updated today", "b": "updated yesterday", "c": "updated 5 days ago"}
    for name in (*days, "d", "e"):
        fill(home, name, [paper(ord(name), f"Speech {name}")])
    with sqlite3.connect(home.corpus_db) as database:
        for name, ago in days.items():
            database.execute(
                "UPDATE corpora SET updated = datetime('now', ?) WHERE name = ?", (ago, name)
            )
        database.execute("UPDATE corpora SET updated = '2024-05-01T10:00:00' WHERE name = 'd'")
        database.execute("UPDATE corpora SET updated = 'long ago' WHERE name = 'e'")
    shown["d"] = "updated 2024-05-01"
    async with opened(home, "corpus").run_test(size=(120, 30)) as pilot:
        for name, when in shown.items():
            await until_shown(pilot, f"▸ {name}", f"Speech {name}", when)
            await pilot.press("j")
        await until_shown(pilot, "▸ e", "Speech e")
        await until_gone(pilot, "updated")


async def test_a_harvest_shows_its_last_warning_and_the_time_it_takes(home: Home) -> None:
    harvest(home, "older", "cs.CL", outcome="done")
    job = harvest(home, "cs.CL", "cs.CL")
    with job.events.open("ab") as file:
        file.write(b"{garbage\n")
    with held(job):
        async with opened(home, "corpus").run_test(size=(120, 30)) as pilot:
            await until_shown(pilot, "● scraping cs.CL", "about 2 h 30 min left")
            await until_shown(pilot, "arXiv [/b] was silent", "1 lines of its log")


async def test_the_scrape_dialog_is_gone_through_by_keys_alone(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TITLETUI_OAI_URL", "http://127.0.0.1:9/oai")
    async with opened(home, "corpus").run_test(size=(100, 40)) as pilot:
        dialog = await scrape(pilot)
        await pilot.press(*"learning")
        await until(pilot, lambda: len(dialog.matches.rows) > 1)
        await pilot.press("down", "up")
        assert dialog.matches.highlighted == 0
        await pilot.press("down")
        assert dialog.matches.highlighted == 1
        chosen = dialog.matches.rows[1].code
        await pilot.press("enter")
        await until(pilot, lambda: dialog.start.has_focus)
        dialog.start.value = ""
        await until_shown(pilot, "names no total")
        await until_gone(pilot, "The days are those of the last change")
        await pilot.press("enter", "enter", "enter")
        await until(pilot, lambda: dialog.corpus.has_focus)
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is screen_of(pilot))
        await until_shown(pilot, chosen)
    assert [job.work(HarvestQuery).category for job in list_jobs(home.jobs, "harvest")] == [chosen]


async def test_a_category_is_taken_by_a_click_and_an_open_quotation_refused(home: Home) -> None:
    async with opened(home, "corpus").run_test(size=(100, 40)) as pilot:
        dialog = await scrape(pilot)
        await pilot.press(*"speech")
        await until(pilot, lambda: dialog.matches.rows)
        await pilot.click("#matches", offset=(4, 0), times=2)
        await until(pilot, lambda: dialog.start.has_focus)
        dialog.filters.value = 'title="open'
        await until_shown(pilot, "A quotation mark in the filters is not closed.")
        assert not list_jobs(home.jobs, "harvest")


async def test_an_import_names_its_corpus_and_takes_no_folder(home: Home, tmp_path: Path) -> None:
    (tmp_path / "titles.txt").write_text("A Title\nAnother Title\n")
    async with opened(home, "corpus").run_test(size=(100, 30)) as pilot:
        await until_shown(pilot, "No corpus yet")
        await pilot.press("i")
        dialog = await until_open(pilot, ImportDialog)
        dialog.path.value = "/"
        await until_shown(pilot, "/ is a folder; name")
        dialog.path.value = ""
        await pilot.pause(0.3)
        dialog.path.value = str(tmp_path / "titles.txt")
        await until_shown(pilot, "a new corpus")
        await pilot.press("enter", *"mine")
        await until_shown(pilot, "mine: a new corpus")
        await pilot.press("enter")
        await until_shown(pilot, "2 papers")
    with CorpusStore(home.corpus_db) as store:
        assert store.summary("mine").papers == 2
    assert "mine" in names(home)


def test_a_window_on_a_list_ends_where_there_is_nothing_more() -> None:
    row = ListedPaper(key=1, id="2401.00001", year=2024, title="Speech")
    pages = PaperPages()
    assert (pages.before, pages.after, pages.rows) == (None, None, [])
    more = Page(rows=[row], next=END, total=9, previous=END)
    nothing = Page(rows=[], next=None, total=9)
    pages.start(more)
    assert pages.append(nothing) == 0
    assert pages.prepend(nothing) == 0
    assert (pages.before, pages.after, pages.rows) == (None, None, [row])
