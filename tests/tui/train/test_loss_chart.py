"""The loss chart draws what was measured: no more, no less."""

import itertools
import math
import time

from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from titletui.tui.train.loss_chart import widget
from titletui.tui.train.loss_chart.braille import CELLS, BrailleCanvas
from titletui.tui.train.loss_chart.downsample import Series
from titletui.tui.train.loss_chart.render import (
    BROKEN,
    DASH,
    GUTTER,
    ZERO,
    Cell,
    Curves,
    View,
    render_chart,
)
from titletui.tui.train.loss_chart.scale import Scale, fit_scale, linear_ticks, tick_label
from titletui.tui.train.loss_chart.widget import LossChart
from titletui.tui.widgets.bars import bar, histogram

NAN = math.nan


def line(losses: list[float], averages: list[float] | None = None, first: int = 1) -> Curves:
    steps = [float(first + at) for at in range(len(losses))]
    made = Curves()
    made.loss.update(steps, losses)
    made.average.update(steps, losses if averages is None else averages)
    return made


def drawn(
    lines: dict[str, Curves],
    *,
    log: bool = True,
    threshold: float | None = 0.1,
    size: tuple[int, int] = (66, 21),
    window: float = 1.0,
) -> list[list[Cell]]:
    return render_chart(lines, *size, View(log=log, threshold=threshold, window=window))


def texts(rows: list[list[Cell]]) -> list[str]:
    return ["".join(char for char, _ in row) for row in rows]


def tick_rows(rows: list[list[Cell]]) -> dict[str, int]:
    return {
        text[: GUTTER - 1].strip(): number
        for number, text in enumerate(texts(rows))
        if text[GUTTER - 1] == "┤"
    }


def columns_with(rows: list[list[Cell]], kind: str) -> set[int]:
    return {at for row in rows for at, (_, name) in enumerate(row) if name.rstrip("+") == kind}


def braille_rows(rows: list[list[Cell]], kind: str) -> set[int]:
    return {
        number
        for number, row in enumerate(rows)
        for char, name in row
        if name.rstrip("+") == kind and "\u2800" < char <= "\u28ff"
    }


def test_every_row_is_as_wide_as_asked_at_every_size() -> None:
    curve = {"a": line([4.0 / (n + 1) for n in range(300)])}
    for width in (14, 20, 41, 80, 200):
        for height in (3, 5, 12, 40):
            rows = drawn(curve, size=(width, height))
            assert len(rows) == height
            assert {len(row) for row in rows} == {width}


def test_equal_ratios_take_equal_room_on_the_log_axis() -> None:
    scale = fit_scale(0.1, 10, 120, log=True, threshold=0.1)
    assert abs((scale.dot(10) - scale.dot(1)) - (scale.dot(1) - scale.dot(0.1))) <= 1
    linear = fit_scale(0, 10, 120, log=False)
    assert abs((linear.dot(10) - linear.dot(5)) - (linear.dot(5) - linear.dot(0))) <= 1


def test_a_flat_loss_is_drawn_on_the_row_of_its_tick() -> None:
    for value, label in ((1.0, "1"), (2.0, "2"), (0.5, "0.5")):
        rows = drawn({"a": line([value] * 50)})
        assert braille_rows(rows, "average") == {tick_rows(rows)[label]}


def test_a_near_threshold_has_its_own_tick_a_dashed_line_and_a_tinted_zone_below() -> None:
    rows = drawn({"a": line([3.0 / n for n in range(1, 20)])}, threshold=0.175)
    edge = tick_rows(rows)["0.175"]
    assert DASH * 8 in texts(rows)[edge]
    tinted = [
        number for number, row in enumerate(rows) if any(name.endswith("+") for _, name in row)
    ]
    assert tinted == list(range(edge + 1, len(rows) - 1))
    assert tinted


def test_a_far_threshold_is_named_at_the_edge_with_its_distance() -> None:
    losses = [4.0 - 1.5 * n / 300 for n in range(300)]
    rows = drawn({"a": line(losses)}, threshold=0.5)
    assert any("▾ overfit, 2 below" in text for text in texts(rows))
    assert not any(DASH in text for text in texts(rows))
    used = braille_rows(rows, "average")
    assert len(used) > 0.7 * len(rows), "the curve fills the chart"
    above = drawn({"a": line([value / 100 for value in losses])}, threshold=0.5)
    assert any("▴ overfit, 0.47 above" in text for text in texts(above))
    assert all(name.endswith("+") for _, name in above[3][GUTTER:]), "all of it is overfit"


