"""A few titles while a run trains, sampled beside it without touching its random state."""

from collections.abc import Iterator
from typing import Any

import torch

from titletui.corpus.paper import Paper
from titletui.training.prompts import end_token, make_prompt, prompt_tokens
from titletui.training.recipe import Recipe

TOP_P = 0.95


def preview_titles(
    model: Any, tokenizer: Any, recipe: Recipe, papers: list[Paper], step: int, limit: int
) -> list[str]:
    """`recipe.preview_titles` titles; for tasks with a prompt, those of the first `papers`.

    Args:
        step: makes each preview another one, always the same for the same step.
        limit: tokens that the model can take.
    """
    generator = torch.Generator().manual_seed((recipe.seed << 20) + step)
    titles: list[str] = []
    for prompt, count in _prompts(tokenizer, recipe, papers, limit):
        titles += sample(model, tokenizer, prompt, count, recipe, generator, limit)
    return titles


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
        output = model(input_ids=rows, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache = output.past_key_values
        scores = output.logits[:, -1].float().cpu() / recipe.preview_temperature
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
    tokenizer: Any, recipe: Recipe, papers: list[Paper], limit: int
) -> Iterator[tuple[list[int], int]]:
    if recipe.task in ("abstract-to-title", "instruction") and papers:
        room = limit - min(recipe.preview_tokens, limit // 2)
        for paper in papers[: recipe.preview_titles]:
            prompt = make_prompt(recipe.task, abstract=paper.abstract, tokenizer=tokenizer)
            yield prompt_tokens(tokenizer, prompt, room=room)[0], 1
        return
    years = [paper.year for paper in papers if paper.year is not None]
    year = max(years, default=None)
    prompt = make_prompt(recipe.task, year=year, tokenizer=tokenizer)
    yield prompt_tokens(tokenizer, prompt)[0], recipe.preview_titles
