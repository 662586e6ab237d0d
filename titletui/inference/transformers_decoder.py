"""Any causal language model of transformers as a decoder with a ragged KV cache."""

import inspect
from functools import cache
from typing import Any

import torch
from torch.nn import functional


class TransformersDecoder:
    """A decoder around a transformers model; see `sampler.Decoder`.

    Rows are padded on the left of one cache, so that their newest tokens are in the same slot.

    Attributes:
        context: the longest sequence in tokens.
    """

    def __init__(self, model: Any, context: int = 0) -> None:
        """
        Args:
            context: less than the model could take; 0 means all of it.
        """
        self.context = min(context or _context(model.config), _context(model.config))
        self._model = model
        self._device = model.get_input_embeddings().weight.device
        # Keys and values of each layer, [1, heads, tokens, width].
        self._prompt: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.reset()

    def reset(self) -> None:
        """Remove all rows."""
        self._cache: Any = None
        self._lengths = torch.empty(0, dtype=torch.long, device=self._device)

    def prefill(self, tokens: list[int], last: int, *, share: bool) -> torch.Tensor:  # noqa: ARG002
        """Run a prompt; return the logits after each of its `last` tokens, float32."""
        rows = torch.tensor([tokens], device=self._device)
        kv_cache = _new_cache()
        logits = self._forward(rows, kv_cache, logits_to_keep=last)
        self._prompt = [(layer.keys, layer.values) for layer in kv_cache.layers]
        return logits[0].float()

    def fork(self, length: int, rows: int) -> None:
        """Add `rows` rows that continue the first `length` tokens of the prompt."""
        starts = [
            [one[:, :, :length].expand(rows, -1, -1, -1) for one in layer] for layer in self._prompt
        ]
        if self._cache is None:
            self._cache = _new_cache()
            for number, (keys, values) in enumerate(starts):
                self._cache.update(keys.contiguous(), values.contiguous(), number)
        else:
            slots = max(length, int(self._lengths.max()))
            for layer, (keys, values) in zip(self._cache.layers, starts, strict=True):
                layer.keys = torch.cat([_padded(layer.keys, slots), _padded(keys, slots)])
                layer.values = torch.cat([_padded(layer.values, slots), _padded(values, slots)])
        added = torch.full((rows,), length, device=self._device)
        self._lengths = torch.cat([self._lengths, added])

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Run one token a row; return the next logits, float32 [rows, vocabulary]."""
        slots = self._cache.get_seq_length() + 1
        mask = torch.arange(slots, device=self._device) >= slots - 1 - self._lengths[:, None]
        logits = self._forward(
            tokens[:, None].to(self._device),
            self._cache,
            logits_to_keep=1,
            attention_mask=mask.long(),
            position_ids=self._lengths[:, None],
        )
        self._lengths = self._lengths + 1
        return logits[:, -1].float()

    def select(self, rows: torch.Tensor) -> None:
        """Keep only these rows, in this order."""
        rows = rows.to(self._device)
        self._lengths = self._lengths[rows]
        if len(rows):
            self._cache.batch_select_indices(rows)
        else:
            self.reset()

    def _forward(self, tokens: torch.Tensor, kv_cache: Any, **inputs: Any) -> torch.Tensor:
        inputs[_cache_argument()] = kv_cache
        output = self._model(input_ids=tokens, use_cache=True, **inputs)
        return output.logits  # type: ignore[no-any-return]


@cache
def _cache_argument() -> str:
    """`cache`, or `past_key_values`, its name in older versions of transformers."""
    from transformers import GPT2LMHeadModel

    parameters = inspect.signature(GPT2LMHeadModel.forward).parameters
    return "cache" if "cache" in parameters else "past_key_values"


def _new_cache() -> Any:
    """A cache that keeps all tokens, of sliding-window layers too."""
    from transformers import DynamicCache

    return DynamicCache()


def _padded(one: torch.Tensor, slots: int) -> torch.Tensor:
    """The newest `slots` tokens of [rows, heads, tokens, width], padded with zeros before them."""
    length = one.shape[2]
    return functional.pad(one, (0, 0, slots - length, 0)) if length < slots else one[:, :, -slots:]


def _context(config: Any) -> int:
    for name in ("n_positions", "max_position_embeddings", "n_ctx", "seq_length"):
        value = getattr(config, name, None)
        if isinstance(value, int) and value > 0:
            return value
    return 1024
