"""The Train screen at its edges: no run, runs without a model or a plan, the mouse, the form."""

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Collapsible, Input

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
from tests.support.pilot import train_screen as screen_of
from tests.support.run_folders import held, run_folder
from tests.support.training_runs import toy_corpus
from titletui.jobs.event_log import EventLog
from titletui.jobs.events import Overfit
from titletui.jobs.job import JobResult, State, list_jobs
from titletui.paths import Home
from titletui.settings import Settings
from titletui.tui.app import TitletuiApp
from titletui.tui.dialogs.prompt import PromptDialog
from titletui.tui.train.log_dialog import LogDialog
from titletui.tui.train.metrics_dialog import MetricsDialog
from titletui.tui.train.new_run_dialog import NewRunDialog
from titletui.tui.train.run_list import RunList
from titletui.tui.widgets.choice import Choice

DONE = JobResult(outcome="done")


async def new_run(pilot: Pilot[int]) -> NewRunDialog:
    await until_shown(pilot, "No run yet")
    await pilot.press("n")
    dialog = await until_open(pilot, NewRunDialog)
    await until(pilot, lambda: dialog.corpus.value)
    return dialog


async def test_keys_for_a_run_do_no_harm_where_there_is_none(home: Home) -> None:
    async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "No run yet")
        screen = screen_of(pilot)
        for action in ("compare", "continue_run", "stop_or_resume", "generate", "delete",
                       "rename", "figures", "log", "go_on", "preview(-1)"):  # fmt: skip
            await screen.run_action(action)
            await pilot.pause()
        assert pilot.app.screen is screen
        assert "No run yet" in text_of(pilot)


async def test_a_stopped_run_without_a_checkpoint_cannot_be_continued(home: Home) -> None:
    run_folder(home, "a-1", [3.0] * 10, steps=500, ended=JobResult(outcome="stopped"))
    async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "■ a-1")
        await pilot.press("C")
        await until_shown(pilot, "a-1 has no model yet; n starts a new run.")
        assert pilot.app.screen is screen_of(pilot)


async def test_space_goes_on_with_a_run_that_was_stopped(home: Home) -> None:
    job = run_folder(home, "a-1", [3.0] * 10, steps=500, ended=JobResult(outcome="stopped"))
    began = job.began
    async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "■ a-1")
        await pilot.press("space")
        await until(pilot, lambda: job.began != began)


async def test_a_click_on_the_highlighted_run_takes_its_model(home: Home) -> None:
    run_folder(home, "a-1", [3.0] * 40, ended=DONE)
    async with opened(home, "train").run_test(size=(100, 30)) as pilot:
        await until_shown(pilot, "✓ a-1")
        await pilot.click(RunList, offset=(5, 0), times=2)
        await until(pilot, lambda: app_of(pilot).current_mode == "generate")
        assert app_of(pilot).settings.generate.model == "a-1"


async def test_a_pinned_run_that_is_deleted_leaves_the_chart(home: Home) -> None:
    run_folder(home, "other", [2.0] * 60, ended=DONE)
    run_folder(home, "a-1", [3.0] * 60, ended=DONE)
    async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "▸ ✓ a-1")
        await pilot.press("v")
        await until(pilot, lambda: screen_of(pilot).runs.pinned == "a-1")
        await pilot.press("x", "y")
        await until(pilot, lambda: [job.name for job in list_jobs(home.jobs)] == ["other"])
        await until(pilot, lambda: screen_of(pilot).runs.pinned == "")
        await until_shown(pilot, "▸ ✓ other")


async def test_the_palette_goes_to_a_run_by_name(home: Home) -> None:
    for name in ("old", "newer"):
        run_folder(home, name, [3.0] * 60, ended=DONE)
    async with opened(home, "train").run_test(size=(100, 30)) as pilot:
        await until_shown(pilot, "▸ ✓ newer")
        await pilot.press("ctrl+p", *"Run: old")
        await until_shown(pilot, "Run: old")
        await pilot.press("enter")
        await until_shown(pilot, "▸ ✓ old")


async def test_of_several_runs_the_one_that_moves_is_shown_anew(home: Home) -> None:
    run_folder(home, "done-1", [3.0] * 60, ended=DONE)
    job = run_folder(home, "a-1", [3.0] * 10, steps=500)
    with held(job):
        async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
            await until_shown(pilot, "● a-1", "✓ done-1")
            with EventLog(job.events) as log:
                log.append(Overfit(step=10, average=0.05, threshold=0.1, copies=0.4))
            await until_shown(pilot, "⚠ overfit")
        assert job.state is State.RUNNING


