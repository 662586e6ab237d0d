"""A few titles while a run trains, sampled beside it without touching its random state."""

from collections.abc import Iterator
from typing import Any

import torch

from titletui.corpus.paper import Paper
from titletui.models.cached_forward import cached_forward
from titletui.models.prompts import Task, end_token, make_prompt, max_prompt_tokens, prompt_tokens
from titletui.training.recipe import Recipe

TOP_P = 0.95
_ROWS = 32


def sample_titles(
    model: Any,
    tokenizer: Any,
    recipe: Recipe,
    papers: list[Paper],
    count: int,
    step: int,
    limit: int,
) -> list[str]:
    """`count` sampled titles; for tasks with an abstract, one for each of the first `papers`.

    Args:
        step: makes each preview another one, always the same for the same step.
        limit: tokens that the model can take.
    """
    generator = torch.Generator().manual_seed((recipe.seed << 20) + step)
    titles: list[str] = []
    for prompt, rows in _prompts(tokenizer, recipe, papers, count, limit):
        titles += sample(model, tokenizer, prompt, rows, recipe, generator, limit)
    return titles


@torch.no_grad()
def greedy_titles(
    model: Any,
    tokenizer: Any,
    task: Task,
    papers: list[Paper],
    most: int,
    limit: int,
) -> list[str]:
    """The likeliest title of each paper's abstract, token by token.

    Args:
        most: tokens of a title.
        limit: tokens that the model can take.
    """
    prompts = []
    for paper in papers:
        prompt = make_prompt(task, abstract=paper.abstract, tokenizer=tokenizer)
        prompts.append(prompt_tokens(tokenizer, prompt, room=max_prompt_tokens(limit))[0])
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    titles = [""] * len(prompts)
    for first in range(0, len(order), _ROWS):
        part = order[first : first + _ROWS]
        beginnings = [prompts[index] for index in part]
        written = _greedy(model, tokenizer, beginnings, most, limit)
        for index, title in zip(part, written, strict=True):
            titles[index] = title
    return titles


def _greedy(
    model: Any,
    tokenizer: Any,
    prompts: list[list[int]],
    most: int,
    limit: int,
) -> list[str]:
    """Prompts of unlike length side by side, padded at the left."""
    end = end_token(tokenizer)
    target = model.get_input_embeddings().weight.device
    longest = max(map(len, prompts))
    rows = torch.tensor([[end] * (longest - len(p)) + p for p in prompts], device=target)
    seen = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=target)
    written = torch.zeros((len(prompts), 0), dtype=torch.long)
    ended = torch.zeros(len(prompts), dtype=torch.bool)
    cache = None
    for _ in range(min(most, limit - longest)):
        places = (seen.cumsum(dim=1) - 1).clamp(min=0)[:, -rows.shape[1] :]
        logits, cache = cached_forward(model, rows, cache, attention_mask=seen, position_ids=places)
        scores = logits[:, -1].float().cpu()
        token = scores.argmax(dim=-1)
        token[ended] = end
        written = torch.cat([written, token[:, None]], dim=1)
        ended |= token == end
        if bool(ended.all()):
            break
        rows = token[:, None].to(target)
        seen = torch.cat([seen, torch.ones_like(rows)], dim=1)
    return [_text(tokenizer, row, end) for row in written.tolist()]


@torch.no_grad()
def sample(
    model: Any,
    tokenizer: Any,
    prompt: list[int],
    count: int,
    recipe: Recipe,
    generator: torch.Generator,
    limit: int,
) -> list[str]:
    """`count` continuations of one prompt, at the recipe's preview temperature."""
    device = model.get_input_embeddings().weight.device
    end = end_token(tokenizer)
    rows = torch.tensor([prompt] * count, device=device)
    written = torch.zeros((count, 0), dtype=torch.long)
    ended = torch.zeros(count, dtype=torch.bool)
    cache = None
    for _ in range(min(recipe.preview_tokens, limit - len(prompt))):
        logits, cache = cached_forward(model, rows, cache)
        scores = logits[:, -1].float().cpu() / recipe.preview_temperature
        token = _draw(scores, generator)
        token[ended] = end
        written = torch.cat([written, token[:, None]], dim=1)
        ended |= token == end
        if bool(ended.all()):
            break
        rows = token[:, None].to(device)
    return [_text(tokenizer, row, end) for row in written.tolist()]


def _draw(scores: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """One token a row from the likeliest that make up `TOP_P` (Holtzman et al. 2020)."""
    chances, order = torch.softmax(scores, dim=-1).sort(dim=-1, descending=True)
    before = chances.cumsum(dim=-1) - chances
    chances = chances.masked_fill(before > TOP_P, 0.0)
    drawn = torch.multinomial(chances, 1, generator=generator)
    return order.gather(1, drawn)[:, 0]


def _text(tokenizer: Any, row: list[int], end: int) -> str:
    own = row[: row.index(end)] if end in row else row
    return " ".join(tokenizer.decode(own, skip_special_tokens=True).split())


def _prompts(
    tokenizer: Any, recipe: Recipe, papers: list[Paper], count: int, limit: int
) -> Iterator[tuple[list[int], int]]:
    """Prompts and how many titles of each."""
    if recipe.task in ("abstract-to-title", "instruction") and papers:
        room = max_prompt_tokens(limit)
        for paper in papers[:count]:
            prompt = make_prompt(recipe.task, abstract=paper.abstract, tokenizer=tokenizer)
            yield prompt_tokens(tokenizer, prompt, room=room)[0], 1
        return
    year = max((paper.year for paper in papers if paper.year is not None), default=None)
    tokens = prompt_tokens(tokenizer, make_prompt(recipe.task, year=year, tokenizer=tokenizer))[0]
    for first in range(0, count, _ROWS):
        yield tokens, min(_ROWS, count - first)
