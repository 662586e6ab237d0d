"""A new run: filled by its preset, refused where it is impossible, started where it is not."""

import asyncio
import os
import sqlite3
import threading

import pytest
from textual.pilot import Pilot
from textual.widgets import Collapsible, Input

from tests.support.pilot import (
    app_of,
    forecast_at_once,
    opened,
    text_of,
    until,
    until_gone,
    until_open,
    until_shown,
)
from tests.support.processes import until as wait_until
from tests.support.training_runs import QUICK, toy_base, toy_corpus
from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.jobs.job import State, list_jobs
from titletui.paths import Home
from titletui.settings import Settings, as_text
from titletui.shortlist.library import Library
from titletui.training.presets import preset, presets
from titletui.training.recipe import Recipe
from titletui.training.run_spec import RunSpec
from titletui.tui.app import TitletuiApp
from titletui.tui.textual_patches.static import StableStatic
from titletui.tui.train.new_run_dialog import NewRunDialog
from titletui.tui.train.recipe_form import ASKED_ABOVE, FIELDS, RecipeForm
from titletui.tui.widgets.choice import Choice


async def new_run(pilot: Pilot[int]) -> NewRunDialog:
    await until_shown(pilot, "No run yet")
    await pilot.press("n")
    dialog = await until_open(pilot, NewRunDialog)
    await until(pilot, lambda: dialog.query("#estimate"))
    return dialog


async def unfolded(pilot: Pilot[int]) -> NewRunDialog:
    """The dialog with all settings shown."""
    dialog = await new_run(pilot)
    assert not dialog.query(RecipeForm), "so long a form is made when it is looked at"
    dialog.query_one(Collapsible).collapsed = False
    await until(pilot, lambda: dialog.query("#set-seed"))
    return dialog


def test_every_field_of_a_recipe_stands_in_the_form() -> None:
    assert {*FIELDS, *ASKED_ABOVE} == set(Recipe.__struct_fields__)
    assert FIELDS["method"].options == ["full", "lora"]
    assert FIELDS["early_stop"].options == ["no", "yes"]
    assert FIELDS["seed"].options == []


def test_values_are_written_so_that_they_can_be_read_back() -> None:
    from titletui.training.presets import override

    for recipe in presets().values():
        for name in FIELDS:
            text = as_text(getattr(recipe, name))
            if text:
                assert getattr(override(Recipe(), {name: text}), name) == getattr(recipe, name)


async def test_a_preset_fills_the_rest(home: Home) -> None:
    toy_corpus(home).close()
    async with opened(home, "train").run_test(size=(100, 40), notifications=True) as pilot:
        dialog = await unfolded(pilot)
        assert dialog.recipe() == preset("starter-titles")
        await pilot.press("right")
        await until(pilot, lambda: dialog.base.value == "gpt2")
        assert dialog.steps.value == "500"
        assert dialog.recipe() == preset("gpt2-titles")
        await pilot.press("l")
        await until(pilot, lambda: dialog.preset.value == "llama-lora-instruct")
        assert dialog.form.query_one("#set-lora_r", Input).value == "8"
        await until_shown(pilot, "needs a base model")


async def test_steps_and_epochs_take_turns(home: Home) -> None:
    toy_corpus(home).close()
    async with opened(home, "train").run_test(size=(100, 40), notifications=True) as pilot:
        dialog = await new_run(pilot)
        shown = preset("gpt2-titles")
        await pilot.press("right")
        await until(pilot, lambda: dialog.steps.value == "500")
        assert dialog.epochs.value == ""
        assert dialog.epochs.placeholder == "by steps"
        dialog.epochs.focus()
        await pilot.press("2")
        await until(pilot, lambda: not dialog.steps.value)
        assert (dialog.recipe().steps, dialog.recipe().epochs) == (None, 2.0)
        await pilot.press("backspace")
        await until(pilot, lambda: dialog.epochs.placeholder == as_text(shown.epochs))
        assert (dialog.recipe().steps, dialog.recipe().epochs) == (None, shown.epochs)
        dialog.steps.focus()
        await pilot.press("9")
        await until(pilot, lambda: dialog.epochs.placeholder == "by steps")
        assert (dialog.recipe().steps, dialog.recipe().epochs) == (9, shown.epochs)


async def test_the_corpus_that_was_filled_last_is_offered_where_none_was_chosen(home: Home) -> None:
    toy_corpus(home).close()
    with CorpusStore(home.corpus_db) as store:
        store.create("zz")
        store.add("zz", [Paper(id="2401.00001", title="Speech")])
    with sqlite3.connect(home.corpus_db) as database:
        database.execute("UPDATE corpora SET updated = '2024' WHERE name != 'zz'")
    async with opened(home, "train").run_test(size=(100, 40), notifications=True) as pilot:
        dialog = await new_run(pilot)
        await until(pilot, lambda: dialog.corpus.value == "zz")


