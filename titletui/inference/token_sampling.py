"""Temperature, top-k and top-p sampling with a counter-based random number generator.

A random number depends on the seed, the row's index and its step alone, so that the same seed gives
the same titles in any batch.
"""

import math
from collections.abc import Callable

import numpy as np
import torch

from titletui.sampling_params import SamplingParams

_GAMMA = 0x9E3779B97F4A7C15
_ATTEMPTS = 6
_BLOCK = 128

Rng = Callable[[int], torch.Tensor]
"""Attempt → uniform random numbers in [0, 1), one a row."""


def counter_rng(seed: int, rows: torch.Tensor, steps: torch.Tensor) -> Rng:
    """Make the generator of one step, after SplitMix64 (Steele, Lea and Flood 2014).

    Args:
        rows: the index of each row, [rows].
        steps: the step that each row is at, [rows].
    """
    row = rows.numpy().astype(np.uint64)
    step = steps.numpy().astype(np.uint64)
    with np.errstate(over="ignore"):
        base = _mix(_mix(np.uint64(seed % 2**64) + np.uint64(_GAMMA) * (row + np.uint64(1))) + step)

    def rng(attempt: int) -> torch.Tensor:
        with np.errstate(over="ignore"):
            bits = _mix(base + np.uint64(_GAMMA) * np.uint64(attempt + 1))
        return torch.from_numpy((bits >> np.uint64(41)).astype(np.float32) / np.float32(2**23))

    return rng


def sample_with_logprobs(
    logits: torch.Tensor, params: SamplingParams, rng: Rng
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sample one token a row; also return its log-probability at temperature 1, untruncated.

    Args:
        logits: float32 [rows, vocabulary]; -inf is never sampled.
    """
    if params.temperature == 1 and not params.top_k:
        probs = torch.softmax(logits, dim=-1)
        tokens = _sample_top_p(probs, params.top_p, rng)
        return tokens, probs.gather(1, tokens[:, None])[:, 0].log()
    tokens = sample(logits, params, rng)
    return tokens, torch.log_softmax(logits, dim=-1).gather(1, tokens[:, None])[:, 0]


def sample(logits: torch.Tensor, params: SamplingParams, rng: Rng) -> torch.Tensor:
    """Sample one token a row, [rows]; see `sample_with_logprobs`."""
    if params.temperature == 0:
        return logits.argmax(dim=-1)
    if params.temperature != 1:
        logits = logits / params.temperature
    if 0 < params.top_k < logits.shape[-1]:
        least = logits.topk(params.top_k, dim=-1).values[:, -1:]
        logits = logits.masked_fill(logits < least, -math.inf)
    return _sample_top_p(torch.softmax(logits, dim=-1), params.top_p, rng)


def _sample_top_p(probs: torch.Tensor, top_p: float, rng: Rng) -> torch.Tensor:
    """Sample from the top-p set by rejection, which spares sorting every row.

    A token is in the set if more likely ones make up less than `top_p`.
    """
    tokens = _invert_cdf(probs, rng(0).to(probs.device))
    if top_p >= 1:
        return tokens
    rows = torch.arange(len(tokens), device=tokens.device)
    for attempt in range(1, _ATTEMPTS + 1):
        own = probs.gather(1, tokens[rows, None])
        # More likely tokens cannot reach top_p beside one that is more likely than 1 - top_p.
        uncertain = own[:, 0] <= 1 - top_p
        rows, probs, own = rows[uncertain], probs[uncertain], own[uncertain]
        rejected = torch.where(probs > own, probs, 0.0).sum(dim=-1) >= top_p
        rows, probs = rows[rejected], probs[rejected]
        if not len(rows):
            break
        uniform = rng(attempt).to(probs.device)[rows]
        if attempt < _ATTEMPTS:
            tokens[rows] = _invert_cdf(probs, uniform)
        else:
            tokens[rows] = _sample_sorted(probs, uniform, top_p)
    return tokens


def _sample_sorted(probs: torch.Tensor, uniform: torch.Tensor, top_p: float) -> torch.Tensor:
    """Sample from the top-p set by sorting."""
    ordered, order = probs.sort(dim=-1, descending=True)
    before = ordered.cumsum(dim=-1) - ordered
    picked = _invert_cdf(ordered.masked_fill(before >= top_p, 0.0), uniform)
    return order.gather(1, picked[:, None])[:, 0]


def _invert_cdf(probs: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Invert the cumulative distribution at `uniform`: first by blocks, then within one.

    A cumulative sum over all tokens takes several times as long as sums of blocks.
    """
    rows, count = probs.shape
    whole = count // _BLOCK * _BLOCK
    blocks = probs[:, :whole].reshape(rows, -1, _BLOCK).sum(dim=-1)
    if whole < count:
        blocks = torch.cat([blocks, probs[:, whole:].sum(dim=-1, keepdim=True)], dim=1)
    sums = blocks.cumsum(dim=1)
    points = uniform[:, None] * sums[:, -1:]
    block = torch.searchsorted(sums, points, right=True).clamp_(max=blocks.shape[1] - 1)
    places = block * _BLOCK + torch.arange(_BLOCK, device=probs.device)
    inside = torch.where(places < count, probs.gather(1, places.clamp(max=count - 1)), 0.0)
    inside = inside.cumsum(dim=1)
    # Rounded sums: the rest must stay below the last one, or a token of probability 0 is sampled.
    rest = torch.minimum(points - (sums - blocks).gather(1, block), inside[:, -1:] * (1 - 1e-6))
    return places.gather(1, torch.searchsorted(inside, rest, right=True))[:, 0]


def _mix(
    x: "np.ndarray[tuple[int, ...], np.dtype[np.uint64]]",
) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint64]]":
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
