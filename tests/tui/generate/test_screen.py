"""The Generate screen: titles stream in, stars last, and every key does what its tooltip says."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.widgets import TextArea

from tests.support.candidates import TITLES, current, opened, shown, two_batches
from tests.support.hostile_texts import HOSTILE
from tests.support.models import tiny_gpt2
from tests.support.pilot import app_of, text_of, until, until_gone, until_shown
from tests.support.pilot import generate_screen as screen_of
from titletui.candidate import Candidate, Novelty
from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.paths import Home
from titletui.settings import GenerateSettings, Settings
from titletui.shortlist.library import Library
from titletui.shortlist.records import BatchSettings
from titletui.tui.app import TitletuiApp
from titletui.tui.generate import batch_columns
from titletui.tui.generate.batch import LiveBatch
from titletui.tui.generate.batch_column import BatchColumn
from titletui.tui.generate.candidate_row import CandidateRow, visible_rows
from titletui.tui.generate.screen import GenerateScreen
from titletui.tui.widgets.form import Form


@pytest.fixture
def library(home: Home) -> Iterator[Library]:
    with two_batches(home) as library:
        yield library


async def test_a_newcomer_writes_stars_and_finds_the_star_again(home: Home) -> None:
    app = TitletuiApp(home, Settings(generate=GenerateSettings(count=3, length=12)))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until_shown(pilot, "Type how a title begins")
        await pilot.press(*"Neural", "enter")
        await until(pilot, lambda: len(shown(pilot)) == 3)
        assert all(title.startswith("Neural") for title in shown(pilot))
        await pilot.press("space")
        await until_shown(pilot, "★")
        await until_gone(pilot, "Press space to star")
        with Library.open(home) as library:
            assert [one.text for one in library.favourites()] == [shown(pilot)[0]]
        assert not app.settings.welcome

        # The same prompt at three temperatures, side by side; then two columns are walked through.
        await pilot.press("w")
        await until_shown(pilot, "t 0.50", "t 0.80", "t 1.10")
        await until(
            pilot,
            lambda: all(len(c.live_batch.rows) == 3 for c in screen_of(pilot).batches.columns),
        )
        await pilot.press("right")
        assert screen_of(pilot).batches.current is screen_of(pilot).batches.columns[1]
        await pilot.press("left")
        assert screen_of(pilot).batches.current is screen_of(pilot).batches.columns[0]

        # The same seed writes the same titles, which are hidden as seen until they are asked for.
        app.settings.generate.seed = 5
        for _ in range(2):
            await pilot.press("enter")
            await until(pilot, lambda: len(screen_of(pilot).batches.columns) == 1)
            column = screen_of(pilot).batches.current
            await until(pilot, lambda: column.live_batch.id and not column.live_batch.running)  # noqa: B023
        await until_shown(pilot, "All 3 titles are hidden")
        await pilot.press("d")
        await until_shown(pilot, "seen")
        assert len(shown(pilot)) == 3

        # What is stopped keeps what had come.
        await pilot.press("greater_than_sign", *["greater_than_sign"] * 9, "r")
        await until(pilot, lambda: len(current(pilot).live_batch.rows) > 5)
        await pilot.press("escape")
        await until_shown(pilot, "Stopped")
        await until(pilot, lambda: not current(pilot).live_batch.running)
        assert 5 < len(current(pilot).live_batch.rows) < 1000
    with Library.open(home) as library:
        assert len(library.batches()) == 7
        assert len(library.favourites()) == 1


async def test_a_key_that_is_quicker_than_the_screen_stars_the_title_that_has_arrived(
    home: Home,
) -> None:
    app = opened(home, count=2, length=8)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until_shown(pilot, "No titles yet")
        await pilot.press("enter")
        await until(pilot, lambda: current(pilot).live_batch.rows)
        await pilot.press("space")
        await until_shown(pilot, "★")
    with Library.open(home) as library:
        (one,) = library.favourites()
        assert one.text == first_of(library)


async def test_what_is_typed_after_enter_is_no_part_of_the_prefix(home: Home) -> None:
    app = opened(home, count=1, length=8)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until_shown(pilot, "No titles yet")
        await pilot.press("slash", *"Neural")
        for key in ("enter", "space", "plus"):
            app.post_message(events.Key(key, {"space": " ", "plus": "+"}.get(key)))
        await until_shown(pilot, "0.90", "on its way")
        assert screen_of(pilot).prefix.value == "Neural"
        assert current(pilot).live_batch.settings.prefix == "Neural"


def first_of(library: Library) -> str:
    """The first title of the newest batch by arrival."""
    return min(library.candidates(library.batches()[0].id), key=lambda one: one.id or 0).text


@pytest.mark.slow
async def test_two_models_write_at_the_same_time_side_by_side(home: Home, tmp_path: Path) -> None:
    other = tiny_gpt2(tmp_path / "other", tasks=["title"])
    app = opened(home, count=3, length=8)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until_shown(pilot, "No titles yet")
        screen = screen_of(pilot)
        screen.write([(name, screen.request(model=name)) for name in ("starter", str(other))])
        await until(
            pilot,
            lambda: [len(one.live_batch.rows) for one in screen.batches.columns] == [3, 3],
        )
        assert app.generator.pid != app.second_generator.pid
        assert app.second_generator.pid is not None


async def test_keys_that_have_nothing_to_be_about_do_nothing(home: Home) -> None:
    async with opened(home).run_test(size=(80, 24), notifications=True) as pilot:
        await until_shown(pilot, "No titles yet")
        await pilot.press("l", "right", "left", "space", "e", "n", "t", "c")
        await pilot.press("left_square_bracket", "right_square_bracket")
        assert len(pilot.app.screen_stack) == 1
        for key, dialog in (("v", "Compare starter with"), ("a", "Paste or type"), ("m", "Top-p")):
            await pilot.press(key)
            await until_shown(pilot, dialog)
            await pilot.press("escape")
            await until_gone(pilot, dialog)
        await pilot.press("a")
        await until_shown(pilot, "Paste or type")
        await pilot.press("ctrl+g")
        await until_gone(pilot, "Paste or type")
        assert not screen_of(pilot).sampling.abstract
        assert app_of(pilot).generator.pid is None or not shown(pilot)


async def test_what_a_model_has_not_learned_is_said_while_it_writes(
    home: Home, tmp_path: Path
) -> None:
    model = tiny_gpt2(tmp_path / "model", tasks=["title"])
    async with opened(home, count=1, length=8).run_test(
        size=(100, 24), notifications=True
    ) as pilot:
        await until_shown(pilot, "No titles yet")
        screen = screen_of(pilot)
        screen.use_model(str(model))
        screen.sampling.year = 2027
        await pilot.press("enter")
        await until(pilot, lambda: "has not learned about years" in text_of(pilot))
        await until(pilot, lambda: len(shown(pilot)) == 1)
        await until_shown(pilot, "has not learned about years")
    # It stays with the batch.
    async with opened(home).run_test(size=(100, 24)) as pilot:
        await until_shown(pilot, "batch 1 of 1", "has not learned about years")


@pytest.mark.slow
async def test_a_model_that_cannot_use_abstracts_is_told_before_it_writes(
    home: Home, tmp_path: Path
) -> None:
    model = str(tiny_gpt2(tmp_path / "model", tasks=["title"]))
    app = opened(home, model=model, count=1, length=8)
    async with app.run_test(size=(100, 30)) as pilot:
        await until_shown(pilot, "No titles yet")
        for key in ("escape", "g", "s"):
            await pilot.press("a")
            await until_shown(pilot, "Paste or type")
            await pilot.press(*"We study otters", "ctrl+g")
            await until_shown(pilot, "not trained to write titles for abstracts")
            await pilot.press(key)
            await until_gone(pilot, "not trained to write titles")
            abstract = "We study otters" if key == "s" else ""
            await until(pilot, lambda: screen_of(pilot).sampling.abstract == abstract)  # noqa: B023
            settings = app.settings.generate
            assert settings.model == ("starter" if key == "s" else model)
            if key == "g":
                await until(pilot, lambda: len(shown(pilot)) == 1)
                assert current(pilot).live_batch.settings.abstract == ""
        await until(pilot, lambda: current(pilot).live_batch.settings.abstract == abstract)
        await until(pilot, lambda: len(shown(pilot)) == 1)
        await until_gone(pilot, "unused")


async def test_a_generator_that_is_killed_comes_back_by_itself(home: Home) -> None:
    async with opened(home, count=2, length=8).run_test(size=(80, 24)) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: len(shown(pilot)) == 2)
        first, killed = shown(pilot), app_of(pilot).generator.pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        await pilot.press("r")
        await until(pilot, lambda: len(shown(pilot)) == 2 and shown(pilot) != first)
        assert app_of(pilot).generator.pid not in (None, killed)
        assert len(pilot.app.screen_stack) == 1


async def test_a_model_that_is_not_there_is_said_in_one_sentence(home: Home) -> None:
    async with opened(home, model="/nowhere/model").run_test(size=(80, 24)) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        await until_shown(pilot, "/nowhere/model")
        await pilot.press("escape")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)


async def test_the_newest_batch_is_there_and_all_others_can_be_walked_to(
    home: Home, library: Library
) -> None:
    async with opened(home).run_test(size=(80, 24), notifications=True) as pilot:
        await until_shown(pilot, "batch 2 of 2", *TITLES, "near 0.75", "copy", "ppl    9")
        await until_shown(pilot, "nearest Neural Civets (2023, 2305.01234)")
        await pilot.press("left_square_bracket")
        await until_shown(pilot, "batch 1 of 2", "Old Otters")
        await pilot.press("left_square_bracket")
        await until_shown(pilot, "This is the oldest batch.")
        await pilot.press("right_square_bracket")
        await until_shown(pilot, "batch 2 of 2")


async def test_a_batch_says_what_it_was_written_for(home: Home) -> None:
    with Library(home.library_db) as library:
        asked = BatchSettings(model="m", abstract="We study otters.", year=2024)
        library.add_candidates(library.start_batch(asked), [Candidate(text="Otters", index=0)])
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "m · abstract of 3 words · year 2024")


async def test_a_batch_from_before_the_first_corpus_is_compared_when_it_is_shown(
    home: Home, library: Library
) -> None:
    with CorpusStore(home.corpus_db) as store:
        store.create("otters")
        store.create("otters")
        store.add("otters", [Paper(id="2401.00001", title="Old Otters!")])
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "batch 2 of 2")
        await pilot.press("left_square_bracket")
        await until_shown(pilot, "Old Otters", "copy", "nearest Old Otters!")


async def test_a_star_is_shown_once_it_is_on_disk_and_goes_as_it_came(
    home: Home, library: Library
) -> None:
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, *TITLES)
        await pilot.press("j", "space", "k")
        await until_shown(pilot, "★ Neural Badgers")
        assert [one.text for one in library.favourites()] == ["Neural Badgers"]
        (star,) = library.favourites()
        assert (star.model, star.prefix, star.perplexity) == ("starter", "Neural", 8.0)
        await pilot.press("j", "space")
        await until_gone(pilot, "★")
        assert library.favourites() == []
        await pilot.press("u")
        await until_shown(pilot, "★ Neural Badgers")
        await pilot.click("CandidateList", offset=(10, 0), times=2)
        await until_shown(pilot, "★ Neural Aardvarks")
        await pilot.press("u")
        await until_gone(pilot, "★ Neural Aardvarks")
        await pilot.press("u")
        await until_gone(pilot, "★")
        await pilot.press("U")
        await until_shown(pilot, "★ Neural Badgers")
        await pilot.press("u")
        await until_gone(pilot, "★")


async def test_a_title_is_edited_noted_and_tagged_in_place_and_starred_with_it(
    home: Home, library: Library
) -> None:
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, *TITLES)
        await pilot.press("e", *" at Night", "enter")
        await until_shown(pilot, "★ Neural Aardvarks at Night ✎")
        await pilot.press("n")
        await until_shown(pilot, "Note")
        await pilot.press(*"good", "enter")
        await until(pilot, lambda: library.favourites()[0].note == "good")
        await pilot.press("t")
        await until_shown(pilot, "Tags")
        await pilot.press(*"a b", "enter")
        await until(pilot, lambda: library.favourites()[0].tags == ("a", "b"))
        await pilot.press("c")
        assert app_of(pilot).clipboard == "Neural Aardvarks at Night"
        assert library.favourites()[0].original == "Neural Aardvarks"


def test_what_is_hidden_and_what_a_star_keeps_in_sight() -> None:
    copy, near = Novelty(kind="copy", similarity=1.0), Novelty(kind="near", similarity=0.9)
    rows = [
        CandidateRow(text="A copy", index=0, novelty=copy),
        CandidateRow(text="A starred copy", index=1, novelty=copy, star="saved"),
        CandidateRow(text="Starred before", index=2, star="saved", repeat=True),
        CandidateRow(text="A near one", index=3, novelty=near, perplexity=4.0),
        CandidateRow(text="One of rather many words", index=4, perplexity=70.0),
    ]

    def hidden(**view: Any) -> set[int]:
        shown = visible_rows(rows, GenerateSettings(**{"hide_repeats": False, **view}))
        return {row.index for row in rows} - {row.index for row in shown}

    assert hidden() == set()
    assert hidden(hide_copies=True) == {0}
    assert hidden(hide_near=True) == {3}
    assert hidden(hide_repeats=True) == {2}
    assert hidden(hide_above=4.0) == {4}
    assert hidden(hide_longer=4) == {4}


async def test_candidates_are_sorted_and_hidden(home: Home, library: Library) -> None:
    async with opened(home).run_test(size=(80, 24), notifications=True) as pilot:
        await until_shown(pilot, *TITLES)
        await pilot.press("s", "s")
        await until_shown(pilot, "sorted by perplexity")
        await until(pilot, lambda: shown(pilot) == list(reversed(TITLES)))
        await pilot.press("s", "s")
        await until_shown(pilot, "sorted by length")
        await pilot.press("h")
        await until(pilot, lambda: "Neural Civets" not in shown(pilot))
        await until_shown(pilot, "copies hidden", "1 hidden")
        await pilot.press("h")
        await until_shown(pilot, "copies, near ones hidden")
        assert screen_of(pilot).app.settings.generate.hide_near
        await pilot.press("h")
        await until_gone(pilot, "hidden")
        assert not screen_of(pilot).app.settings.generate.hide_near
        await pilot.press("s")
        await until_shown(pilot, "Taste is learned from 20 stars")
        await until_gone(pilot, "sorted by")


async def test_sampling_keys_and_arrows_change_the_settings_within_their_ranges(home: Home) -> None:
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Temperature ◂ 0.80 ▸", "Count ◂ 10 ▸")
        await pilot.press(
            "plus", "minus", "minus", "greater_than_sign", "less_than_sign", "less_than_sign"
        )
        await until_shown(pilot, "Temperature ◂ 0.70 ▸", "Count ◂ 5 ▸")
        await pilot.press(*["minus"] * 12, *["less_than_sign"] * 9)
        await until_shown(pilot, "Temperature ◂ 0.00 ▸", "Count ◂ 1 ▸")
        await pilot.click(
            "SamplingBar", offset=(text_of(pilot).split("\n")[3].index(" 0.00 ▸") + 6, 0)
        )
        await until_shown(pilot, "Temperature ◂ 0.10 ▸")
        await pilot.press("slash")
        assert screen_of(pilot).prefix.has_focus
        await pilot.press("escape")
        assert current(pilot).candidates.has_focus


async def test_the_sampling_dialog_keeps_values_and_refuses_those_out_of_range(home: Home) -> None:
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await pilot.press("m")
        await until_shown(pilot, "Top-p", "Hide repeats")
        form = pilot.app.screen.query_one(Form)
        for name, wrong in (("top_p", "2"), ("seed", "x"), ("count", "0"),
                            ("temperature", "hot"), ("year", "soon"), ("hide_above", "much"),
                            ("hide_longer", "0")):  # fmt: skip
            right = form.control(name).value
            form.control(name).value = wrong
            await pilot.press("enter")
            await until_shown(pilot, "✕", wrong)
            assert form.control(name).has_focus
            form.control(name).value = right
        for name, value in (("top_p", "0.5"), ("seed", "7"), ("year", "2027"),
                            ("hide_above", "9.5"), ("hide_longer", "14")):  # fmt: skip
            form.control(name).value = value
        form.control("sort").focus()
        await pilot.press("l", "down", "right", "enter")
        await until_shown(pilot, "year 2027 · top-p 0.5 · seed 7 · sorted by length")
        assert screen_of(pilot).app.settings.generate.hide_copies
        await until_shown(pilot, "copies, ppl over 9.5")
        assert screen_of(pilot).app.settings.generate.hide_longer == 14
        asked = screen_of(pilot).request()
        assert (asked.sampling.top_p, asked.sampling.seed, asked.year) == (0.5, 7, 2027)


async def test_the_corpus_to_compare_with_is_chosen_from_those_there_are(home: Home) -> None:
    with CorpusStore(home.corpus_db) as store:
        store.create("otters")
        store.add("otters", [Paper(id="2401.00001", title="A Survey of Otters")])
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await pilot.press("m")
        await until_shown(pilot, "all papers", "1/2")
        pilot.app.screen.query_one(Form).control("against").focus()
        await pilot.press("right", "enter")
        await until_shown(pilot, "against otters")
        assert screen_of(pilot).app.settings.generate.against == "otters"
        await pilot.press("m")
        await until_shown(pilot, "otters", "2/2")
        pilot.app.screen.query_one(Form).control("against").focus()
        await pilot.press("left", "enter")
        await until(pilot, lambda: screen_of(pilot).app.settings.generate.against is None)


async def test_an_abstract_is_typed_or_read_from_a_file(home: Home, tmp_path: Path) -> None:
    paper = tmp_path / "abstract.txt"
    paper.write_text("We study otters.\nThey are neural.")
    async with opened(home, model="/nowhere/model").run_test(size=(80, 24)) as pilot:
        await pilot.press("a")
        await until_shown(pilot, "Paste or type the abstract here.")
        await pilot.press("ctrl+o", *str(paper), "enter")
        await until_shown(pilot, "6 words")
        assert "otters" in pilot.app.screen.query_one(TextArea).text
        await pilot.press("escape")
        assert screen_of(pilot).request().abstract == ""
        await pilot.press("a", *"We study badgers", "ctrl+g")
        await until_shown(pilot, "abstract of 3 words")
        assert screen_of(pilot).request().abstract == "We study badgers"


async def test_a_model_is_chosen_from_the_list_or_typed(home: Home) -> None:
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await pilot.press("p")
        await until_shown(pilot, "starter", "title")
        await pilot.press(*"zzz/nothing here")
        await until_shown(pilot, "No model of that name here")
        await pilot.press("enter")
        await until_shown(pilot, "✕ There is no model")
        await pilot.press("escape")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
        await pilot.press("v")
        await until_shown(pilot, "Compare starter with")


async def test_a_sweep_is_one_batch_in_which_h_and_l_move(home: Home) -> None:
    with Library.open(home) as library:
        library.add_candidates(library.start_batch(BatchSettings()), [Candidate(text="Before")])
        for column in (2, 0, 1):
            settings = BatchSettings(
                model="starter", temperature=0.5 + column / 4, group="sweep", column=column
            )
            title = Candidate(text=f"Otter {column}")
            library.add_candidates(library.start_batch(settings), [title])
    app = opened(home)
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await until_shown(pilot, "t 0.50", "t 0.75", "t 1.00", "Otter 0", "Otter 1", "Otter 2")
        columns = screen_of(pilot).batches.columns
        assert [one.live_batch.settings.column for one in columns] == [0, 1, 2]
        await until(pilot, lambda: columns[0].has_focus_within)
        prefix = screen_of(pilot).prefix.value
        for key, place in (("l", 1), ("l", 2), ("l", 2), ("h", 1)):
            await pilot.press(key)
            await until(pilot, lambda: columns[place].has_focus_within)  # noqa: B023
        assert screen_of(pilot).batches.columns is columns
        assert (screen_of(pilot).prefix.value, app.settings.generate.hide_copies) == (prefix, False)
        await pilot.press("left_square_bracket")
        await until_shown(pilot, "batch 1 of 2", "Before")
        await pilot.press("right_square_bracket")
        await until_shown(pilot, "t 0.50", "t 0.75", "t 1.00")


async def test_a_sweep_is_written_at_the_temperatures_of_the_settings(home: Home) -> None:
    app = opened(home, count=1, length=6, sweep="0.2 1.5")
    async with app.run_test(size=(120, 30)) as pilot:
        await until_shown(pilot, "No titles yet")
        await pilot.press("w")
        await until_shown(pilot, "t 0.20", "t 1.50")
        columns = screen_of(pilot).batches.columns
        await until(pilot, lambda: all(one.live_batch.id for one in columns))
        settings = [one.live_batch.settings for one in columns]
        assert [one.temperature for one in settings] == [0.2, 1.5]
        assert settings[0].group
        assert len({one.group for one in settings}) == 1


async def test_more_like_this_takes_the_beginning_of_the_title(
    home: Home, library: Library
) -> None:
    async with opened(home, model="/nowhere/model").run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, *TITLES)
        await pilot.press("l")
        assert screen_of(pilot).prefix.value == "Neural"


@pytest.mark.fault("F51")
async def test_hostile_candidates_are_shown_as_they_are(home: Home) -> None:
    with Library.open(home) as library:
        batch = library.start_batch(BatchSettings(model=HOSTILE[18], prefix=HOSTILE[19]))
        library.add_candidates(
            batch,
            [
                Candidate(
                    text=f"{number:02d} {text}"[:1900],
                    index=number,
                    novelty=Novelty(kind="near", similarity=0.9, id=text[:40], title=text),
                )
                for number, text in enumerate(HOSTILE)
            ],
        )
    async with opened(home, model=HOSTILE[19]).run_test(size=(160, 120)) as pilot:
        await until_shown(pilot, "[red]red[/red] [/b]", "[@click=app.quit]quit[/]", "R[0,1]")
        for _ in HOSTILE:
            await pilot.press("j")
            await pilot.pause()
        lines = text_of(pilot).replace("\n", " ")
        assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in lines)
        assert pilot.app.is_running


async def test_a_batch_that_comes_before_the_list_has_the_keys_takes_them(home: Home) -> None:
    async with opened(home).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "No titles yet")
        screen = pilot.app.screen
        assert isinstance(screen, GenerateScreen)
        screen.set_focus(None)
        batch = LiveBatch(BatchSettings())
        batch.rows.append(CandidateRow(text="Title", index=0))
        await screen.batches.show([BatchColumn(batch)])
        await until(pilot, lambda: pilot.app.focused is screen.batches.current.candidates)


async def test_writing_until_some_are_new_ends_after_a_number_of_rounds(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_columns, "MAX_ROUNDS", 2)
    async with opened(home, count=1, length=8).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "No titles yet")
        screen = screen_of(pilot)
        screen.write([("", screen.request())], until_new=100)
        await until(pilot, lambda: len(screen.batches.current.live_batch.rows) == 3)
        await until(pilot, lambda: not screen.batches._writing)
        assert len(screen.batches.current.live_batch.rows) == 3
        assert not screen.batches.current.live_batch.running


@pytest.mark.slow
async def test_with_enough_stars_candidates_are_ranked_by_taste(home: Home) -> None:
    with Library.open(home) as library:
        for number in range(6):
            batch = library.start_batch(BatchSettings(model="starter"))
            texts = [f"Speech Recognition Study {number}{n}" for n in range(4)]
            texts += [f"Quantum Gravity of Black Holes: Part {number}{n}" for n in range(4)]
            new = [Candidate(text=text, index=n) for n, text in enumerate(reversed(texts))]
            ids = library.add_candidates(batch, new)
            for text, candidate in zip(reversed(texts), ids, strict=True):
                if text.startswith("Speech"):
                    library.star(text, candidate=candidate)
    async with opened(home).run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "batch 6 of 6")
        assert shown(pilot)[0].startswith("Quantum")
        await pilot.press("s", "s", "s", "s", "s")
        await until(pilot, lambda: "Ranked by your taste" in text_of(pilot))
        await until(pilot, lambda: all(t.startswith("Speech") for t in shown(pilot)[:4]))
        await until_shown(pilot, "sorted by taste")
