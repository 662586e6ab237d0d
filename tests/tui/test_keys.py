"""Every key of every binding is pressed, here or in the test that is named for it."""

import importlib
import inspect
import pkgutil
from functools import partial

import pytest
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, TextArea

import titletui.tui
from tests.support.pilot import app_of, opened, until, until_gone, until_shown
from tests.support.run_folders import held, run_folder
from titletui.candidate import Candidate
from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.errors import TitletuiError
from titletui.jobs.events import Note, Overfit
from titletui.jobs.job import JobResult
from titletui.paths import Home
from titletui.settings import Settings
from titletui.shortlist.library import Library
from titletui.shortlist.records import BatchSettings
from titletui.tui.app import TitletuiApp
from titletui.tui.corpus.screen import CorpusScreen
from titletui.tui.dialogs.confirm import ConfirmDialog
from titletui.tui.generate.screen import GenerateScreen
from titletui.tui.shortlist.screen import ShortlistScreen
from titletui.tui.widgets.choice import Choice
from titletui.tui.widgets.row_list import RowList

ABSTRACT = " ".join(f"word{number}" for number in range(900))
STARS = [f"Title {number:02d}" for number in range(30)]
LOW = (80, 14)
# Where the keys are pressed that are not pressed in this file.
REMOTE = {
    "train.test_new_run.test_a_run_learns_from_the_starred_titles": "shortlist.train",
    "test_app.test_each_mode_has_its_keys": "corpus train generate shortlist",
    "test_app.test_function_keys_switch_from_within_an_input_and_escape_leaves_it": "leave",
    "corpus.test_jobs.test_a_category_is_found_by_its_name_and_scraped":
        "corpus.new scrape.start corpus.update",
    "corpus.test_jobs.test_a_file_is_looked_into_and_imported": "corpus.import import.start",
    "corpus.test_screen.test_searching_happens_while_one_types_and_escape_undoes_it":
        "corpus.search",
    "corpus.test_screen.test_enter_goes_to_the_papers_and_then_shows_the_abstract": "corpus.open",
    "corpus.test_jobs.test_a_harvest_shows_what_it_waits_for_and_space_stops_and_resumes_it":
        "corpus.stop",
    "corpus.test_screen.test_x_says_what_is_lost_and_only_a_yes_deletes": "corpus.delete",
    "corpus.test_screen.test_a_corpus_is_renamed": "corpus.rename",
    "corpus.test_screen.test_an_exported_corpus_can_be_imported_again": "corpus.export",
    "corpus.test_screen.test_t_opens_a_new_run_on_this_corpus": "corpus.train",
    "generate.test_screen.test_a_newcomer_writes_stars_and_finds_the_star_again":
        "generate.go prefix.generate generate.star",
    "generate.test_screen.test_the_newest_batch_is_there_and_all_others_can_be_walked_to":
        "generate.before generate.next",
    "generate.test_screen.test_sampling_keys_and_arrows_change_the_settings_within_their_ranges":
        "generate.cooler generate.count_up generate.count_down generate.prefix",
    "generate.test_screen.test_candidates_are_sorted_and_hidden": "generate.sort generate.copies",
    "generate.test_screen.test_a_title_is_edited_noted_and_tagged_in_place_and_starred_with_it":
        "title.edit title.note title.tag title.copy",
    "generate.test_screen.test_a_star_is_shown_once_it_is_on_disk_and_goes_as_it_came":
        "shortlist.undo shortlist.redo",
    "generate.test_screen.test_an_abstract_is_typed_or_read_from_a_file":
        "generate.abstract abstract.open",
    "generate.test_screen.test_a_model_is_chosen_from_the_list_or_typed":
        "generate.model generate.versus",
    "generate.test_screen.test_the_sampling_dialog_keeps_values_and_refuses_those_out_of_range":
        "generate.more more.keep",
    "generate.test_screen.test_a_model_that_cannot_use_abstracts_is_told_before_it_writes":
        "untrained.starter untrained.without untrained.cancel",
    "generate.test_screen.test_more_like_this_takes_the_beginning_of_the_title": "generate.like",
    "dialogs.test_settings.test_a_theme_shows_at_once_and_stays_only_if_it_is_kept":
        "settings.keep settings.cancel",
    "shortlist.test_screen.test_an_edit_stands_in_place_and_keeps_the_original": "edit.drop",
    "shortlist.test_screen."
    "test_a_title_starred_before_an_import_is_judged_after_it_and_at_once_by_a_key": "title.judge",
    "shortlist.test_screen."
    "test_escape_in_the_list_shows_all_and_so_does_removing_the_last_that_matches":
        "shortlist.unfilter",
    "shortlist.test_screen.test_it_exports_in_the_form_that_the_ending_says":
        "shortlist.export export.format",
    "shortlist.test_screen.test_the_list_is_filtered_and_sorted":
        "shortlist.filter shortlist.sort filter.clear",
    "train.test_screen.test_y_and_z_change_the_axes": "train.axis train.zoom",
    "train.test_screen.test_the_chart_is_read_by_keyboard_on_the_whole_screen":
        "train.full train.cursor_left train.cursor_right train.zoom_in train.zoom_out"
        " train.pan_left train.pan_right",
    "train.test_screen.test_brackets_walk_through_earlier_titles": "train.earlier train.later",
    "train.test_screen.test_i_shows_every_figure_the_recipe_and_the_words": "train.figures",
    "train.test_screen.test_space_on_a_run_that_is_done_says_what_to_do": "train.stop",
    "train.test_screen.test_x_asks_and_only_a_yes_deletes": "train.delete",
    "train.test_screen.test_a_run_is_renamed_but_never_onto_another_nor_out_of_its_folder":
        "train.rename",
    "train.test_screen.test_v_shows_two_runs_in_one_chart": "train.compare",
    "train.test_screen.test_enter_goes_to_generate_with_the_run_as_model": "train.generate",
    "train.test_screen.test_continue_opens_a_new_run_that_begins_with_the_old_one":
        "train.continue",
    "train.test_screen.test_a_failed_run_shows_reason_advice_and_log": "train.log",
    "train.test_new_run.test_a_run_is_started_watched_to_its_end_and_continued": "new_run.start",
}  # fmt: skip
# Dialogs: the mode, the keys that open them, the binding that closes them.
DIALOGS = {
    "help.close": ("shortlist", ("question_mark",)),
    "settings.cancel": ("shortlist", ("comma",)),
    "scrape.cancel": ("corpus", ("n",)),
    "import.cancel": ("corpus", ("i",)),
    "paper.close": ("corpus", ("l", "enter")),
    "prompt.cancel": ("corpus", ("R",)),
    "confirm.no": ("corpus", ("x",)),
    "new_run.cancel": ("train", ("n",)),
    "figures.close": ("train", ("i",)),
    "log.close": ("train", ("L",)),
    "best.cancel": ("train", ("enter",)),
    "abstract.cancel": ("generate", ("a",)),
    "more.cancel": ("generate", ("m",)),
    "model.cancel": ("generate", ("p",)),
    "export.cancel": ("shortlist", ("E",)),
}
SCROLLED = {
    "help": ("shortlist", ("question_mark",)),
    "paper": ("corpus", ("l", "enter")),
    "figures": ("train", ("i",)),
    "log": ("train", ("L",)),
}


