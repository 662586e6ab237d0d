"""The three signs of overfitting, as numbers."""

import math

import msgspec
import pytest

from titletui.jobs.events import Copying, HeldoutRising, Overfit
from titletui.training.copies import NearTitles, TrainingTitles
from titletui.training.overfit import (
    OverfitMonitor,
    StepLoss,
    memorization_floors,
    window_size,
)
from titletui.training.signs import copying_sign, memorized_sign, rising_sign


def constant(loss: float, floor: float = 0.0, tokens: int = 100) -> StepLoss:
    """A step with this loss and floor a token."""
    return StepLoss(loss * tokens, floor * tokens, tokens)


@pytest.mark.parametrize(
    ("steps", "steps_per_epoch", "size"),
    [(500, 1, 10), (1000, 8, 10), (1000, 30, 30), (1000, 400, 50), (3, 1, 10)],
)
def test_the_window_is_an_epoch_or_a_twentieth_of_the_run(
    steps: int, steps_per_epoch: int, size: int
) -> None:
    assert window_size(steps, steps_per_epoch) == size


def test_the_mean_is_weighted_by_tokens_and_forgets_older_steps() -> None:
    monitor = OverfitMonitor()
    assert math.isnan(monitor.window.mean)
    monitor.add_step(1, constant(9.0), 2, 0.1)
    monitor.add_step(2, constant(1.0, tokens=300), 2, 0.1)
    monitor.add_step(3, constant(2.0, tokens=100), 2, 0.1)
    assert monitor.window.mean == pytest.approx(1.25)


def test_memorized_titles_are_told_once_within_ten_steps_of_the_fall() -> None:
    monitor = OverfitMonitor()
    losses = [max(0.3, 4.0 - 0.15 * step) for step in range(1, 101)]
    found = [
        step
        for step, loss in enumerate(losses, 1)
        if monitor.add_step(step, constant(loss, 0.28), 10, 0.1)
    ]
    assert losses[24] == 0.3
    assert found == [monitor.overfit]
    assert 25 <= found[0] <= 35


def test_ten_steps_are_needed_and_one_low_loss_is_no_sign() -> None:
    monitor = OverfitMonitor()
    assert not any(monitor.add_step(step, constant(0.01), 10, 0.1) for step in range(1, 10))
    assert monitor.add_step(10, constant(0.01), 10, 0.1)
    fresh = OverfitMonitor()
    for step in range(1, 50):
        fresh.add_step(step, constant(2.0), 10, 0.1)
    assert not fresh.add_step(50, constant(0.0), 10, 0.1)
    for loss in (math.nan, math.inf):
        assert not fresh.add_step(51, constant(loss), 10, 0.1)
    assert fresh.window.mean == pytest.approx(1.8)


def test_batches_of_short_titles_are_measured_above_a_floor_of_their_own() -> None:
    monitor = OverfitMonitor()
    for step in range(1, 11):
        short = step % 2 == 0
        # 3,000 memorized titles of 5 and of 20 tokens leave ln 3000 nats each.
        tokens = 5 if short else 20
        floor = math.log(3000)
        monitor.add_step(step, StepLoss(floor + 0.02 * tokens, floor, tokens), 10, 0.1)
    assert monitor.window.excess == pytest.approx(0.02)
    assert monitor.window.mean > 0.6
    assert monitor.overfit == 10


def test_dropout_hides_memorized_titles_from_the_mean_but_not_from_the_probe() -> None:
    monitor = OverfitMonitor()
    for step in range(1, 101):
        assert not monitor.add_step(step, constant(0.8), 10, 0.1)
    assert not monitor.add_probe(50, 0.4, 0.1)
    assert monitor.add_probe(100, 0.05, 0.1)
    assert not monitor.add_probe(150, 0.05, 0.1)
    assert monitor.overfit == 100


def test_without_a_margin_nothing_is_memorized() -> None:
    monitor = OverfitMonitor()
    assert not any(monitor.add_step(step, constant(0.0), 10, 0.0) for step in range(1, 30))
    assert not monitor.add_probe(50, 0.0, 0.0)


def test_a_dip_that_is_no_new_best_does_not_start_the_patience_again() -> None:
    monitor = OverfitMonitor()
    losses = [3.0, 2.0, 2.1, 2.3, 2.15, 2.3, 2.4, 2.5]
    rising = [monitor.add_heldout(step, loss) for step, loss in enumerate(losses)]
    assert [step for step, told in enumerate(rising) if told] == [4]
    assert (monitor.best, monitor.best_loss) == (1, 2.0)
    assert monitor.best_or_base == (1, 2.0)


def test_a_new_best_lets_the_held_out_loss_rise_again() -> None:
    monitor = OverfitMonitor()
    losses = [3.0, 2.0, 2.1, 2.1, 2.1, 1.9, 2.0, 2.0, 2.0]
    assert [monitor.add_heldout(step, loss) for step, loss in enumerate(losses)].count(True) == 2