def test_ticks_stand_where_the_curve_is() -> None:
    for low, high in ((2.5, 4.0), (0.9, 1.1), (30.0, 90.0), (0.02, 8.0)):
        losses = [low + (high - low) * n / 300 for n in range(300)]
        ticks = [float(label) for label in tick_rows(drawn({"a": line(losses)}, threshold=None))]
        assert len([tick for tick in ticks if low <= tick <= high]) >= 2, (low, high, ticks)


def test_the_longest_label_of_the_threshold_that_fits_is_shown_at_every_width() -> None:
    labels = ("overfit 0.28 = 0.18 memorized + 0.10", "overfit 0.28")
    for width in range(30, 120):
        for losses in ([0.5] * 50, [4.0] * 50):
            view = View(threshold=0.28, labels=labels)
            shown = "\n".join(texts(render_chart({"a": line(losses)}, width, 15, view)))
            assert "overfit 0.28" in shown, width
    assert labels[0] in shown


def test_the_crosshair_reads_the_values_at_its_step() -> None:
    curves = line([4.0, 3.0, 2.0], [4.0, 3.5, 3.0])
    curves.heldout = [(0.0, 5.0), (2.0, 3.25)]
    text = texts(render_chart({"a": curves}, 70, 12, View(cursor=2.0)))
    assert "step 2  loss 3 average 3.5 held-out 3.25" in text[0]
    assert sum("│" in row[GUTTER:] for row in text) >= 8


def test_without_a_threshold_nothing_is_dashed_or_tinted() -> None:
    rows = drawn({"a": line([3.0, 2.0, 1.0])}, threshold=None)
    assert not any(DASH in text for text in texts(rows))
    assert not any(name.endswith("+") for row in rows for _, name in row)


def test_a_loss_that_is_no_number_is_a_gap_and_a_cross() -> None:
    losses = [2.0] * 100
    losses[40:60] = [NAN, math.inf] * 10
    rows = drawn({"a": line(losses)})
    gap = {at for at, (char, _) in enumerate(rows[-2]) if char == BROKEN}
    assert gap
    assert not columns_with(rows, "average") & set(sorted(gap)[1:-1])
    assert not any(ZERO in text for text in texts(rows))
    assert any("not a number" in text for text in texts(rows))


def test_a_loss_of_exactly_zero_is_told_apart_from_no_number() -> None:
    losses = [2.0] * 100
    losses[50] = 0.0
    rows = drawn({"a": line(losses)})
    assert ZERO in texts(rows)[-2]
    assert not any(BROKEN in text for text in texts(rows))
    linear = drawn({"a": line(losses)}, log=False)
    drawn_rows = braille_rows(linear, "average") | braille_rows(linear, "envelope")
    assert max(drawn_rows) >= len(linear) - 3


def test_all_zero_and_all_nan_can_be_drawn() -> None:
    for losses in ([0.0] * 5, [NAN] * 5, [1e-30] * 5, [1e30] * 5, [-1.0, 3.0]):
        for log in (True, False):
            rows = drawn({"a": line(losses)}, log=log)
            assert {len(row) for row in rows} == {66}


def test_a_single_spike_of_ten_thousand_points_stays_visible() -> None:
    losses = [2.0] * 10_000
    losses[7_001] = 50.0
    rows = drawn({"a": line(losses, [2.0] * 10_000)})
    assert min(braille_rows(rows, "envelope")) <= tick_rows(rows)["50"]


def test_the_average_stands_in_front_of_the_envelope() -> None:
    losses = [1.0, 4.0] * 500
    rows = drawn({"a": line(losses, [2.0] * 1000)})
    two = tick_rows(rows)["2"]
    assert all(name == "average" for _, name in rows[two][GUTTER:-1])


def test_held_out_losses_are_marks_and_the_best_one_is_filled() -> None:
    curve = line([3.0] * 100)
    curve.heldout, curve.best = [(25, 2.0), (50, 1.0), (75, 2.0), (100, NAN)], 50
    rows = drawn({"a": curve})
    ticks = tick_rows(rows)
    assert texts(rows)[ticks["2"]].count("○") == 2
    assert texts(rows)[ticks["1"]].replace("● best", "").count("●") == 1