def every_binding() -> dict[str, Binding]:
    """All bindings of the app, its screens and its widgets by their ids."""
    found: dict[str, Binding] = {}
    for module in pkgutil.walk_packages(titletui.tui.__path__, "titletui.tui."):
        for kind in vars(importlib.import_module(module.name)).values():
            if isinstance(kind, type) and kind.__module__ == module.name:
                for binding in vars(kind).get("BINDINGS", ()):
                    assert isinstance(binding, Binding)
                    assert binding.id
                    found[binding.id] = binding
    return found


def keys(id_: str) -> list[str]:
    """The keys of a binding; the test that asks for them presses each."""
    return every_binding()[id_].key.split(",")


@pytest.fixture
def filled(home: Home) -> Home:
    """A corpus with a long abstract, a finished run with a long log, a batch and many stars."""
    with CorpusStore(home.corpus_db) as store:
        store.create("eess.AS", category="eess.AS", source="arXiv")
        papers = [
            Paper(id=f"2401.{n:05d}", title=f"Paper {n}", abstract=ABSTRACT) for n in range(30)
        ]
        store.add("eess.AS", papers)
    notes = [Note(text=f"note {n}") for n in range(20)]
    job = run_folder(home, "run-1", [3.0] * 100, more=notes, ended=JobResult(outcome="done"))
    job.log.write_text("".join(f"line {number}\n" for number in range(80)))
    (job.path / "model").mkdir()
    (job.path / "model" / "titletui.json").write_text('{"tasks": ["title"]}')
    with Library.open(home) as library:
        batch = library.start_batch(BatchSettings(model="starter"))
        library.add_candidates(batch, [Candidate(text=f"Candidate {n}") for n in range(3)])
        for title in STARS:
            library.star(title)
    return home


