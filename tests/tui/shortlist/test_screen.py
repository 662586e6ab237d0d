"""The Shortlist screen: every key does what its tooltip says, and every change is on disk."""

import csv
import json
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support.corpora import fill, paper
from tests.support.hostile_texts import HOSTILE
from tests.support.pilot import app_of, text_of, until, until_gone, until_shown
from tests.support.pilot import shortlist_screen as screen_of
from titletui.candidate import Candidate, Novelty
from titletui.importing.job import Source, start_import
from titletui.paths import Home
from titletui.settings import Settings
from titletui.shortlist.library import Library
from titletui.shortlist.records import BatchSettings
from titletui.tui.app import TitletuiApp

TITLES = ("Aardvark Speech", "Badger Audio", "Civet Music")


@pytest.fixture
def library(home: Home) -> Library:
    """Three favourites; the newest is the last of `TITLES`."""
    library = Library.open(home)
    assert library.backups is not None
    library.backups.finish(10)
    asked = BatchSettings(model="eess-as-1@200", prefix="A", temperature=0.8, top_p=0.9, seed=7)
    batch = library.start_batch(asked)
    novelty = Novelty(kind="near", similarity=0.86, id="2305.01234", title="Otter", year=2023)
    for index, title in enumerate(TITLES):
        one = Candidate(text=title, index=index, perplexity=9.0, seed=7, novelty=novelty)
        (candidate,) = library.add_candidates(batch, [one])
        library.star(title, candidate=candidate)
    return library


def opened(home: Home) -> TitletuiApp:
    return TitletuiApp(home, Settings(mode="shortlist", welcome=False))


def shown(pilot: Pilot[int]) -> list[str]:
    return [title.text for title in screen_of(pilot).titles.rows]


async def test_an_empty_shortlist_says_what_to_press(home: Home) -> None:
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Nothing starred yet", "3 writes titles")
        await pilot.press("x", "e", "n", "t", "c", "J", "l", "C")
        await pilot.pause(0.1)
        assert len(pilot.app.screen_stack) == 1


async def test_the_keys_belong_to_the_list_once_it_is_not_empty_any_more(home: Home) -> None:
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Nothing starred yet")
        await until(pilot, lambda: pilot.app.focused is None)
        await pilot.press("3")
        with Library.open(home) as library:
            library.star(TITLES[0])
            library.star(TITLES[1])
        await pilot.press("4")
        await until_shown(pilot, *TITLES[:2])
        await until(pilot, lambda: screen_of(pilot).titles.has_focus)
        await pilot.press("j")
        assert screen_of(pilot).titles.highlighted == 1


async def test_it_shows_what_made_a_title_and_the_paper_that_is_nearest(
    home: Home, library: Library
) -> None:
    async with opened(home).run_test(size=(120, 40)) as pilot:
        await until_shown(
            pilot, "★ 3", *TITLES, "near 0.86", "eess-as-1@200", "t 0.80", "seed 7",
            "Otter (2023, 2305.01234)",
        )  # fmt: skip


async def test_an_edit_stands_in_place_and_keeps_the_original(home: Home, library: Library) -> None:
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Civet Music")
        await pilot.press("e", *" Revisited", "enter")
        await until_shown(pilot, "Civet Music Revisited ✎", "was Civet Music")
        (first, *_) = library.favourites()
        assert (first.text, first.original) == ("Civet Music Revisited", "Civet Music")
        await pilot.press("e", *"xx", "escape")
        await pilot.pause(0.1)
        assert shown(pilot)[0] == "Civet Music Revisited"


async def test_notes_and_tags_are_written_and_shown(home: Home, library: Library) -> None:
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Civet Music")
        await pilot.press("n")
        await until_shown(pilot, "Note")
        await pilot.press(*"for ICASSP?", "enter")
        await until_shown(pilot, "“for ICASSP?”")
        await pilot.press("t")
        await until_shown(pilot, "Tags")
        await pilot.press(*"#Talk, maybe", "enter")
        await until_shown(pilot, "#maybe #talk")
        (first, *_) = library.favourites()
        assert (first.note, first.tags) == ("for ICASSP?", ("maybe", "talk"))


async def test_a_removed_title_comes_back_even_in_another_session(
    home: Home, library: Library
) -> None:
    async with opened(home).run_test(size=(80, 24), notifications=True) as pilot:
        await until_shown(pilot, "Civet Music")
        await pilot.press("x")
        await until(pilot, lambda: shown(pilot) == ["Badger Audio", "Aardvark Speech"])
    async with opened(home).run_test(size=(80, 24), notifications=True) as pilot:
        await until_shown(pilot, "★ 2")
        await pilot.press("u")
        await until_shown(pilot, "★ 3", "Taken back: removed")
        await pilot.press("U")
        await until_shown(pilot, "★ 2", "Done again: removed")


