"""The Train screen shows what the logs say, and every key does what its tooltip says."""

import math

import pytest

from tests.support.hostile_texts import HOSTILE
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
from tests.support.run_folders import held, overfit_run, run_folder
from titletui.jobs.event_log import EventLog
from titletui.jobs.events import Evaluated, HeldoutRising, Note, Overfit
from titletui.jobs.job import JobResult, State, list_jobs
from titletui.paths import Home
from titletui.tui.app import TitletuiApp
from titletui.tui.dialogs.confirm import ConfirmDialog
from titletui.tui.train.checkpoint_dialog import CheckpointDialog
from titletui.tui.train.log_dialog import LogDialog
from titletui.tui.train.loss_chart.widget import LossChart
from titletui.tui.train.metrics_dialog import MetricsDialog
from titletui.tui.train.new_run_dialog import NewRunDialog

FALLING = [5.0 * 0.99**step + 1.0 for step in range(212)]


def chart_text(app: TitletuiApp) -> str:
    chart = screen_of(app).query_one(LossChart)
    return "\n".join("".join(char for char, _ in row) for row in chart.cells())


async def test_without_runs_it_says_what_to_press(home: Home) -> None:
    async with opened(home, "train").run_test(size=(80, 24), notifications=True) as pilot:
        await until_shown(pilot, "No run yet", "n fine-tunes a model")


async def test_every_run_is_listed_with_its_state_and_its_loss(home: Home) -> None:
    run_folder(home, "stopped-1", FALLING[:50], steps=500, ended=JobResult(outcome="stopped"))
    run_folder(home, "nan-1", [3.0, math.nan], ended=JobResult(outcome="failed", reason="diverged"))
    run_folder(home, "done-1", FALLING, ended=JobResult(outcome="done"))
    running = run_folder(home, "eess-as-1", FALLING, steps=500)
    with held(running):
        async with opened(home, "train").run_test(size=(80, 24), notifications=True) as pilot:
            await until_shown(
                pilot, "● eess-as-1", "✓ done-1", "× nan-1", "diverged", "■ stopped-1"
            )
            await until_shown(pilot, "212/500", "ETA 6 min", "812 tok/s", "overfit 0.1")


async def test_a_run_that_began_elsewhere_is_shown_from_its_first_step(home: Home) -> None:
    job = run_folder(home, "elsewhere-1", FALLING, steps=500)
    with held(job):
        async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
            await until(pilot, lambda: "200" in chart_text(app_of(pilot)))
            panel = screen_of(app_of(pilot)).panel
            line = panel.chart._runs["elsewhere-1"]
            assert line.loss.xs == [float(step) for step in range(1, 213)]
            assert line.loss.ys == pytest.approx(FALLING)


@pytest.mark.fault("F32")
async def test_an_overfit_run_says_so_and_says_it_again_after_reopening(home: Home) -> None:
    overfit_run(home)
    for _ in range(2):
        async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
            await until_shown(
                pilot, "has memorized its titles since step 431", "0.097, under 0.1", "⚠ overfit"
            )
            panel = screen_of(app_of(pilot)).panel
            assert panel.has_class("-warns")
            assert panel.styles.border_top[0] == "heavy"
            await pilot.press("o")
            await until(pilot, lambda: "0.097" not in text_of(pilot))
            assert "⚠ overfit" in text_of(pilot)


async def test_a_running_overfit_run_offers_to_stop_and_to_go_on(home: Home) -> None:
    event = Overfit(step=40, average=0.099, threshold=0.1, copies=0.5)
    job = run_folder(home, "over", [0.09] * 50, steps=500, more=[event])
    with held(job):
        async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
            await until_shown(pilot, "space stops it", "o goes on")
            await pilot.press("space")
            await until(pilot, lambda: job.stop_requested)


@pytest.mark.fault("F31")
async def test_a_diverged_run_is_never_shown_as_zero_nor_as_overfit(home: Home) -> None:
    losses = [3.0] * 60 + [math.nan]
    ended = JobResult(
        outcome="failed", reason="diverged at step 61", advice="Lower the learning rate."
    )
    run_folder(home, "nan-1", losses, ended=ended)
    async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "diverged at step 61", "loss not a number", "✕")
        text = text_of(pilot)
        assert "loss 0" not in text
        assert "⚠ overfit" not in text
        assert "repeat its titles" not in text