def test_a_run_that_never_beats_its_base_is_told_so() -> None:
    monitor = OverfitMonitor()
    rising = [monitor.add_heldout(50 * step, loss) for step, loss in enumerate((3.5, 4, 4.5, 5))]
    assert rising == [False, False, False, True]
    assert monitor.best_or_base == (0, 3.5)
    assert (monitor.best, monitor.best_loss) == (50, 4)


def test_a_heldout_loss_that_is_not_finite_is_ignored() -> None:
    monitor = OverfitMonitor()
    monitor.add_heldout(1, 2.0)
    assert not any(monitor.add_heldout(step, math.nan) for step in range(2, 20))
    assert monitor.best == 1


def test_two_previews_with_half_copies_are_a_sign_and_one_is_none() -> None:
    monitor = OverfitMonitor()
    assert not monitor.add_preview(25, 0.5, 0.3, 32)
    assert not monitor.add_preview(50, 0.1, 0.2, 32)
    assert not monitor.add_preview(75, 0.3, 0.2, 32)
    assert monitor.add_preview(100, 1.0, 0.0, 32)
    assert (monitor.copying, monitor.copying_since) == (100, 75)
    assert not monitor.add_preview(125, 1.0, 0.0, 32)


def test_previews_of_few_titles_are_added_up() -> None:
    monitor = OverfitMonitor()
    told = [monitor.add_preview(step, 0.6, 0.0, 5) for step in range(1, 10)]
    assert told.index(True) == 6
    assert monitor.copying_since == 1
    assert not monitor.add_preview(10, 0.0, 0.0, 0)


def test_a_checkpoint_of_0_1_0_is_read() -> None:
    old = b'{"average":{"weighted":1.2,"count":40},"best":20,"best_loss":2.5,"last_loss":2.6}'
    monitor = msgspec.json.decode(old, type=OverfitMonitor)
    assert (monitor.best, monitor.best_loss, monitor.window.steps) == (20, 2.5, [])
    again = msgspec.json.decode(msgspec.json.encode(monitor), type=OverfitMonitor)
    assert again == monitor


def test_the_memorization_floor_is_the_surprisal_of_the_title_given_its_prompt() -> None:
    assert memorization_floors([(0, title) for title in range(20)]) == [math.log(20)] * 20
    assert memorization_floors([(prompt, prompt) for prompt in range(20)]) == [0.0] * 20
    assert memorization_floors([(0, 1)] * 50) == [0.0] * 50
    thrice, once = math.log(4 / 3), math.log(4)
    assert memorization_floors([(0, 1), (0, 1), (0, 2), (0, 1)]) == [thrice, thrice, once, thrice]


def test_copies_ignore_case_space_and_punctuation() -> None:
    known = TrainingTitles.of(["Deep Learning: A Survey"])
    assert "deep   learning — a survey!" in known
    assert "Deep Learning: Another Survey" not in known
    assert known.copy_rate(["DEEP LEARNING A SURVEY", "New"]) == 0.5
    assert known.copy_rate([]) == 0.0


def test_near_copies_differ_in_a_word_or_in_the_order_of_words() -> None:
    near = NearTitles(["Deep Learning for Speech Recognition", "Optimal Transport in Practice"])
    assert "Deep Learning for Speech Recognitions" in near
    assert "Speech Recognition for Deep Learning" in near
    assert "Optimal Transport in Theory and Practice of Learning" not in near
    assert "Something Else" not in near
    assert "" not in near
    assert "A" not in NearTitles([])


def test_signs_say_what_and_since_when_and_what_to_do() -> None:
    event = Overfit(step=40, average=0.26, threshold=0.28, excess=0.08)
    sign = memorized_sign(event, 0.18, 20)
    assert sign.text == (
        "The model has memorized its titles since step 40: the loss is 0.080 above the 0.18 that "
        "memorizing leaves, under 0.1."
    )
    assert "checkpoint of step 20" in sign.advice
    probe = msgspec.structs.replace(event, probe=True, threshold=0.1)
    assert (
        "without dropout, the loss on its titles is 0.080, under"
        in memorized_sign(probe, 0, 0).text
    )
    old = memorized_sign(Overfit(step=431, average=0.097, threshold=0.1), 0.0, None)
    assert "since step 431: the loss is 0.097, under 0.1." in old.text
    assert "more titles" in old.advice
    base = rising_sign(HeldoutRising(step=150, best=0, loss=5.01, best_loss=3.53))
    assert base.text == (
        "Training never improved the held-out loss (3.53, now 5.01): the base model is better."
    )
    assert base.advice.startswith("Use the base model")
    old_rise = rising_sign(HeldoutRising(step=150, best=50))
    assert old_rise.text == "The held-out loss is above its best since step 50."
    copying = copying_sign(Copying(step=75, since=50, copies=0.7, near=0.1, sampled=32), None)
    assert copying.text.startswith("The model has repeated its titles since step 50: of 32 sampled")
