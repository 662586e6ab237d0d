"""Any transformers model as a decoder of the sampler."""

import copy
from typing import Any

import torch

from titletui.models.cached_forward import cached_forward


class TransformersDecoder:
    """A causal language model of transformers; see `sampler.Decoder`.

    Attributes:
        context: tokens that it can take.
    """

    joins = False

    def __init__(self, model: Any) -> None:
        self.context = _context(model.config)
        self._model = model
        self._device = model.get_input_embeddings().weight.device
        self._prompt: Any = None
        self._cache: Any = None

    def read(self, tokens: list[int], last: int) -> torch.Tensor:
        """Reads a prompt; returns the scores after each of its `last` tokens, [last, tokens]."""
        rows = torch.tensor([tokens], device=self._device)
        logits, self._prompt = cached_forward(self._model, rows, logits_to_keep=last)
        return logits[0]

    def branch(self, length: int, rows: int) -> None:
        """Begins `rows` more titles after the first `length` tokens of the prompt."""
        self._cache = copy.deepcopy(self._prompt)
        surplus = self._cache.get_seq_length() - length
        if surplus:
            self._cache.crop(-surplus)
        self._cache.batch_repeat_interleave(rows)

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Reads one token a row; returns the scores for the next, float32 [rows, tokens]."""
        rows = tokens[:, None].to(self._device)
        logits, self._cache = cached_forward(self._model, rows, self._cache)
        return logits[:, -1].float()

    def keep(self, rows: torch.Tensor) -> None:
        """Lets go of all rows but these."""
        self._cache.batch_select_indices(rows.to(self._device))


def _context(config: Any) -> int:
    for name in ("n_positions", "max_position_embeddings", "n_ctx", "seq_length"):
        value = getattr(config, name, None)
        if isinstance(value, int) and value > 0:
            return value
    return 1024
