"""Tokens are chosen as transformers chooses them, and can be chosen again."""

import pytest
import torch
from transformers import (
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from titletui.inference.token_sampling import counter_rng, sample, sample_with_logprobs
from titletui.sampling_params import SamplingParams

ROWS = 60_000
STEP = torch.zeros(ROWS, dtype=torch.long)


def logits(tokens: int = 40) -> torch.Tensor:
    return torch.randn(tokens, generator=torch.Generator().manual_seed(3)) * 2


def probs_of_transformers(params: SamplingParams) -> torch.Tensor:
    warpers = LogitsProcessorList([TemperatureLogitsWarper(params.temperature)])
    if params.top_k:
        warpers.append(TopKLogitsWarper(params.top_k))
    if params.top_p < 1:
        warpers.append(TopPLogitsWarper(params.top_p))
    empty = torch.empty(1, 0, dtype=torch.long)
    return warpers(empty, logits()[None]).softmax(dim=-1)[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "params",
    [
        SamplingParams(temperature=1.0, top_p=1.0),
        SamplingParams(temperature=0.6, top_p=1.0),
        SamplingParams(temperature=1.7, top_p=0.8),
        SamplingParams(temperature=0.8, top_p=0.95),
        SamplingParams(temperature=1.0, top_p=0.1),
        SamplingParams(temperature=1.2, top_p=1.0, top_k=5),
        SamplingParams(temperature=0.7, top_p=0.7, top_k=12),
    ],
    ids=str,
)
def test_tokens_come_as_often_as_transformers_says(params: SamplingParams) -> None:
    expected = probs_of_transformers(params)
    drawn = counter_rng(11, torch.arange(ROWS), STEP)
    tokens = sample(logits().expand(ROWS, -1), params, drawn)
    seen = torch.bincount(tokens, minlength=40) / ROWS
    spread = (expected * (1 - expected) / ROWS).sqrt()
    assert bool(((seen - expected).abs() <= 5 * spread).all())
    assert not seen[expected == 0].any()


def test_temperature_zero_takes_the_likeliest() -> None:
    drawn = counter_rng(0, torch.arange(3), STEP[:3])
    assert (
        sample(logits().expand(3, -1), SamplingParams(temperature=0), drawn).tolist()
        == [int(logits().argmax())] * 3
    )


def test_a_draw_depends_on_seed_row_and_step_alone() -> None:
    rows = torch.tensor([4, 9, 2])
    steps = torch.tensor([1, 0, 7])
    together = counter_rng(5, rows, steps)(0).tolist()
    alone = [counter_rng(5, rows[i : i + 1], steps[i : i + 1])(0).item() for i in range(3)]
    assert together == alone
    assert (
        len(
            {
                *together,
                *counter_rng(6, rows, steps)(0).tolist(),
                *counter_rng(5, rows, steps)(1).tolist(),
            }
        )
        == 9
    )


def test_draws_are_even_and_never_one() -> None:
    drawn = counter_rng(1, torch.arange(ROWS), STEP)(0)
    assert float(drawn.max()) < 1
    counts = torch.histc(drawn, bins=20, min=0, max=1)
    assert bool(((counts - ROWS / 20).abs() < 5 * (ROWS / 20) ** 0.5).all())
    following = counter_rng(1, torch.arange(ROWS), STEP + 1)(0)
    assert abs(float(torch.corrcoef(torch.stack([drawn, following]))[0, 1])) < 0.02


def test_a_token_without_a_chance_is_never_chosen() -> None:
    barred = logits()
    barred[::2] = float("-inf")
    drawn = counter_rng(2, torch.arange(ROWS), STEP)
    tokens = sample(barred.expand(ROWS, -1), SamplingParams(temperature=5, top_p=1), drawn)
    assert bool((tokens % 2 == 1).all())


@pytest.mark.parametrize("temperature", [0.0, 0.6, 1.0])
def test_the_chance_of_a_token_is_that_at_temperature_one(temperature: float) -> None:
    rows = logits().expand(50, -1)
    params = SamplingParams(temperature=temperature, top_p=0.9)
    drawn = counter_rng(5, torch.arange(50), STEP[:50])
    tokens, chances = sample_with_logprobs(rows, params, drawn)
    assert tokens.tolist() == sample(rows, params, drawn).tolist()
    assert torch.allclose(chances, logits().log_softmax(dim=-1)[tokens], atol=1e-5)