@pytest.mark.fault("F32")
async def test_a_loss_of_exactly_zero_is_shown_as_zero(home: Home) -> None:
    run_folder(home, "zero-1", [1.0] * 30 + [0.0] * 30, ended=JobResult(outcome="done"))
    async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "exactly 0", "loss 0 ")
        assert "not a number" not in text_of(pilot)


async def test_a_failed_run_shows_reason_advice_and_log(home: Home) -> None:
    ended = JobResult(
        outcome="failed", code=1, reason="out of GPU memory", advice="Use a smaller batch."
    )
    job = run_folder(home, "oom-1", [], steps=500, ended=ended)
    job.log.write_text("loading\nCUDA says [/b] no \x1b[31m\n")
    async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "out of GPU memory. Use a smaller batch.", "[/b] no \ufffd")
        await pilot.press("L")
        await until_open(pilot, LogDialog)
        await until_shown(pilot, "state: failed", "loading")
        await pilot.press("c", "escape")
        await until(pilot, lambda: pilot.app.screen is screen_of(app_of(pilot)))
        assert "out of GPU memory" in app_of(pilot).clipboard


async def test_a_rising_heldout_loss_is_a_warning_of_its_own(home: Home) -> None:
    ended = JobResult(outcome="done")
    run_folder(home, "up-1", FALLING, more=[HeldoutRising(step=200, best=50)], ended=ended)
    async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "The held-out loss is above its best since")


async def test_y_and_z_change_the_axes(home: Home) -> None:
    run_folder(home, "a-1", FALLING, ended=JobResult(outcome="done"))
    async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "overfit 0.1", "200")
        log = chart_text(app_of(pilot))
        await pilot.press("y")
        linear = chart_text(app_of(pilot))
        assert log != linear
        await pilot.press("y")
        assert chart_text(app_of(pilot)) == log
        await pilot.press("z", "z")
        assert "overfit 0.1" in chart_text(app_of(pilot))
        assert chart_text(app_of(pilot)) != log
        await pilot.press("z")
        assert chart_text(app_of(pilot)) == log


async def test_the_chart_is_read_by_keyboard_on_the_whole_screen(home: Home) -> None:
    run_folder(home, "a-1", FALLING, ended=JobResult(outcome="done"))
    async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "Runs", "overfit 0.1", "200")
        await pilot.press("f")
        await until_gone(pilot, "Runs")
        await pilot.press("left")
        await until_shown(pilot, "step 212 ", "loss", "average", "held-out 1.8")
        await pilot.press("left")
        await until_shown(pilot, "step 210 ")
        await pilot.press("right")
        await until_shown(pilot, "step 212 ")
        await pilot.press("left")
        await pilot.press("plus", "plus")
        await until_shown(pilot, "step 210 ", "180")
        assert "─50─" not in text_of(pilot)
        await pilot.press("shift+left", "shift+left")
        await until_gone(pilot, "─200")
        await pilot.press("shift+right", "shift+right")
        await until_shown(pilot, "─200")
        await pilot.press("minus", "minus")
        await until_shown(pilot, "50─", "─200")
        await pilot.press("left", "escape", "escape")
        await until_shown(pilot, "Runs")
        await until_gone(pilot, "step 2")


async def test_brackets_walk_through_earlier_titles(home: Home) -> None:
    job = run_folder(home, "a-1", FALLING, every=100, ended=JobResult(outcome="done"))
    async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "200  A Title")
        await pilot.press("left_square_bracket")
        await until_shown(pilot, "100  A Title", "‹ earlier")
        await pilot.press("right_square_bracket")
        await until_shown(pilot, "200  A Title")
    assert job.state is State.DONE