@pytest.mark.slow
async def test_an_impossible_value_is_refused_at_its_field(home: Home) -> None:
    toy_corpus(home).close()
    async with opened(home, "train").run_test(size=(100, 50), notifications=True) as pilot:
        dialog = await unfolded(pilot)
        dialog.base.value = str(toy_base(home))
        await until_shown(pilot, "learning_rate", "a number above 0 to 1")
        rate = dialog.form.query_one("#set-learning_rate", Input)
        for value in ("hot", "-1", "0", "nan", "1e999"):
            rate.value = value
            await until_shown(pilot, f"not '{value}'", "✕ must be a number above 0 to 1")
            await pilot.press("ctrl+r")
            await pilot.pause(0.2)
            assert pilot.app.screen is dialog
        rate.value = "0.001"
        await until_gone(pilot, "must be a number")
        for steps in ("0", "many", "1.5"):
            dialog.steps.value = steps
            await until_shown(pilot, "steps must be a whole number")
        dialog.steps.value = ""
        await until_gone(pilot, "must be")
    assert not list_jobs(home.jobs, "run")


async def test_a_base_model_that_is_none_is_refused_before_the_start(home: Home) -> None:
    toy_corpus(home).close()
    (home.data / "empty").mkdir()
    async with opened(home, "train").run_test(size=(100, 40), notifications=True) as pilot:
        dialog = await new_run(pilot)
        for base, complaint in (
            ("/no/such/folder", "no model folder"),
            ("", "needs a base model"),
            ("a b c", "There is no model"),
            ("../x", "no model folder"),
        ):
            dialog.base.value = base
            await until_shown(pilot, complaint)
            await pilot.press("ctrl+r")
            await pilot.pause(0.2)
            assert pilot.app.screen is dialog
    assert not list_jobs(home.jobs, "run")


async def test_without_a_corpus_it_says_what_to_do_first(home: Home) -> None:
    async with opened(home, "train").run_test(size=(100, 40), notifications=True) as pilot:
        await new_run(pilot)
        await until_shown(pilot, "no corpus to train on yet")
        await pilot.press("ctrl+r")
        await pilot.pause(0.2)
        assert isinstance(pilot.app.screen, NewRunDialog)
        await pilot.press("escape")
        assert not isinstance(pilot.app.screen, NewRunDialog)