async def test_figures_of_a_run_without_a_plan_or_a_heldout_loss_are_shown(home: Home) -> None:
    run_folder(home, "young", [3.0] * 10, steps=500, ended=JobResult(outcome="stopped"))
    bad = run_folder(home, "bad", [3.0] * 10, ended=DONE)
    (bad.path / "spec.json").write_text("{")
    async with opened(home, "train").run_test(size=(100, 40)) as pilot:
        await until_shown(pilot, "■ young", "? bad")
        for _ in range(2):
            await pilot.press("i")
            await until_open(pilot, MetricsDialog)
            await until_shown(pilot, "state")
            assert "held-out by step" not in text_of(pilot)
            await pilot.press("escape", "L")
            await until_open(pilot, LogDialog)
            await until_shown(pilot, "state:")
            await pilot.press("escape", "j")


async def test_the_log_of_a_run_that_goes_on_says_no_end(home: Home) -> None:
    job = run_folder(home, "a-1", [3.0] * 10, steps=500)
    job.log.write_text("loading the model\n")
    with held(job):
        async with opened(home, "train").run_test(size=(100, 40)) as pilot:
            await until_shown(pilot, "● a-1")
            await pilot.press("L")
            dialog = await until_open(pilot, LogDialog)
            await until_shown(pilot, "state: running", "loading the model")
            await pilot.press("c")
            assert app_of(pilot).clipboard.splitlines()[1:] == [
                "state: running", "", "loading the model"
            ]  # fmt: skip
            assert pilot.app.screen is dialog


async def test_figures_say_what_a_run_goes_on_from(home: Home) -> None:
    run_folder(home, "a-2", [3.0] * 10, ended=DONE, parent="a-1@200")
    async with opened(home, "train").run_test(size=(100, 40)) as pilot:
        await until_shown(pilot, "✓ a-2")
        await pilot.press("i")
        await until_shown(pilot, "goes on from", "a-1@200")


async def test_figures_are_those_of_the_run_that_was_gone_to_just_before(home: Home) -> None:
    for name, loss in (("old", 2.0), ("newer", 3.0)):
        run_folder(home, name, [loss] * 60, ended=DONE)
    async with opened(home, "train").run_test(size=(100, 40)) as pilot:
        await until_shown(pilot, "▸ ✓ newer")
        screen = screen_of(pilot)
        screen.runs.highlighted = 1
        await screen.run_action("figures")
        await until_shown(pilot, "Figures of old")


async def test_whoever_is_sent_to_a_run_finds_it_and_what_was_asked_of_it(home: Home) -> None:
    for name in ("old", "newer"):
        run_folder(home, name, [3.0] * 60, ended=DONE)
    async with opened(home, "shortlist").run_test(size=(100, 40), notifications=True) as pilot:
        await until_shown(pilot, "Nothing starred")
        await app_of(pilot).open_mode("train", "old", "figures")
        await until_open(pilot, MetricsDialog)
        await until_shown(pilot, "Figures of old")
        await pilot.press("escape")
        await until_shown(pilot, "▸ ✓ old")
        await app_of(pilot).open_mode("train", "older", "delete")
        await until_shown(pilot, "There is no run older any more.")
        assert len(pilot.app.screen_stack) == 1


async def test_a_name_that_another_run_has_is_refused_and_the_run_keeps_its_own(
    home: Home,
) -> None:
    for name in ("taken", "a-1"):
        run_folder(home, name, [3.0] * 60, ended=DONE)
    async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "▸ ✓ a-1")
        await pilot.press("R")
        (await until_open(pilot, PromptDialog)).query_one(Input).value = "taken"
        await pilot.press("enter")
        await until_shown(pilot, "There is a run named taken already")
        await pilot.press("escape")
        await until_shown(pilot, "▸ ✓ a-1", "✓ taken")
    assert {job.name for job in list_jobs(home.jobs)} == {"taken", "a-1"}