async def stand(pilot: Pilot[int], mode: str) -> None:
    """Waits until the mode shows what `filled` has put there; the list has the focus."""
    shown = {"corpus": "30 papers", "train": "best at 50", "generate": "Candidate 2"}
    await until_shown(pilot, shown.get(mode, "★ 30"))
    await pilot.press("escape")


async def open_dialog(pilot: Pilot[int], *opening: str) -> Screen[object]:
    """Presses the keys until a dialog stands."""
    for key in opening:
        await pilot.press(key)
    await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
    await until(pilot, lambda: bool(pilot.app.screen.children) and pilot.app.screen.is_mounted)
    return pilot.app.screen


async def alone(pilot: Pilot[int]) -> None:
    """Waits until no dialog is open."""
    await until(pilot, lambda: len(pilot.app.screen_stack) == 1)


def test_every_binding_is_pressed_by_a_test() -> None:
    pressed = {id_ for ids in REMOTE.values() for id_ in ids.split()}
    source = inspect.getsource(importlib.import_module(__name__))
    _, _, tests = source.partition("async def stand")
    pressed |= {id_ for id_ in every_binding() if f'"{id_}"' in tests}
    pressed |= set(DIALOGS) | {f"{name}.{way}" for name in SCROLLED for way in ("down", "up")}
    assert set(every_binding()) == pressed


@pytest.mark.parametrize("place", REMOTE)
def test_the_test_that_is_named_for_a_binding_presses_its_key(place: str) -> None:
    module, _, name = place.rpartition(".")
    tests = importlib.import_module(f"tests.tui.{module}")
    test = getattr(tests, name)
    source = inspect.getsource(test)
    if "parametrize" in source or "key" in inspect.signature(test).parameters:
        source = inspect.getsource(tests)
    for id_ in REMOTE[place].split():
        assert any(f'"{key}"' in source for key in keys(id_)), id_


@pytest.mark.parametrize("id_", DIALOGS)
async def test_each_closing_key_closes_its_dialog_and_nothing_else(filled: Home, id_: str) -> None:
    mode, opening = DIALOGS[id_]
    async with opened(filled, mode).run_test(size=(100, 30)) as pilot:
        await stand(pilot, mode)
        for key in keys(id_):
            await open_dialog(pilot, *opening)
            await pilot.press(key)
            await alone(pilot)
        assert pilot.app.is_running
        assert pilot.app.current_mode == mode
    with CorpusStore(filled.corpus_db) as store:
        assert [one.name for one in store.corpora()] == ["eess.AS"]
    assert (filled.jobs / "run" / "run-1").is_dir()


@pytest.mark.parametrize("name", SCROLLED)
async def test_long_texts_scroll_by_keys(filled: Home, name: str) -> None:
    mode, opening = SCROLLED[name]
    async with opened(filled, mode).run_test(size=LOW) as pilot:
        await stand(pilot, mode)
        box = (await open_dialog(pilot, *opening)).query_one(VerticalScroll)
        await until(pilot, lambda: box.max_scroll_y > 11)
        box.scroll_to(y=1, animate=False)
        await until(pilot, lambda: box.scroll_y == 1)
        for down, up in zip(keys(f"{name}.down"), keys(f"{name}.up"), strict=True):
            await pilot.press(down)
            await until(pilot, lambda: box.scroll_y == 2)
            await pilot.press(up)
            await until(pilot, lambda: box.scroll_y == 1)
        for page in keys("help.page") if name == "help" else ():
            box.scroll_to(y=1, animate=False)
            await until(pilot, lambda: box.scroll_y == 1)
            await pilot.press(page)
            await until(pilot, lambda: box.scroll_y == 11)