async def test_what_is_taken_back_is_highlighted(home: Home, library: Library) -> None:
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Civet Music")
        await pilot.press("j", "x")
        await until_gone(pilot, "Badger Audio")
        await pilot.press("G", "u")
        await until_shown(pilot, "▸ Badger Audio")


async def test_titles_move_from_the_order_that_is_shown_and_undo_moves_them_back(
    home: Home, library: Library
) -> None:
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Civet Music", "sorted by added")
        await pilot.press("K")
        await pilot.press("J")
        await until_shown(pilot, "sorted by hand")
        await until(pilot, lambda: shown(pilot) == ["Badger Audio", "Civet Music", TITLES[0]])
        await pilot.press("J")
        await until(pilot, lambda: shown(pilot)[2] == "Civet Music")
        assert screen_of(pilot).title_text() == "Civet Music"
        await pilot.press("u", "u")
        await until(pilot, lambda: shown(pilot) == ["Civet Music", "Badger Audio", TITLES[0]])
        await until_shown(pilot, "sorted by added")
    assert len(library.favourites()) == 3


async def test_an_edit_into_a_paper_is_judged_and_exported_as_a_copy(
    home: Home, library: Library, tmp_path: Path
) -> None:
    fill(home, "otters", [paper(1, "Otter Speech")])
    async with opened(home).run_test(size=(100, 24)) as pilot:
        await until_shown(pilot, "Civet Music")
        await pilot.press("e", *["backspace"] * len("Civet Music"), *"otter speech!", "enter")
        await until_shown(pilot, "otter speech!", "copy")
        target = tmp_path / "out.jsonl"
        await pilot.press("E")
        await until_shown(pilot, "Export 3 titles")
        pilot.app.screen.query_one(Input).value = str(target)
        await pilot.press("enter")
        await until(pilot, target.exists)
    (first, *_) = map(json.loads, target.read_text().splitlines())
    assert (first["novelty"]["kind"], first["perplexity"]) == ("copy", None)


async def test_a_title_starred_before_an_import_is_judged_after_it_and_at_once_by_a_key(
    home: Home,
) -> None:
    with Library.open(home) as library:
        library.star("Otter Speech")
    async with opened(home).run_test(size=(100, 24), notifications=True) as pilot:
        await until_shown(pilot, "Otter Speech")
        fill(home, "otters", [paper(1, "Otter Speech")])
        await pilot.press("R")
        await until_shown(pilot, "copy", "as they are now")
        titles = tmp_file(home, "more.txt", "A Survey of Badgers")
        with Library.open(home) as library:
            library.star("A Survey of Badgers!")
        await until_shown(pilot, "Badgers!")
        start_import(home, Source(corpus="badgers", path=str(titles)))
        await until(pilot, lambda: text_of(pilot).count("copy") >= 2)
    with Library.open(home) as again:
        assert again.notices == []


def tmp_file(home: Home, name: str, text: str) -> Path:
    path = home.data / name
    path.write_text(text)
    return path


async def test_the_list_is_filtered_and_sorted(home: Home, library: Library) -> None:
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Civet Music")
        await pilot.press("slash", *"audio")
        await until_shown(pilot, "★ 1 of 3")
        assert shown(pilot) == ["Badger Audio"]
        await pilot.press("enter", "c")
        assert app_of(pilot).clipboard == "Badger Audio"
        await pilot.press("slash", *"zebra")
        await until_shown(pilot, "No title matches “zebra”")
        await pilot.press("escape")
        await until_shown(pilot, "★ 3")
        await pilot.press("s", "s")
        await until_shown(pilot, "sorted by title")
        await until(pilot, lambda: shown(pilot) == list(TITLES))
        await pilot.press("C")
        assert app_of(pilot).clipboard == "\n".join(TITLES)


async def test_escape_in_the_list_shows_all_and_so_does_removing_the_last_that_matches(
    home: Home, library: Library
) -> None:
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(shown(pilot)) == len(TITLES))
        word = shown(pilot)[0].split()[0]
        await pilot.press("slash", *word, "enter")
        await until(pilot, lambda: 0 < len(shown(pilot)) < len(TITLES))
        await pilot.press("escape")
        await until(pilot, lambda: len(shown(pilot)) == len(TITLES))
        await pilot.press("slash", *word, "enter")
        await until(pilot, lambda: len(shown(pilot)) == 1)
        await pilot.press("x")
        await until(pilot, lambda: len(shown(pilot)) == len(TITLES) - 1)
        await pilot.press("u")
        await until(pilot, lambda: len(shown(pilot)) == len(TITLES))