async def test_i_shows_every_figure_the_recipe_and_the_words(home: Home) -> None:
    measured = Evaluated(
        step=212,
        figures={"copies": 0.07, "unique": 0.98, "rougeL": 0.31, "baseline_rougeL": 0.22},
        words={"corpus": [("speech", 40), ("[/b]", 3)], "samples": [("speech", 44)]},
    )
    notes = [Note(text="a checkpoint was damaged \x1b[31m [/]", level="warning")]
    run_folder(home, "a-1", FALLING, more=[measured, *notes], ended=JobResult(outcome="done"))
    async with opened(home, "train").run_test(size=(110, 50), notifications=True) as pilot:
        await until_shown(pilot, "✓ a-1")
        await pilot.press("i")
        await until_open(pilot, MetricsDialog)
        await until_shown(pilot, "unique 98%", "baseline ROUGE-L", "0.22", "starter-titles")
        await until_shown(pilot, "copies", "7%")
        await until_shown(pilot, "held-out by step", "●", "bits/char", "1.50", "[/b]", "44")
        await until_shown(pilot, "a checkpoint was damaged \ufffd[31m [/]")
        await pilot.press("c", "j", "escape")
        assert "baseline ROUGE-L" in app_of(pilot).clipboard


async def test_space_on_a_run_that_is_done_says_what_to_do(home: Home) -> None:
    run_folder(home, "a-1", FALLING, ended=JobResult(outcome="done"))
    async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "✓ a-1")
        await pilot.press("space")
        await until_shown(pilot, "a-1 is done; C trains its model further")


async def test_x_asks_and_only_a_yes_deletes(home: Home) -> None:
    job = run_folder(home, "a-1", FALLING, ended=JobResult(outcome="done"))
    async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "✓ a-1")
        await pilot.press("x")
        await until_open(pilot, ConfirmDialog)
        await until_shown(pilot, "Delete the run a-1?", "cannot be brought back")
        await pilot.press("n")
        await until(pilot, lambda: pilot.app.screen is screen_of(app_of(pilot)))
        assert job.path.exists()
        await pilot.press("x", "y")
        await until(pilot, lambda: not job.path.exists())
        await until_shown(pilot, "No run yet")


async def test_a_running_run_is_neither_deleted_nor_renamed(home: Home) -> None:
    job = run_folder(home, "a-1", FALLING)
    with held(job):
        async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
            await until_shown(pilot, "● a-1")
            await pilot.press("x")
            await until_shown(pilot, "a-1 is running; stop it first")
            await pilot.press("R")
            assert pilot.app.screen is screen_of(app_of(pilot))
    assert job.path.exists()


async def test_a_run_is_renamed_but_never_onto_another_nor_out_of_its_folder(home: Home) -> None:
    run_folder(home, "taken", FALLING, ended=JobResult(outcome="done"))
    job = run_folder(home, "a-1", FALLING, ended=JobResult(outcome="done"))
    async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "▸ ✓ a-1")
        for name in ("../x", "a/b", ".hidden", "taken"):
            await pilot.press("R")
            await until(pilot, lambda: pilot.app.screen is not screen_of(app_of(pilot)))
            pilot.app.screen.query_one("Input").value = name  # type: ignore[attr-defined]
            await pilot.press("enter")
            await pilot.pause(0.2)
            while pilot.app.screen is not screen_of(app_of(pilot)):
                await pilot.press("escape")
                await pilot.pause(0.05)
            assert job.path.exists()
        await pilot.press("R")
        await until(pilot, lambda: pilot.app.screen is not screen_of(app_of(pilot)))
        pilot.app.screen.query_one("Input").value = "better"  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until_shown(pilot, "✓ better")
    assert {found.name for found in list_jobs(home.jobs, "run")} == {"better", "taken"}


async def test_v_shows_two_runs_in_one_chart(home: Home) -> None:
    run_folder(home, "one", FALLING, ended=JobResult(outcome="done"))
    run_folder(home, "two", [x + 1 for x in FALLING], ended=JobResult(outcome="done"))
    async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "▸ ✓ two")
        await pilot.press("v", "j")
        await until(pilot, lambda: "━━ one" in chart_text(app_of(pilot)))
        assert "━  two" in chart_text(app_of(pilot))
        assert "◆" in text_of(pilot)
        await pilot.press("v")
        await until(pilot, lambda: "two" not in chart_text(app_of(pilot)))


async def test_enter_goes_to_generate_with_the_run_as_model(home: Home) -> None:
    run_folder(home, "a-1", [3.0] * 100, ended=JobResult(outcome="done"))
    async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "✓ a-1", "best at 50")
        await pilot.press("enter")
        await until_open(pilot, CheckpointDialog)
        await pilot.press("b")
        await until(pilot, lambda: pilot.app.current_mode == "generate")
        assert app_of(pilot).settings.generate.model == "a-1@50"