def test_of_held_out_losses_that_stand_close_some_are_left_out_but_never_the_best_or_the_last() -> (
    None
):
    curve = line([3.0] * 600)
    curve.heldout = [(float(step), 2.0) for step in range(1, 601)]
    curve.heldout[299], curve.best = (300.0, 1.0), 300.0
    rows = drawn({"a": curve})
    ticks = tick_rows(rows)
    marks = [at for at, char in enumerate(texts(rows)[ticks["2"]]) if char == "○"]
    assert 10 <= len(marks) <= len(rows[0]) / 2
    assert marks[-1] == len(rows[0]) - 1
    assert texts(rows)[ticks["1"]].replace("● best", "").count("●") == 1


def test_the_numbers_of_the_steps_stand_apart_however_narrow_the_chart() -> None:
    for width in range(GUTTER + 3, 60):
        for steps in (7, 40, 999, 1_000):
            row = texts(drawn({"a": line([2.0] * steps, first=1)}, size=(width, 9)))[-1]
            numbers = [part for part in row[GUTTER:].split("─") if part]
            assert len(row) == width
            assert numbers == sorted(set(numbers), key=float), row
            assert all(float(part) <= steps for part in numbers), row


def test_two_runs_are_told_apart_without_colour() -> None:
    rows = drawn({"one": line([4.0] * 200), "two": line([1.0] * 200)})
    ticks = tick_rows(rows)
    assert len(columns_with(rows, "average")) >= 60
    second = texts(rows)[ticks["1"]][GUTTER:]
    assert second.count(" ") >= len(second) // 3
    assert any("━━ one" in text for text in texts(rows))
    assert any("━  two" in text for text in texts(rows))


def test_the_window_follows_the_tail() -> None:
    rows = drawn({"a": line([1.0] * 1000)}, window=0.1)
    assert "1000" in texts(rows)[-1]
    assert "500" not in texts(rows)[-1]


def test_the_legend_gives_way_to_the_curve() -> None:
    rising = line([0.11 * 1.01**n for n in range(400)])
    text = texts(drawn({"a": rising}, size=(50, 9)))
    curve = [row for row in text if any("\u2800" < char <= "\u28ff" for char in row)]
    assert len(curve) >= 6


def test_ticks_go_in_ones_twos_and_fives() -> None:
    assert linear_ticks(0, 212, 4) == [0, 100, 200]
    assert linear_ticks(0, 10, 5) == [0, 2.5, 5, 7.5, 10] or linear_ticks(0, 10, 5) == [0, 5, 10]
    for high in (3, 7, 49, 500, 12_345, 1e6, 3e-4):
        for most in (2, 4, 9):
            ticks = linear_ticks(0, high, most)
            assert 1 <= len(ticks) <= most
            if len(ticks) > 1:
                step = ticks[1] - ticks[0]
                assert round(step / 10 ** math.floor(math.log10(step)), 6) in (1, 2, 5, 10)
    assert Scale(0.05, 12, 80, log=True).ticks()[:3] == [0.1, 1.0, 10.0]


def test_labels_are_short() -> None:
    labels = [tick_label(value) for value in (0.1, 0.005, 2e-5, 20, 5_000, 50_000, 2e6, 0.0)]
    assert labels == ["0.1", "0.005", "2e-5", "20", "5000", "50k", "2M", "0"]


@given(
    st.lists(
        st.one_of(st.floats(1e-6, 1e6), st.just(0.0), st.just(NAN), st.just(math.inf)),
        min_size=1,
        max_size=700,
    ),
    st.integers(1, 40),
)
def test_folding_in_any_portions_loses_no_extreme(values: list[float], portion: int) -> None:
    steps = [float(at) for at in range(len(values))]
    series = Series()
    for end in range(portion, len(values) + portion, portion):
        series.update(steps[:end], values[:end])
    columns = series.columns(0.0, len(values) / 7, 7)
    finite = [value for value in values if math.isfinite(value)]
    present = [bucket for bucket in columns if bucket]
    assert min((e.low for e in present), default=math.inf) == min(finite, default=math.inf)
    assert max((e.high for e in present), default=-math.inf) == max(finite, default=-math.inf)
    assert any(e.non_finite for e in present) == (len(finite) < len(values))