async def test_j_k_g_and_the_mouse_move_through_the_list(home: Home, library: Library) -> None:
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Civet Music")
        rows = screen_of(pilot).titles
        for key, place in (("j", 1), ("k", 0), ("G", 2), ("g", 0), ("pagedown", 2), ("up", 1)):
            await pilot.press(key)
            assert rows.highlighted == place
        await pilot.click(rows, offset=(10, 1))
        assert rows.highlighted == 0


@pytest.mark.parametrize("ending", ["md", "txt", "csv", "jsonl"])
async def test_it_exports_in_the_form_that_the_ending_says(
    home: Home, library: Library, tmp_path: Path, ending: str
) -> None:
    target = tmp_path / f"out.{ending}"
    async with opened(home).run_test(size=(80, 24), notifications=True) as pilot:
        await until_shown(pilot, "Civet Music")
        await pilot.press("E")
        await until_shown(pilot, "Export 3 titles", ".jsonl")
        pilot.app.screen.query_one(Input).value = str(target)
        await pilot.press("enter")
        await until(pilot, target.exists)
    text = target.read_text()
    assert all(title in text for title in TITLES)
    if ending == "jsonl":
        assert json.loads(text.splitlines()[0])["seed"] == 7
    if ending == "csv":
        assert len(list(csv.DictReader(text.splitlines()))) == 3


async def test_an_export_never_overwrites_unasked(
    home: Home, library: Library, tmp_path: Path
) -> None:
    target = tmp_path / "out.txt"
    target.write_text("precious")
    async with opened(home).run_test(size=(80, 24), notifications=True) as pilot:
        await until_shown(pilot, "Civet Music")
        await pilot.press("E")
        await until_shown(pilot, "Export 3 titles")
        pilot.app.screen.query_one(Input).value = str(target)
        await pilot.press("enter")
        await until_shown(pilot, "out.txt is there already.")
        await pilot.press("n")
        await until_gone(pilot, "out.txt is there already.")
        assert target.read_text() == "precious"
        await pilot.press("enter")
        await until_shown(pilot, "out.txt is there already.")
        await pilot.press("y")
        await until(pilot, lambda: target.read_text() != "precious")


async def test_an_export_that_cannot_be_written_says_why_and_stays(
    home: Home, library: Library
) -> None:
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Civet Music")
        await pilot.press("E")
        await until_shown(pilot, "Export 3 titles")
        await pilot.press("tab")
        assert pilot.app.screen.query_one(Input).value.endswith(".txt")
        pilot.app.screen.query_one(Input).value = "/nowhere/at/all.exe"
        await pilot.press("enter")
        await until_shown(pilot, "✕")
        await pilot.press("escape")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)


@pytest.mark.fault("F57")
async def test_what_another_instance_stars_is_shown_within_two_seconds(
    home: Home, library: Library
) -> None:
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "★ 3")
        library.star("Dingo Dialogue")
        await until_shown(pilot, "★ 4", "Dingo Dialogue")


@pytest.mark.slow
@pytest.mark.fault("F51")
async def test_hostile_titles_and_notes_are_shown_as_they_are(home: Home) -> None:
    with Library.open(home) as library:
        for number, text in enumerate(HOSTILE):
            library.star(f"{number:02d} {text}"[:1900])
    async with opened(home).run_test(size=(160, 120), notifications=True) as pilot:
        await until_shown(pilot, f"★ {len(HOSTILE)}")
        lines = text_of(pilot).replace("\n", " ")
        for text in ("[red]red[/red] [/b]", "[@click=app.quit]quit[/]", "$x $primary $error"):
            assert text in lines
        assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in lines)
        for _ in HOSTILE:
            await pilot.press("j", "x")
        await until_shown(pilot, "Nothing starred yet")


@pytest.mark.fault("F59")
async def test_a_damaged_library_is_replaced_by_its_backup_and_that_is_told(
    home: Home, library: Library
) -> None:
    library.close()
    with Library.open(home) as again:
        again.star("Dingo Dialogue")
    home.library_db.write_bytes(b"this is no database" * 1000)
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Your library")
        await pilot.press("escape")
        await until_shown(pilot, "Civet Music")


async def test_a_double_click_edits(home: Home, library: Library) -> None:
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Civet Music")
        await pilot.click(screen_of(pilot).titles, offset=(10, 2), times=2)
        await until(pilot, lambda: screen_of(pilot).query("EditLine"))
        await pilot.press(*"!", "enter")
        await until_shown(pilot, "Badger Audio! ✎")