async def test_what_is_shown_is_copied(filled: Home) -> None:
    async with opened(filled, "corpus").run_test(size=(100, 30)) as pilot:
        app = app_of(pilot)
        await stand(pilot, "corpus")
        await open_dialog(pilot, "l", "enter")
        await pilot.press(*keys("paper.copy"))
        await until(pilot, lambda: app.clipboard.startswith("Paper "))
        await pilot.press(*keys("paper.copy_abstract"))
        await until(pilot, lambda: app.clipboard == ABSTRACT)
        await pilot.press("escape")
        app.show_error(TitletuiError("It broke."))
        await until_shown(pilot, "It broke.")
        await pilot.press(*keys("message.copy"))
        await until(pilot, lambda: app.clipboard == "It broke.")
        for key in keys("message.close"):
            app.show_error(TitletuiError("It broke."))
            await until_shown(pilot, "It broke.")
            await pilot.press(key)
            await until_gone(pilot, "It broke.")
        await pilot.press("2")
        await stand(pilot, "train")
        await open_dialog(pilot, "i")
        await pilot.press(*keys("figures.copy"))
        await until(pilot, lambda: "note 19" in app.clipboard)
        await pilot.press("escape", "L")
        await until_shown(pilot, "line 79")
        await pilot.press(*keys("log.copy"))
        await until(pilot, lambda: "line 0\nline 1\n" in app.clipboard)
        await pilot.press("escape", "4")
        await stand(pilot, "shortlist")
        await pilot.press(*keys("shortlist.copy_all"))
        await until(pilot, lambda: sorted(app.clipboard.splitlines()) == STARS)


async def test_lists_are_walked_by_keys(filled: Home) -> None:
    async with opened(filled, "shortlist").run_test(size=(80, 24)) as pilot:
        await stand(pilot, "shortlist")
        rows = pilot.app.screen.query_one(RowList)
        assert rows.highlighted == 0
        for last, first in zip(keys("list.last"), keys("list.first"), strict=True):
            await pilot.press(last)
            await until(pilot, lambda: rows.highlighted == 29)
            await pilot.press(first)
            await until(pilot, lambda: rows.highlighted == 0)
        for down, up in zip(keys("list.down"), keys("list.up"), strict=True):
            await pilot.press(down)
            await until(pilot, lambda: rows.highlighted == 1)
            await pilot.press(up)
            await until(pilot, lambda: rows.highlighted == 0)
        for down, up in zip(keys("list.page_down"), keys("list.page_up"), strict=True):
            await pilot.press(down)
            await until(pilot, lambda: (rows.highlighted or 0) > 3)
            await pilot.press(up)
            await until(pilot, lambda: rows.highlighted == 0)


async def test_stars_are_moved_and_removed_by_every_key(filled: Home) -> None:
    async with opened(filled, "shortlist").run_test(size=(80, 24)) as pilot:
        await stand(pilot, "shortlist")
        screen = pilot.app.screen
        assert isinstance(screen, ShortlistScreen)

        def top() -> list[str]:
            return [title.text for title in screen.titles.rows[:2]]

        await pilot.press("K", "J")
        await until_shown(pilot, "sorted by hand")
        await pilot.press("g")
        await until(pilot, lambda: screen.titles.highlighted == 0)
        before = top()
        for down, up in zip(keys("shortlist.down"), keys("shortlist.up"), strict=True):
            await pilot.press(down)
            await until(pilot, lambda: top() == before[::-1])
            await pilot.press(up)
            await until(pilot, lambda: top() == before)
        for left, key in enumerate(keys("shortlist.remove"), start=1):
            await pilot.press(key)
            await until_shown(pilot, f"★ {30 - left}")
        await pilot.press(*keys("shortlist.like"))
        await until(pilot, lambda: pilot.app.current_mode == "generate")


