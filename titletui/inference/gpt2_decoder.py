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

from titletui.inference.int8_linear import Product, product
from titletui.inference.kv_cache import RowCache, Window

# A prompt up to this long is copied to every row; a longer one is shared, for memory's sake.
_COPIED = 16
# Up to so many tokens are attended to without a matrix product.
_FEW = 14
_DOUBLE = 2 * math.sqrt(2 / math.pi)
_PLAIN = {
    "scale_attn_by_inverse_layer_idx": False,
    "scale_attn_weights": True,
    "add_cross_attention": False,
}
_ACTIVATIONS = ("gelu_new", "gelu_pytorch_tanh", "gelu")


class _Layer:
    """One block: attention, then a feed-forward net, each after a layer norm."""

    def __init__(self, weights: dict[str, torch.Tensor], number: int, heads: int) -> None:
        def of(name: str) -> torch.Tensor:
            return weights[f"h.{number}.{name}"].float()

        def normed(norm: str, linear: str, scale: torch.Tensor | float = 1.0) -> Product:
            # The norm's own scale and shift are a part of the product after it.
            weight, shift = of(f"{linear}.weight").T * scale, of(f"{norm}.bias")
            bias = (of(f"{linear}.bias")[:, None] * scale)[:, 0] + weight @ shift
            return product(weight * of(f"{norm}.weight"), bias)

        width = len(of("ln_1.bias"))
        # Queries come out as the attention wants them.
        scale = torch.ones(3 * width, 1)
        scale[:width] /= math.sqrt(width // heads)
        self.attend = normed("ln_1", "attn.c_attn", scale)
        self.mix = product(of("attn.c_proj.weight").T, of("attn.c_proj.bias"))
        self.widen = normed("ln_2", "mlp.c_fc")
        self.narrow = product(of("mlp.c_proj.weight").T, of("mlp.c_proj.bias"))


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
        self._tanh = config.get("activation_function", "gelu_new") != "gelu"
        self._double = torch.tensor(_DOUBLE)
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
        self._cache = RowCache(len(self._layers), self._heads, self._width // self._heads)
        # Keys and values of the prompt, [layers, 2, heads, length, width of a head].
        self._prompt = torch.empty(0)

    def read(self, tokens: list[int], last: int) -> torch.Tensor:
        """Reads a prompt; returns the scores after each of its `last` tokens, [last, tokens]."""
        count = len(tokens)
        x = self._words[torch.tensor(tokens)] + self._places[:count]
        prompt = []
        for layer in self._layers:
            both = layer.attend(self._norm(x)).view(count, 3, self._heads, -1).permute(1, 2, 0, 3)
            prompt.append(both[1:])
            queries, keys, values = both
            seen = functional.scaled_dot_product_attention(
                queries[None], keys[None], values[None], is_causal=True, scale=1.0
            )[0]
            x = x + layer.mix(seen.transpose(0, 1).reshape(count, -1))
            x = x + self._feed(layer, x)
        self._prompt = torch.stack(prompt)
        self._shared = count - last + 1 if count - last + 1 > _COPIED else 0
        self._cache.clear()
        return self._score(self._norm(x[-last:]))

    def branch(self, length: int, rows: int) -> None:
        """Begins `rows` more titles after the first `length` tokens of the prompt."""
        self._cache.join(self._prompt[:, :, :, self._shared : length], rows)

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Reads one token a row; returns the scores for the next, float32 [rows, tokens]."""
        rows = len(tokens)
        x = self._words[tokens] + self._places[self._cache.lengths + self._shared]
        window = self._cache.advance()
        for number, layer in enumerate(self._layers):
            both = layer.attend(self._norm(x)).view(rows, 3, self._heads, -1)
            window.newest[number].copy_(both[:, 1:])
            seen = self._attention(number, both[:, 0], window)
            x = x.add_(layer.mix(seen.reshape(rows, self._width)))
            x = x.add_(self._feed(layer, x))
        return self._score(self._norm(x))

    def keep(self, rows: torch.Tensor) -> None:
        """Lets go of all rows but these; the fewer change their place, the quicker."""
        self._cache.keep(rows)

    def _attention(self, number: int, queries: torch.Tensor, window: Window) -> torch.Tensor:
        """What each row's newest token sees in a layer, [rows, heads, width of a head]."""
        keys, values = window.keys[number], window.values[number]
        if len(keys) <= _FEW and not self._shared:
            # Thousands of products of a vector with a few others cost more than two of everything.
            weights = torch.mul(keys, queries).sum(dim=-1)
            if window.unseen is not None:
                weights.add_(window.unseen[:, :, None])
            return torch.mul(values, torch.softmax(weights, dim=0)[:, :, :, None]).sum(dim=0)
        rows, heads, width = queries.shape
        asked = queries.reshape(rows * heads, 1, width)
        keys, values = keys.flatten(1, 2).permute(1, 2, 0), values.flatten(1, 2).transpose(0, 1)
        if window.unseen is None:
            weights = torch.bmm(asked, keys)
        else:
            unseen = window.unseen.T[:, None].expand(-1, heads, -1)
            weights = torch.baddbmm(unseen.reshape(rows * heads, 1, -1), asked, keys)
        if not self._shared:
            return torch.bmm(torch.softmax(weights, dim=-1), values).view(rows, heads, width)
        prompt, known = self._prompt[number, :, :, : self._shared]
        common = torch.matmul(queries.transpose(0, 1), prompt.transpose(-1, -2)).transpose(0, 1)
        weights = torch.cat([common.reshape(rows * heads, 1, -1), weights], dim=-1).softmax(dim=-1)
        common = weights[:, 0, : self._shared].view(rows, heads, -1).transpose(0, 1)
        said = torch.matmul(common, known).transpose(0, 1)
        own = torch.bmm(weights[:, :, self._shared :], values)
        return said.add(own.view(rows, heads, width))

    def _feed(self, layer: _Layer, x: torch.Tensor) -> torch.Tensor:
        wide = layer.widen(self._norm(x))
        return layer.narrow(_gelu(wide, self._double) if self._tanh else functional.gelu(wide))

    def _norm(self, x: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(x, (self._width,), eps=self._epsilon)


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


def _gelu(x: torch.Tensor, double: torch.Tensor) -> torch.Tensor:
    """GELU by its tanh form (Hendrycks and Gimpel 2016), written with a sigmoid: twice as quick.

    Args:
        double: twice the root of 2/π, a number.
    """
    return torch.addcmul(double, x, x, value=0.044715 * _DOUBLE).mul_(x).sigmoid_().mul_(x)