def test_a_line_that_grew_is_read_as_one_that_was_there_at_once() -> None:
    steps = [float(step) for step in range(3_000)]
    values = [5.0 / (1 + step % 97) for step in range(3_000)]
    grown, whole = Series(), Series()
    for end in range(0, 3_001, 50):
        grown.update(steps[:end], values[:end])
    whole.update(steps, values)
    assert grown.columns(0.0, 100.0, 30) == whole.columns(0.0, 100.0, 30)


def test_a_line_that_was_cut_back_by_a_resume_is_taken_anew() -> None:
    series = Series()
    assert series.update([1.0, 2.0, 3.0], [3.0, 2.0, 1.0])
    assert not series.update([1.0, 2.0, 3.0], [3.0, 2.0, 1.0])
    assert series.update([1.0, 2.0], [3.0, 2.5])
    assert series.ys == [3.0, 2.5]
    assert series.update([1.0, 2.0, 3.0], [3.0, 2.1, 1.9])
    assert series.ys == [3.0, 2.1, 1.9]


@given(st.integers(0, 9), st.integers(0, 15), st.integers(1, 9), st.integers(0, 15))
def test_a_line_of_dots_has_no_holes(column: int, dot: int, across: int, to_dot: int) -> None:
    dots = BrailleCanvas(10, 4)
    dots.line(column, dot, column + across, to_dot) if column + across < 20 else None
    spans = [(bits & -bits, bits) for bits in dots.columns if bits]
    for (_, left), (_, right) in itertools.pairwise(spans):
        assert left & (right | right << 1 | right >> 1)


def test_all_256_patterns_of_dots_are_different_characters() -> None:
    assert len(set(CELLS)) == 256
    assert CELLS[0] == "\u2800"
    assert CELLS[255] == "\u28ff"


class Host(App[None]):
    def compose(self) -> ComposeResult:
        yield LossChart()


async def test_an_empty_chart_says_what_it_waits_for() -> None:
    app = Host()
    async with app.run_test(size=(60, 15)) as pilot:
        chart = app.query_one(LossChart)
        chart.empty = "the model is being loaded [/b]\x1b[31m"
        await pilot.pause()
        shown = "\n".join(chart.render_line(y).text for y in range(15))
        assert "the model is being loaded [/b]" in shown
        assert "\x1b" not in shown


async def test_y_axis_and_threshold_can_be_changed_while_it_is_shown() -> None:
    app = Host()
    async with app.run_test(size=(60, 15)) as pilot:
        chart = app.query_one(LossChart)
        chart.set_curves("a", [1.0, 2.0, 3.0], [5.0, 2.0, 1.0], [5.0, 3.0, 2.0])
        await pilot.pause()
        before = [chart.render_line(y).text for y in range(15)]
        chart.change_view(log=False, threshold=1.5)
        await pilot.pause()
        after = [chart.render_line(y).text for y in range(15)]
        assert before != after
        assert any("1.5┤" in text for text in after)


async def test_many_updates_make_few_frames() -> None:
    app = Host()
    async with app.run_test(size=(60, 15)) as pilot:
        chart = app.query_one(LossChart)
        frames = 0
        paint = chart.cells

        def counted() -> list[list[Cell]]:
            nonlocal frames
            frames += 1
            return paint()

        chart.cells = counted  # type: ignore[method-assign]
        began = time.monotonic()
        steps: list[float] = []
        for step in range(1, 41):
            steps.append(float(step))
            chart.set_curves("a", steps, steps, steps)
            await pilot.pause(0.01)
        await pilot.pause(2 * widget.FRAME)
        spent = time.monotonic() - began
        assert 2 <= frames <= spent / widget.FRAME + 2
        assert chart.render_line(14).text.rstrip().endswith("40")


async def test_a_size_too_small_for_a_chart_is_survived() -> None:
    app = Host()
    async with app.run_test(size=(60, 15)) as pilot:
        app.query_one(LossChart).set_curves("a", [1.0], [2.0], [2.0])
        for size in ((5, 2), (20, 5), (13, 3), (200, 60), (1, 1), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()


def test_histograms_keep_small_counts_visible_and_fit_their_width() -> None:
    assert histogram([0, 1, 1000], 10) == " ▁█"
    assert len(histogram(list(range(100)), 12)) <= 12
    assert histogram([], 5) == ""
    assert histogram([0, 0], 5) == "  "
    assert bar(0.0, 5) == ""
    assert bar(1.0, 3) == "███"
    assert bar(0.0001, 3) == "▏"
    assert bar(7.0, 3) == "███"