async def test_before_the_start_it_says_what_the_run_would_be(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    forecast_at_once(
        monkeypatch,
        examples=2974,
        heldout=151,
        tokens=51_890,
        steps=84,
        epochs=3.0,
        seconds=600.0,
        memory=1_000_000_000,
        free=19_600_000_000,
        device="CPU, 1 thread, bf16",
        shown=[("<|endoftext|>", "Speech [/b] \x1b[31m R[0,1]<|endoftext|>")],
    )
    toy_corpus(home).close()
    async with opened(home, "train").run_test(size=(110, 40), notifications=True) as pilot:
        dialog = await new_run(pilot)
        dialog.base.value = str(toy_base(home))
        await until_shown(pilot, "2,974 examples", "51,890 tokens", "84 steps (3 epochs)")
        await until_shown(pilot, "about 10 min", "1.0 GB of 19.6 GB free", "CPU, 1 thread, bf16")
        await until_shown(pilot, "<|endoftext|>Speech [/b] \ufffd[31m R[0,1]<|endoftext|>")


async def test_a_run_that_cannot_fit_is_refused_with_what_would(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = "It needs about 99.0 GB and 1.0 GB are free: take a smaller base model."
    forecast_at_once(monkeypatch, examples=10, problem=problem)
    toy_corpus(home).close()
    async with opened(home, "train").run_test(size=(110, 40), notifications=True) as pilot:
        dialog = await new_run(pilot)
        dialog.base.value = str(toy_base(home))
        await until_shown(pilot, "It needs about 99.0 GB")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: text_of(pilot).count("It needs about 99.0 GB") == 2)
        assert pilot.app.screen is dialog
    assert not list_jobs(home.jobs, "run")


@pytest.mark.slow
async def test_a_run_learns_from_the_starred_titles(home: Home) -> None:
    toy_corpus(home).close()
    folder = home.jobs / "run" / "first"
    folder.mkdir(parents=True)
    settings = Settings(mode="shortlist", welcome=False)
    settings.generate.model = "first@20"
    with Library.open(home) as library:
        for number in range(9):
            library.star(f"A starred title number {number}")
        async with TitletuiApp(home, settings).run_test(
            size=(110, 40), notifications=True
        ) as pilot:
            await until_shown(pilot, "A starred title number 8")
            await pilot.press("T")
            await until_shown(pilot, "star 1 more")
            library.star("A starred title number 9")
            await until_shown(pilot, "★ 10")
            await pilot.press("T")
            dialog = await until_open(pilot, NewRunDialog)
            await until(pilot, lambda: dialog.corpus.value == "★ shortlist")
            assert dialog.corpus.options == ["toy", "★ shortlist"]
            await until(pilot, lambda: dialog.preset.value == "starred-titles")
            assert dialog.base.value == "first@20"
            assert dialog.epochs.value == "5"
            dialog.corpus.value = "toy"
            await until(pilot, lambda: dialog.preset.value == "starter-titles")
            dialog.corpus.value = "★ shortlist"
            await until(pilot, lambda: dialog.preset.value == "starred-titles")
            dialog.base.value = str(toy_base(home))
            dialog.epochs.value = "1"
            await pilot.press("ctrl+r")
            await until(pilot, lambda: pilot.app.screen is not dialog)
            await until_shown(pilot, "shortlist-1")
    (job,) = [job for job in list_jobs(home.jobs, "run") if job.name != "first"]
    await asyncio.to_thread(wait_until, lambda: job.state is State.DONE)
    assert (job.work(RunSpec).papers, job.work(RunSpec).corpus) == (10, "★ shortlist")


@pytest.mark.slow
async def test_a_start_that_is_asked_for_twice_starts_one_run(home: Home) -> None:
    toy_corpus(home).close()
    go_on = threading.Event()
    async with opened(home, "train").run_test(size=(110, 40), notifications=True) as pilot:
        dialog = await new_run(pilot)
        dialog.base.value = str(toy_base(home))
        dialog.steps.value = "3"
        await until_shown(pilot, "10 examples")
        slow = asyncio.create_task(app_of(pilot).corpora.run(lambda _: go_on.wait(60)))
        await pilot.press("ctrl+r", "ctrl+r")
        assert pilot.app.screen is dialog
        go_on.set()
        await slow
        await until(pilot, lambda: pilot.app.screen is not dialog)
        await until_shown(pilot, "toy-1")
    (job,) = list_jobs(home.jobs, "run")
    await asyncio.to_thread(wait_until, lambda: job.state is State.DONE)


async def test_a_low_terminal_keeps_its_lines_for_the_figures(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    forecast_at_once(monkeypatch, examples=90, shown=[("<|endoftext|>", "Speech<|endoftext|>")])
    toy_corpus(home).close()
    async with opened(home, "train").run_test(size=(100, 20)) as pilot:
        dialog = await new_run(pilot)
        await until_shown(pilot, "90 examples")
        assert "endoftext" not in str(dialog.query_one("#estimate", StableStatic).content)


async def test_what_was_set_stays_set_when_the_settings_are_folded_and_unfolded(
    home: Home,
) -> None:
    toy_corpus(home).close()
    async with opened(home, "train").run_test(size=(100, 40)) as pilot:
        dialog = await unfolded(pilot)
        dialog.form.query_one("#set-seed", Input).value = "77"
        fold = dialog.query_one(Collapsible)
        for folded in (True, False):
            fold.collapsed = folded
            await pilot.pause(0.1)
        assert len(dialog.query(RecipeForm)) == 1
        assert dialog.recipe().seed == 77


async def test_a_model_from_nothing_is_no_model_that_must_be_found(home: Home) -> None:
    toy_corpus(home).close()
    async with opened(home, "train").run_test(size=(100, 40)) as pilot:
        dialog = await new_run(pilot)
        dialog.base.value = "no/such/model/at/all"
        await until_shown(pilot, "✕")
        dialog.base.value = "new"
        await until_gone(pilot, "✕")
        await until_shown(pilot, "10 examples")


async def test_a_choice_with_nothing_to_choose_from_stays_empty(home: Home) -> None:
    async with opened(home, "train").run_test(size=(100, 40)) as pilot:
        dialog = await new_run(pilot)
        await until_shown(pilot, "no corpus to train on yet")
        dialog.corpus.focus()
        await until(pilot, lambda: dialog.corpus.has_focus)
        await pilot.press("right", "left", "a")
        assert dialog.corpus.value == ""
        dialog.preset.focus()
        before = dialog.preset.value
        await pilot.press("z")
        assert dialog.preset.value == before


@pytest.mark.slow
async def test_a_run_is_started_watched_to_its_end_and_continued(home: Home) -> None:
    toy_corpus(home).close()
    base = toy_base(home)
    async with opened(home, "train").run_test(size=(110, 40), notifications=True) as pilot:
        dialog = await unfolded(pilot)
        dialog.base.value = str(base)
        for name, value in QUICK.items():
            if name in FIELDS:
                field = dialog.form.query_one(f"#set-{name}")
                assert isinstance(field, Input | Choice)
                field.value = value
        dialog.steps.value = "12"
        dialog.run_name.value = "first run"
        await pilot.press("ctrl+r")
        await until(pilot, lambda: pilot.app.screen is not dialog)
        await until_shown(pilot, "first run")
        (job,) = list_jobs(home.jobs, "run")
        assert job.work(RunSpec).recipe.steps == 12
        assert job.work(RunSpec).recipe.batch_tokens == 128
        await until(pilot, lambda: job.state is State.DONE)
        await until_shown(pilot, "✓ first run", "12/12", "held-out", "━━ average")
        await pilot.press("C")
        again = await until_open(pilot, NewRunDialog)
        await until(pilot, lambda: again.corpus.value == "toy")
        assert again.base.value == "first run"
        await until_gone(pilot, "✕")
        await pilot.press("escape", "enter")
        await until(pilot, lambda: app_of(pilot).current_mode == "generate")
        assert app_of(pilot).settings.generate.model.startswith("first run")
    assert os.path.exists(job.model / "model.safetensors")
