"""GPT-2 (Radford et al. 2019) for writing titles on a CPU, without transformers.

The starter, `gpt2`, `distilgpt2` and what is fine-tuned from them are of this shape. Reading only
torch and the weights starts in a third of the time, and a step of a small model is not spent on
Python.
"""

import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch.nn import functional

from titletui.generation.products import Product, product

_NEVER = float("-inf")
_ROOM = 32
# A prompt up to this long is copied to every row; a longer one is shared, for memory's sake.
_COPIED = 16
_PLAIN = {
    "scale_attn_by_inverse_layer_idx": False,
    "scale_attn_weights": True,
    "add_cross_attention": False,
}
_ACTIVATIONS = {"gelu_new": "tanh", "gelu_pytorch_tanh": "tanh", "gelu": "none"}


class _Layer:
    """One block: attention, then a feed-forward net, each after a layer norm."""

    def __init__(self, weights: dict[str, torch.Tensor], number: int, heads: int) -> None:
        def of(name: str) -> torch.Tensor:
            return weights[f"h.{number}.{name}"].float()

        def normed(norm: str, linear: str) -> Product:
            # The norm's own scale and shift are a part of the product after it.
            weight, shift = of(f"{linear}.weight").T, of(f"{norm}.bias")
            return product(weight * of(f"{norm}.weight"), of(f"{linear}.bias") + weight @ shift)

        self.attend = normed("ln_1", "attn.c_attn")
        self.mix = product(of("attn.c_proj.weight").T, of("attn.c_proj.bias"))
        self.widen = normed("ln_2", "mlp.c_fc")
        self.narrow = product(of("mlp.c_proj.weight").T, of("mlp.c_proj.bias"))
        width = len(of("ln_1.bias"))
        # Keys and values of the rows, [2, rows, heads, length, width of a head], and of the prompt.
        self.seen = torch.zeros(2, 0, heads, _ROOM, width // heads)
        self.prompt = self.seen[:, 0:0].transpose(0, 1)


class Gpt2Decoder:
    """A GPT-2 as a decoder that rows may join at any time; see `sampler.Decoder`.

    Attributes:
        context: tokens that it can take.
    """

    joins = True

    def __init__(self, folder: Path) -> None:
        config = json.loads((folder / "config.json").read_bytes())
        weights = _weights(folder)
        self.context = int(config["n_positions"])
        self._heads = int(config["n_head"])
        self._gelu = _ACTIVATIONS[config.get("activation_function", "gelu_new")]
        self._epsilon = float(config.get("layer_norm_epsilon", 1e-5))
        self._words = weights["wte.weight"].float()
        self._places = weights["wpe.weight"].float()
        self._width = self._words.shape[1]
        self._layers = [
            _Layer(weights, number, self._heads) for number in range(int(config["n_layer"]))
        ]
        out = weights.get("lm_head.weight", weights["wte.weight"]).float()
        self._score = product(
            out * weights["ln_f.weight"].float(), out @ weights["ln_f.bias"].float()
        )
        self._shared = 0
        self._read = 0
        self._lengths = torch.empty(0, dtype=torch.long)

    def read(self, tokens: list[int], last: int) -> torch.Tensor:
        """Reads a prompt; returns the scores after each of its `last` tokens, [last, tokens]."""
        count = len(tokens)
        x = self._words[torch.tensor(tokens)] + self._places[:count]
        for layer in self._layers:
            both = layer.attend(self._norm(x)).view(count, 3, self._heads, -1).permute(1, 2, 0, 3)
            layer.prompt = both[1:].contiguous()
            queries, keys, values = both
            seen = functional.scaled_dot_product_attention(
                queries[None], keys[None], values[None], is_causal=True
            )[0]
            x = x + layer.mix(seen.transpose(0, 1).reshape(count, -1))
            x = x + self._feed(layer, x)
        self._read = count
        self._shared = count - last + 1 if count - last + 1 > _COPIED else 0
        self._lengths = self._lengths[:0]
        return self._score(self._norm(x[-last:]))

    def branch(self, length: int, rows: int) -> None:
        """Begins `rows` more titles after the first `length` tokens of the prompt."""
        old = len(self._lengths)
        own = length - self._shared
        self._make_room(old + rows, own + 1)
        for layer in self._layers:
            prompt = layer.prompt[:, None, :, self._shared : length]
            layer.seen[:, old : old + rows, :, :own] = prompt
        self._lengths = torch.cat([self._lengths, torch.full((rows,), own)])

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Reads one token a row; returns the scores for the next, float32 [rows, tokens]."""
        lengths = self._lengths
        rows, longest = len(lengths), int(lengths.max()) + 1
        self._make_room(rows, longest)
        unseen = None
        if int(lengths.min()) + 1 < longest:
            unseen = (torch.arange(longest) > lengths[:, None])[:, None, None, :]
        here = self._slots(lengths)
        x = self._words[tokens] + self._places[lengths + self._shared]
        for layer in self._layers:
            both = layer.attend(self._norm(x)).view(rows, 3 * self._heads, -1)
            width = both.shape[-1]
            layer.seen.view(-1, width).index_copy_(
                0, here, both[:, self._heads :].reshape(-1, width)
            )
            seen = self._attention(layer, both[:, : self._heads], longest, unseen)
            x = x + layer.mix(seen.reshape(rows, self._width))
            x = x + self._feed(layer, x)
        self._lengths = lengths + 1
        return self._score(self._norm(x))

    def keep(self, rows: torch.Tensor) -> None:
        """Lets go of all rows but these; the fewer change their place, the quicker."""
        longest = int(self._lengths.max())
        self._lengths = self._lengths[rows]
        moved = (rows != torch.arange(len(rows))).nonzero()[:, 0]
        if not len(moved):
            return
        for layer in self._layers:
            layer.seen[:, moved, :, :longest] = layer.seen[:, rows[moved], :, :longest]

    def _slots(self, lengths: torch.Tensor) -> torch.Tensor:
        """Where in a layer's cache, taken as vectors, the rows' next keys and values belong."""
        _, have, heads, room, _ = self._layers[0].seen.shape
        row = torch.arange(len(lengths))[:, None, None]
        kind = torch.arange(2)[:, None]
        head = torch.arange(heads)
        return (((kind * have + row) * heads + head) * room + lengths[:, None, None]).flatten()

    def _attention(
        self, layer: _Layer, queries: torch.Tensor, longest: int, unseen: torch.Tensor | None
    ) -> torch.Tensor:
        """What each row's newest token sees, [rows, heads, width of a head]."""
        rows = len(queries)
        scale = 1 / math.sqrt(queries.shape[-1])
        keys, values = layer.seen[:, :rows, :, :longest]
        weights = torch.matmul(queries[:, :, None] * scale, keys.transpose(-1, -2))
        if unseen is not None:
            weights = weights.masked_fill_(unseen, _NEVER)
        if not self._shared:
            return torch.matmul(torch.softmax(weights, dim=-1), values)[:, :, 0]
        prompt, known = layer.prompt[:, :, : self._shared]
        common = torch.matmul(queries.transpose(0, 1) * scale, prompt.transpose(-1, -2))
        weights = torch.cat([common.transpose(0, 1), weights[:, :, 0]], dim=-1).softmax(dim=-1)
        own = torch.matmul(weights[:, :, None, self._shared :], values)[:, :, 0]
        common = weights[:, :, : self._shared].transpose(0, 1)
        said = torch.matmul(common, known)
        return own + said.transpose(0, 1)

    def _feed(self, layer: _Layer, x: torch.Tensor) -> torch.Tensor:
        return layer.narrow(functional.gelu(layer.widen(self._norm(x)), approximate=self._gelu))

    def _norm(self, x: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(x, (self._width,), eps=self._epsilon)

    def _make_room(self, rows: int, length: int) -> None:
        """Lets the caches hold `rows` of `length` own tokens."""
        _, have, _, room, _ = self._layers[0].seen.shape
        if rows <= have and length <= room:
            return
        size = (max(rows, have), max(length, room if length <= room else 2 * room))
        for layer in self._layers:
            layer.seen = _grown(layer.seen, *size)


def fits(config: dict[str, Any]) -> bool:
    """Whether a model with this `config.json` is a GPT-2 without peculiarities."""
    return (
        config.get("model_type") == "gpt2"
        and config.get("activation_function", "gelu_new") in _ACTIVATIONS
        and all(config.get(name, usual) == usual for name, usual in _PLAIN.items())
        and {"n_positions", "n_head", "n_layer", "n_embd"} <= config.keys()
    )


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    files = sorted(folder.glob("model*.safetensors"))
    weights: dict[str, torch.Tensor] = {}
    for file in files:
        weights |= load_file(file)
    return {name.removeprefix("transformer."): weight for name, weight in weights.items()}


def _grown(cache: torch.Tensor, rows: int, length: int) -> torch.Tensor:
    kinds, have, heads, room, width = cache.shape
    # Zeros, as what is masked out is multiplied by 0 and must be finite.
    larger = torch.zeros(kinds, rows, heads, length, width)
    larger[:, :have, :, :room] = cache
    return larger
