"""One token out of many: temperature, top-k, top-p, and chance that can be repeated.

Each number drawn depends on the seed, the title's index and its step alone, so the same seed gives
the same titles however they are batched.
"""

from collections.abc import Callable

import numpy as np
import torch

from titletui.sampling_params import SamplingParams

_GAMMA = 0x9E3779B97F4A7C15
_TRIES = 6
_BLOCK = 128

Draw = Callable[[int], torch.Tensor]


def draws(seed: int, rows: torch.Tensor, steps: torch.Tensor) -> Draw:
    """Numbers in [0, 1), one a row; the argument of the result tells further draws apart.

    Counter-based, after SplitMix64 (Steele, Lea and Flood 2014).
    """
    row = rows.numpy().astype(np.uint64)
    step = steps.numpy().astype(np.uint64)
    with np.errstate(over="ignore"):
        base = _mix(_mix(np.uint64(seed % 2**64) + np.uint64(_GAMMA) * (row + np.uint64(1))) + step)

    def draw(attempt: int) -> torch.Tensor:
        with np.errstate(over="ignore"):
            bits = _mix(base + np.uint64(_GAMMA) * np.uint64(attempt + 1))
        return torch.from_numpy((bits >> np.uint64(41)).astype(np.float32) / np.float32(2**23))

    return draw


def choose_scored(
    scores: torch.Tensor, params: SamplingParams, draw: Draw
) -> tuple[torch.Tensor, torch.Tensor]:
    """One token a row, and the logarithm of its chance at temperature 1, untruncated, [rows] each.

    Args:
        scores: see `choose`.
    """
    if params.temperature == 1 and not params.top_k:
        chances = torch.softmax(scores, dim=-1)
        tokens = _draw_token(chances, params.top_p, draw)
        return tokens, chances.gather(1, tokens[:, None])[:, 0].log()
    tokens = choose(scores, params, draw)
    return tokens, torch.log_softmax(scores, dim=-1).gather(1, tokens[:, None])[:, 0]


def choose(scores: torch.Tensor, params: SamplingParams, draw: Draw) -> torch.Tensor:
    """One token a row, [rows].

    Args:
        scores: log-likelihoods up to a constant, float32 [rows, tokens]; -inf is never chosen.
    """
    if params.temperature == 0:
        return scores.argmax(dim=-1)
    if params.temperature != 1:
        scores = scores / params.temperature
    if 0 < params.top_k < scores.shape[-1]:
        least = scores.topk(params.top_k, dim=-1).values[:, -1:]
        scores = scores.masked_fill(scores < least, float("-inf"))
    return _draw_token(torch.softmax(scores, dim=-1), params.top_p, draw)


def _draw_token(chances: torch.Tensor, top_p: float, draw: Draw) -> torch.Tensor:
    tokens = _pick(chances, draw(0).to(chances.device))
    if top_p < 1:
        _redraw_outside(chances, tokens, top_p, draw)
    return tokens


def _redraw_outside(chances: torch.Tensor, tokens: torch.Tensor, top_p: float, draw: Draw) -> None:
    """Replaces, in place, tokens outside of the top-p set.

    A token is inside where the likelier ones make up less than `top_p`. Drawing again until it is
    inside gives the truncated distribution exactly and spares sorting every row.
    """
    rows = torch.arange(len(tokens), device=tokens.device)
    own = chances
    for attempt in range(1, _TRIES + 1):
        mine = own.gather(1, tokens[rows, None])
        # Beside a likely token there is no room for so much that is likelier.
        unsure = mine[:, 0] <= 1 - top_p
        rows, own, mine = rows[unsure], own[unsure], mine[unsure]
        outside = torch.where(own > mine, own, 0.0).sum(dim=-1) >= top_p
        rows = rows[outside]
        if not len(rows):
            return
        own = own[outside]
        uniform = draw(attempt).to(chances.device)[rows]
        if attempt < _TRIES:
            tokens[rows] = _pick(own, uniform)
        else:
            tokens[rows] = _pick_sorted(own, uniform, top_p)


def _pick(chances: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Inverts the cumulative distribution at `uniform`: first by blocks, then within one.

    A running sum over all tokens takes several times as long as sums of blocks.
    """
    rows, count = chances.shape
    whole = count // _BLOCK * _BLOCK
    blocks = chances[:, :whole].reshape(rows, -1, _BLOCK).sum(dim=-1)
    if whole < count:
        blocks = torch.cat([blocks, chances[:, whole:].sum(dim=-1, keepdim=True)], dim=1)
    sums = blocks.cumsum(dim=1)
    points = uniform[:, None] * sums[:, -1:]
    block = torch.searchsorted(sums, points, right=True).clamp_(max=blocks.shape[1] - 1)
    places = block * _BLOCK + torch.arange(_BLOCK, device=chances.device)
    inside = torch.where(places < count, chances.gather(1, places.clamp(max=count - 1)), 0.0)
    inside = inside.cumsum(dim=1)
    # Sums are rounded: what is left must stay below the last one, or a token without a chance is
    # picked.
    left = torch.minimum(points - (sums - blocks).gather(1, block), inside[:, -1:] * (1 - 1e-6))
    return places.gather(1, torch.searchsorted(inside, left, right=True))[:, 0]


def _pick_sorted(chances: torch.Tensor, uniform: torch.Tensor, top_p: float) -> torch.Tensor:
    ordered, order = chances.sort(dim=-1, descending=True)
    before = ordered.cumsum(dim=-1) - ordered
    picked = _pick(ordered.masked_fill(before >= top_p, 0.0), uniform)
    return order.gather(1, picked[:, None])[:, 0]


def _mix(
    x: "np.ndarray[tuple[int, ...], np.dtype[np.uint64]]",
) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint64]]":
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