@pytest.mark.parametrize("opening", ["comma", "f9"])
async def test_settings_are_walked_turned_and_given_their_defaults(
    filled: Home, opening: str
) -> None:
    assert opening in keys("settings")
    settings = Settings(mode="shortlist", welcome=False)
    settings.generate.temperature = 1.3
    async with TitletuiApp(filled, settings).run_test(size=(100, 40)) as pilot:
        await stand(pilot, "shortlist")
        dialog = await open_dialog(pilot, opening)
        theme = dialog.query_one("#theme", Choice)
        await until(pilot, lambda: theme.has_focus)
        shown = theme.options.index(theme.value)
        for place, key in enumerate(keys("choice.next"), start=shown + 1):
            await pilot.press(key)
            await until(pilot, partial(_is_at, theme, place))
        await pilot.press(*keys("choice.before") * 2)
        await until(pilot, partial(_is_at, theme, shown))
        await pilot.press(*keys("settings.next"))
        await until(pilot, lambda: not theme.has_focus)
        await pilot.press(*keys("settings.before"))
        await until(pilot, lambda: theme.has_focus)
        field = dialog.query_one("#generate-temperature", Input)
        field.focus()
        await until(pilot, lambda: field.has_focus)
        await pilot.press(*keys("settings.default"))
        await until(pilot, lambda: field.value == "0.8")


def _is_at(choice: Choice, place: int) -> bool:
    return choice.value == choice.options[place]


async def test_knobs_and_models_are_walked_by_arrows(filled: Home) -> None:
    async with opened(filled, "generate").run_test(size=(100, 40)) as pilot:
        app = app_of(pilot)
        await stand(pilot, "generate")
        await open_dialog(pilot, "m")
        await until(pilot, lambda: isinstance(app.screen.focused, Input))
        first = app.screen.focused
        await pilot.press(*keys("more.next"))
        await until(pilot, lambda: app.screen.focused is not first)
        await pilot.press(*keys("more.up"))
        await until(pilot, lambda: app.screen.focused is first)
        await pilot.press("escape")
        await alone(pilot)
        await open_dialog(pilot, "p")
        models = app.screen.query_one(RowList)
        await until(pilot, lambda: len(models.rows) > 1)
        at = models.highlighted or 0
        await pilot.press(*keys("model.down"))
        await until(pilot, lambda: models.highlighted == at + 1)
        await pilot.press(*keys("model.up"))
        await until(pilot, lambda: models.highlighted == at)


async def test_left_and_right_go_between_corpora_and_papers(filled: Home) -> None:
    async with opened(filled, "corpus").run_test(size=(100, 30)) as pilot:
        await stand(pilot, "corpus")
        screen = pilot.app.screen
        assert isinstance(screen, CorpusScreen)
        for right, left in zip(keys("corpus.right"), keys("corpus.left"), strict=True):
            await pilot.press(right)
            await until(pilot, lambda: screen.view.papers.has_focus)
            await pilot.press(left)
            await until(pilot, lambda: not screen.view.papers.has_focus)


async def test_the_filter_is_left_for_the_list_by_either_key(filled: Home) -> None:
    async with opened(filled, "shortlist").run_test(size=(80, 24)) as pilot:
        await stand(pilot, "shortlist")
        rows = pilot.app.screen.query_one(RowList)
        for key in keys("filter.list"):
            await pilot.press("slash")
            await until(pilot, lambda: not rows.has_focus)
            await pilot.press(key)
            await until(pilot, lambda: rows.has_focus)


async def test_n_is_a_new_run_and_o_sends_the_banner_of_an_overfit_run_away(home: Home) -> None:
    overfit = Overfit(step=40, average=0.099, threshold=0.1, copies=0.5)
    job = run_folder(home, "over", [0.09] * 50, steps=500, more=[overfit])
    with held(job):
        async with opened(home, "train").run_test(size=(100, 30)) as pilot:
            await until_shown(pilot, "o goes on")
            await pilot.press(*keys("train.go_on"))
            await until_gone(pilot, "o goes on")
            assert not job.stop_requested
            await open_dialog(pilot, *keys("train.new"))


@pytest.mark.parametrize("key", ["y", "enter"])
async def test_a_yes_is_a_yes(filled: Home, key: str) -> None:
    assert key in keys("confirm.yes")
    async with opened(filled, "corpus").run_test(size=(100, 30)) as pilot:
        await stand(pilot, "corpus")
        assert isinstance(await open_dialog(pilot, "x"), ConfirmDialog)
        await pilot.press(key)
        await until_shown(pilot, "No corpus yet")


