"""A forward pass with a KV cache, by the name that this version of transformers gives to it."""

import inspect
from functools import cache
from typing import Any

import torch


def cached_forward(
    model: Any, input_ids: torch.Tensor, kv_cache: Any = None, **inputs: Any
) -> tuple[torch.Tensor, Any]:
    """Return the logits of the last token, or of the last `logits_to_keep`, and the new cache.

    Args:
        input_ids: the tokens after those in the cache, [rows, tokens].
        kv_cache: what an earlier pass returned; None for the first.
        inputs: further arguments of the model's `forward`.
    """
    inputs = {"logits_to_keep": 1, **inputs, cache_name(): kv_cache}
    output = model(input_ids=input_ids, use_cache=True, **inputs)
    return output.logits, getattr(output, cache_name())


@cache
def cache_name() -> str:
    """Return `cache`, or its older name `past_key_values`, which transformers 5.40 drops."""
    from transformers import GPT2LMHeadModel

    parameters = inspect.signature(GPT2LMHeadModel.forward).parameters
    return "cache" if "cache" in parameters else "past_key_values"