async def test_a_run_without_a_checkpoint_cannot_write_yet(home: Home) -> None:
    job = run_folder(home, "a-1", [3.0] * 10, steps=500)
    with held(job):
        async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
            await until_shown(pilot, "● a-1")
            await pilot.press("enter")
            await until_shown(pilot, "a-1 has no checkpoint yet")
            await pilot.press("C")
            await until_shown(pilot, "a-1 still runs")
            assert pilot.app.screen is screen_of(app_of(pilot))


async def test_continue_opens_a_new_run_that_begins_with_the_old_one(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    forecast_at_once(monkeypatch)
    run_folder(home, "a-1", FALLING, ended=JobResult(outcome="done"))
    async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "✓ a-1")
        await pilot.press("C")
        await until_open(pilot, NewRunDialog)
        assert isinstance(pilot.app.screen, NewRunDialog)
        assert pilot.app.screen.base.value == "a-1"
        await until_shown(pilot, "Continue a-1")


@pytest.mark.fault("F37")
async def test_damaged_lines_are_counted_and_the_rest_is_shown(home: Home) -> None:
    job = run_folder(home, "a-1", FALLING, steps=500)
    with job.events.open("ab") as file:
        file.write(b'{"type":"step","step":213,\n\x00\xff garbage\n{"type":"step","st')
    async with opened(home, "train").run_test(size=(110, 30), notifications=True) as pilot:
        await until_shown(pilot, "212/500", "unreadable log lines 2")
        with EventLog(job.events) as log:
            log.append(Note(text="on"))
        await until_shown(pilot, "unreadable log lines 3")


@pytest.mark.fault("F41")
async def test_a_run_with_a_damaged_spec_is_listed_with_its_reason(home: Home) -> None:
    run_folder(home, "good", FALLING, ended=JobResult(outcome="done"))
    bad = run_folder(home, "bad", FALLING)
    (bad.path / "spec.json").write_text("{")
    async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "✓ good", "? bad", "unreadable")
        await pilot.press("G")
        await until_shown(pilot, "spec.json is damaged")


@pytest.mark.slow
@pytest.mark.fault("F50")
async def test_hostile_text_is_shown_literally(home: Home) -> None:
    for number, text in enumerate(HOSTILE):
        name = "".join(c for c in text if c.isprintable() and c not in "@/\\")[:40].strip() or "n"
        ended = JobResult(outcome="failed", reason=text, advice=text)
        job = run_folder(
            home, f"{number} {name}", [3.0] * 60, previews=HOSTILE[: number + 1], ended=ended
        )
        job.log.write_text(text)
    async with opened(home, "train").run_test(size=(100, 40), notifications=True) as pilot:
        await until_shown(pilot, "×")
        for _ in HOSTILE:
            await pilot.press("j", "L")
            await pilot.pause(0.1)
            await pilot.press("escape")
            text = text_of(pilot)
            assert not set(text) & set("\x1b\x9b\x07\x7f\x08\u202e\u2066")
        await until_shown(pilot, "[click=", "[link=")
        assert pilot.app.is_running


@pytest.mark.fault("F52")
async def test_any_size_is_survived(home: Home) -> None:
    overfit_run(home)
    async with opened(home, "train").run_test(size=(80, 24), notifications=True) as pilot:
        await until_shown(pilot, "⚠ overfit")
        for size in ((20, 5), (200, 60), (40, 10), (79, 23), (1, 1), (120, 40), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause(0.05)
        await until_shown(pilot, "⚠ overfit")


async def test_a_resumed_run_forgets_the_steps_that_were_undone(home: Home) -> None:
    from titletui.jobs.events import Started, Step

    job = run_folder(home, "a-1", [4.0] * 100, steps=500)
    async with opened(home, "train").run_test(size=(100, 30), notifications=True) as pilot:
        await until_shown(pilot, "100/500")
        with EventLog(job.events) as log:
            log.append(Started(pid=2, step=50, threshold=0.1))
            for step in range(51, 61):
                log.append(Step(step=step, loss=2.0, average=2.5, rate=1e-4))
        await until_shown(pilot, "60/500")
        line = screen_of(app_of(pilot)).panel.chart._runs["a-1"]
        await until(pilot, lambda: line.loss.xs[-1] == 60)
        assert line.loss.ys == [4.0] * 50 + [2.0] * 10