async def test_leaving_tells_of_the_runs_that_go_on_and_of_no_other(home: Home) -> None:
    jobs = [run_folder(home, name, [3.0] * 10, steps=500) for name in ("a-1", "b-1")]
    app = opened(home, "train")
    with held(jobs[0]):
        async with app.run_test(size=(100, 30), notifications=True) as pilot:
            with held(jobs[1]):
                await until_shown(pilot, "● a-1", "● b-1")
                await until(pilot, lambda: len(app.shown_jobs) == 2)
                jobs[1].record_exit(DONE, jobs[1].began)
            await until(pilot, lambda: len(app.shown_jobs) == 1)
            await pilot.press("q")
    assert app.goodbye == ["a-1 trains on; `titletui` shows it again."]


async def test_enter_walks_through_the_form_and_the_button_starts(home: Home) -> None:
    toy_corpus(home).close()
    async with opened(home, "train").run_test(size=(100, 40), notifications=True) as pilot:
        dialog = await new_run(pilot)
        dialog.base.value = "/no/such/model"
        dialog.steps.focus()
        await pilot.press("enter")
        await until(pilot, lambda: dialog.epochs.has_focus)
        await until_shown(pilot, "There is no model folder")
        button = dialog.query_one("#start", Button)
        button.focus()
        await pilot.press("enter")
        await pilot.click("#start")
        await pilot.pause(0.2)
        assert pilot.app.screen is dialog
    assert not list_jobs(home.jobs, "run")


async def test_a_choice_in_the_form_is_turned_by_a_click_and_by_its_letter(home: Home) -> None:
    toy_corpus(home).close()
    async with opened(home, "train").run_test(size=(100, 60), notifications=True) as pilot:
        dialog = await new_run(pilot)
        dialog.query_one(Collapsible).collapsed = False
        await until(pilot, lambda: dialog.query("#set-method"))
        method = dialog.form.query_one("#set-method", Choice)
        method.focus()
        await until(pilot, lambda: method.has_focus)
        await pilot.press("l")
        await until(pilot, lambda: method.value == "lora")
        assert dialog.recipe().method == "lora"
        await pilot.click(method, offset=(0, 0))
        await until(pilot, lambda: method.value == "full")
        await pilot.press("9", "f")
        assert method.value == "full"


async def test_what_a_run_leaves_out_and_how_its_prompt_reads_are_told(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy_corpus(home).close()
    shown = [("Abstract: " + "very " * 40, "A Title")]
    async with opened(home, "train").run_test(size=(100, 40)) as pilot:
        forecast_at_once(
            monkeypatch, examples=90, left_out=7, note="Trial steps failed.", shown=shown
        )
        dialog = await new_run(pilot)
        dialog.base.value = "starter"
        await until_shown(pilot, "7 papers left out", "Trial steps failed.", "very very…A Title")
        forecast_at_once(monkeypatch, examples=91)
        dialog.query_one("#steps", Input).value = "77"
        await until_shown(pilot, "91 examples", "measuring a few steps")


async def test_that_a_run_is_overfit_is_rung_and_said_on_every_screen(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[bool] = []
    job = run_folder(home, "a-1", [0.2] * 10, steps=500)
    app = TitletuiApp(home, Settings(mode="shortlist", welcome=False, bell=True))
    monkeypatch.setattr(app, "bell", lambda: rung.append(True))
    with held(job):
        async with app.run_test(size=(100, 30), notifications=True) as pilot:
            await until_shown(pilot, "● a-1 step 10")
            with EventLog(job.events) as log:
                log.append(Overfit(step=10, average=0.05, threshold=0.1, copies=0.4))
            await until_shown(pilot, "a-1 is overfit: it has memorized its titles.")
            await until_shown(pilot, "step 10 loss 0.20 overfit")
            await pilot.press("q")
    assert rung == [True]
    assert app.goodbye == ["a-1 trains on; `titletui` shows it again."]


async def test_jobs_that_do_not_fit_the_line_are_counted(home: Home) -> None:
    long = "a run with a name that is far too long for any line"
    jobs = [run_folder(home, f"{long} {n}", [3.0] * 10, steps=500) for n in (1, 2)]
    with held(jobs[0]), held(jobs[1]):
        async with opened(home, "shortlist").run_test(size=(60, 20)) as pilot:
            await until_shown(pilot, "● a run with", "+1 more", "starter")
            await pilot.resize_terminal(140, 20)
            await until_shown(pilot, f"{long} 2 step 10", "+1 more")
            await pilot.resize_terminal(200, 20)
            await until_gone(pilot, "+1 more")
