"""Titles of a model that is being trained: previews, and the figures of the finished one."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch

from titletui.corpus.paper import Paper
from titletui.inference.prefix import Opening, open_title
from titletui.inference.sampler import write_titles
from titletui.inference.transformers_decoder import TransformersDecoder
from titletui.models.prompts import Prompt, Task, make_prompt
from titletui.models.token_bytes import Vocabulary, vocabulary_of
from titletui.sampling_params import SamplingParams
from titletui.training.recipe import Recipe

TOP_P = 0.95


def sample_titles(
    model: Any,
    tokenizer: Any,
    recipe: Recipe,
    papers: list[Paper],
    count: int,
    step: int,
    limit: int,
) -> list[str]:
    """Sample `count` titles; for tasks with an abstract, one for each of the first `papers`.

    The trainer's random state is left alone.

    Args:
        step: each step has a preview of its own, the same in each run.
        limit: the longest sequence, in tokens.
    """
    params = SamplingParams(
        temperature=recipe.preview_temperature,
        top_p=TOP_P,
        max_tokens=recipe.preview_tokens,
        seed=(recipe.seed << 20) + step,
    )
    if recipe.task in ("abstract-to-title", "instruction") and papers:
        prompts = _abstract_prompts(tokenizer, recipe.task, papers[:count])
        return _write(model, tokenizer, prompts, params, 1, limit, one_line=True)
    year = max((paper.year for paper in papers if paper.year is not None), default=None)
    prompt = make_prompt(recipe.task, year=year, tokenizer=tokenizer)
    one_line = recipe.task != "abstract"
    return _write(model, tokenizer, [prompt], params, count, limit, one_line=one_line)


def greedy_titles(
    model: Any,
    tokenizer: Any,
    task: Task,
    papers: list[Paper],
    max_tokens: int,
    limit: int,
) -> list[str]:
    """Decode a title for each paper's abstract greedily.

    Args:
        limit: the longest sequence, in tokens.
    """
    params = SamplingParams(temperature=0.0, max_tokens=max_tokens, seed=0)
    prompts = _abstract_prompts(tokenizer, task, papers)
    return _write(model, tokenizer, prompts, params, 1, limit, one_line=True)


def _abstract_prompts(tokenizer: Any, task: Task, papers: list[Paper]) -> list[Prompt]:
    return [make_prompt(task, abstract=one.abstract, tokenizer=tokenizer) for one in papers]


@torch.no_grad()
def _write(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Prompt],
    params: SamplingParams,
    count: int,
    limit: int,
    *,
    one_line: bool,
) -> list[str]:
    vocabulary = _vocabulary(tokenizer)
    decoder = TransformersDecoder(model, limit)
    openings: list[Opening] = [
        open_title(
            vocabulary,
            prompt,
            "",
            max_tokens=params.max_tokens,
            context=decoder.context,
            trained=limit,
        )
        for prompt in prompts
    ]
    titles = write_titles(decoder, vocabulary, openings, params, count, one_line=one_line)
    texts = {title.index: " ".join(title.text.split()) for title in titles}
    return [texts[index] for index in sorted(texts)]


@lru_cache(maxsize=1)
def _vocabulary(tokenizer: Any) -> Vocabulary:
    return vocabulary_of(tokenizer)