@pytest.mark.parametrize("take", ["best", "last"])
async def test_the_best_and_the_last_model_have_their_keys(filled: Home, take: str) -> None:
    model = "run-1@50" if take == "best" else "run-1"
    async with opened(filled, "train").run_test(size=(100, 30)) as pilot:
        app = app_of(pilot)
        for key in keys("best.best" if take == "best" else "best.last"):
            await stand(pilot, "train")
            app.settings.generate.model = "starter"
            await open_dialog(pilot, "enter")
            await pilot.press(key)
            await until(pilot, lambda: app.current_mode == "generate")
            await until(pilot, lambda: app.settings.generate.model == model)
            await pilot.press("escape", "2")
            await until(pilot, lambda: app.current_mode == "train")


@pytest.mark.parametrize("key", ["ctrl+g", "f6"])
async def test_the_abstract_is_emptied_and_kept_by_its_keys(filled: Home, key: str) -> None:
    assert key in keys("abstract.keep")
    settings = Settings(mode="generate", welcome=False)
    settings.generate.model = "/nowhere/model"
    async with TitletuiApp(filled, settings).run_test(size=(100, 30)) as pilot:
        await stand(pilot, "generate")
        screen = pilot.app.screen
        assert isinstance(screen, GenerateScreen)
        area = (await open_dialog(pilot, "a")).query_one(TextArea)
        await until(pilot, lambda: area.has_focus)
        await pilot.press(*"badgers")
        await until(pilot, lambda: area.text == "badgers")
        await pilot.press(*keys("abstract.empty"))
        await until(pilot, lambda: area.text == "")
        await pilot.press(*"otters", key)
        await until(pilot, lambda: screen.request().abstract == "otters")


async def test_generate_writes_again_side_by_side_and_until_new(filled: Home) -> None:
    settings = Settings(mode="generate", welcome=False)
    settings.generate.count = 1
    settings.generate.length = 4
    async with TitletuiApp(filled, settings).run_test(size=(120, 40)) as pilot:
        app = app_of(pilot)
        await stand(pilot, "generate")
        screen = app.screen
        assert isinstance(screen, GenerateScreen)
        for key in keys("generate.hotter"):
            app.settings.generate.temperature = 0.8
            await pilot.press(key)
            await until(pilot, lambda: app.settings.generate.temperature == 0.9)
        hidden = app.settings.generate.hide_repeats
        await pilot.press(*keys("generate.repeats"))
        await until(pilot, lambda: app.settings.generate.hide_repeats != hidden)
        await pilot.press(*keys("generate.sweep"))
        await until(pilot, lambda: len(screen.batches.columns) > 1)
        await pilot.press(*keys("generate.right"))
        await until(pilot, lambda: screen.batches.current is screen.batches.columns[1])
        await pilot.press(*keys("generate.left"))
        await until(pilot, lambda: screen.batches.current is screen.batches.columns[0])
        await until(pilot, lambda: all(one.live_batch.rows for one in screen.batches.columns))
        await pilot.press(*keys("generate.again"))
        await until(pilot, lambda: len(screen.batches.columns) == 1)
        await until(pilot, lambda: bool(screen.batches.current.live_batch.rows))
        app.settings.generate.count = 1000
        app.settings.generate.length = 100
        await pilot.press(*keys("generate.until_new"))
        await until(pilot, lambda: len(screen.batches.current.live_batch.rows) > 2)
        assert screen.batches.current.live_batch.running
        await pilot.press(*keys("generate.stop"))
        await until(pilot, lambda: not screen.batches.current.live_batch.running)
        await pilot.press("slash")
        await until(pilot, lambda: screen.prefix.has_focus)
        await pilot.press(*keys("prefix.list"))
        await until(pilot, lambda: not screen.prefix.has_focus)


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_the_app_is_left_by_key(home: Home, key: str) -> None:
    assert key in keys("quit")
    app = opened(home, "shortlist")
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Nothing starred")
        await pilot.press(key)
    assert app.return_code == 0


async def test_help_and_a_repaint_have_their_keys(home: Home) -> None:
    async with opened(home, "shortlist").run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Nothing starred")
        for key in keys("help"):
            await pilot.press(key)
            await until_shown(pilot, "escape close")
            await pilot.press("escape")
            await until_gone(pilot, "escape close")
        await pilot.press(*keys("repaint"))
        await until_shown(pilot, "Nothing starred")
