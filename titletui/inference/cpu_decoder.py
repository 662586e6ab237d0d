"""GPT-2 and Llama decoders for a CPU that read safetensors without importing transformers.

On short rows the modules of transformers take as long as the matrix products they call: 57 ms a
step against 33 for a Llama of 135M parameters, one thread. Norm scales are folded into the product
after them, the query scale into the queries, and all products run in bfloat16 where the processor
has instructions for it.
"""

import math
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import safe_open
from torch.nn import functional

from titletui.inference.kv_cache import RaggedCache, Window

# A shared prompt up to this long is copied to every row; attending to it apart costs more.
_COPIED_TOKENS = 16


class _Linear:
    """A matrix product in the compute dtype."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, dtype: torch.dtype) -> None:
        self._weight = weight.to(dtype).contiguous()
        self._bias = None if bias is None else bias.to(dtype)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x.to(self._weight.dtype), self._weight, self._bias)


class _Layer(msgspec.Struct, frozen=True):
    """The products of one transformer block.

    Attributes:
        qkv: queries, keys and values at once.
        up: into the feed-forward net; of a gated one, gate and value at once.
    """

    qkv: _Linear
    out: _Linear
    up: _Linear
    down: _Linear


class _Shape(msgspec.Struct, frozen=True):
    """Query heads, key-value heads (fewer in grouped-query attention) and the width of a head."""

    heads: int
    kv_heads: int
    width: int


class Weights:
    """The tensors of a model folder by name, read one at a time.

    Args:
        prefix: of all names but `lm_head`, as saved with the output layer; without it if saved
            without.
    """

    def __init__(self, folder: Path, prefix: str) -> None:
        self._prefix = prefix
        self._files: dict[str, Any] = {}
        for path in sorted(folder.glob("model*.safetensors")):
            file = safe_open(path, framework="pt")
            names: list[str] = file.keys()  # type: ignore[no-untyped-call]
            self._files |= dict.fromkeys(names, file)

    def find(self, name: str) -> torch.Tensor | None:
        """The tensor in float32; None if there is none."""
        for known in (self._prefix + name, name):
            if known in self._files:
                tensor: torch.Tensor = self._files[known].get_tensor(known)
                return tensor.float()
        return None

    def __getitem__(self, name: str) -> torch.Tensor:
        tensor = self.find(name)
        if tensor is None:
            raise KeyError(name)
        return tensor


class CpuDecoder(ABC):
    """A decoder with a ragged KV cache and one shared prompt; see `sampler.Decoder`.

    Attributes:
        context: the longest sequence in tokens.
    """

    def __init__(self, context: int, shape: _Shape, layers: list[_Layer]) -> None:
        self.context = context
        self._shape = shape
        self._layers = layers
        self._cache = RaggedCache(len(layers), shape.kv_heads, shape.width)
        # Keys and values of the prompt, [layers, 2, key-value heads, tokens, width].
        self._prompt = torch.empty(0)
        self._shared = 0

    @abstractmethod
    def _embed(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """The input of the first layer, [tokens, hidden]."""

    @abstractmethod
    def _normalize(self, x: torch.Tensor) -> torch.Tensor:
        """The norm before each product, without its scale."""

    @abstractmethod
    def _activate(self, x: torch.Tensor) -> torch.Tensor:
        """The activation of the feed-forward net."""

    @abstractmethod
    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        """The logits of normalized hidden states, [rows, vocabulary]."""

    def _rotate(self, heads: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        """Apply rotary position embeddings, if any, to queries and keys [tokens, heads, width]."""
        return heads

    def reset(self) -> None:
        """Remove all rows."""
        self._cache.clear()

    def prefill(self, tokens: list[int], last: int, *, share: bool) -> torch.Tensor:
        """Run a prompt; return the logits after each of its `last` tokens."""
        count = len(tokens)
        positions = torch.arange(count)
        x = self._embed(torch.tensor(tokens), positions)
        prompt = []
        for layer in self._layers:
            queries, keys_values = self._project(layer, x, positions)
            prompt.append(keys_values.permute(1, 2, 0, 3))
            attended = functional.scaled_dot_product_attention(
                queries.transpose(0, 1)[None],
                prompt[-1][None, 0],
                prompt[-1][None, 1],
                is_causal=True,
                scale=1.0,
                enable_gqa=True,
            )
            x = self._finish(layer, x, attended[0].transpose(0, 1).reshape(count, -1))
        self._prompt = torch.stack(prompt)
        common = count - last + 1
        self._shared = common if share and common > _COPIED_TOKENS else 0
        return self._logits(self._normalize(x[-last:]))

    def fork(self, length: int, rows: int) -> None:
        """Add `rows` rows that continue the first `length` tokens of the prompt."""
        self._cache.add(self._prompt[:, :, :, self._shared : length], rows)

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Run one token a row; return the next logits, float32 [rows, vocabulary]."""
        positions = self._cache.lengths + self._shared
        x = self._embed(tokens, positions)
        window = self._cache.append()
        for number, layer in enumerate(self._layers):
            queries, keys_values = self._project(layer, x, positions)
            window.newest[number].copy_(keys_values)
            x = self._finish(layer, x, self._attend(number, queries, window))
        return self._logits(self._normalize(x))

    def select(self, rows: torch.Tensor) -> None:
        """Keep only these rows, in this order."""
        self._cache.select(rows)

    def _project(
        self, layer: _Layer, x: torch.Tensor, positions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Queries [tokens, heads, width]; keys and values [tokens, 2, key-value heads, width]."""
        heads, kv_heads, width = self._shape.heads, self._shape.kv_heads, self._shape.width
        qkv = layer.qkv(self._normalize(x)).float().view(len(x), heads + 2 * kv_heads, width)
        turned = self._rotate(qkv[:, : heads + kv_heads], positions)
        keys_values = torch.stack([turned[:, heads:], qkv[:, heads + kv_heads :]], dim=1)
        return turned[:, :heads], keys_values

    def _finish(self, layer: _Layer, x: torch.Tensor, attended: torch.Tensor) -> torch.Tensor:
        """The rest of a layer, after attention."""
        x = x.add_(layer.out(attended))
        return x.add_(layer.down(self._activate(layer.up(self._normalize(x)))))

    def _attend(self, number: int, queries: torch.Tensor, window: Window) -> torch.Tensor:
        """Attention of each row's newest token in one layer, [rows, heads × width]."""
        rows, kv_heads, width = len(queries), self._shape.kv_heads, self._shape.width
        group = self._shape.heads // kv_heads
        keys = window.keys[number].flatten(1, 2).permute(1, 2, 0)
        values = window.values[number].flatten(1, 2).transpose(0, 1)
        asked = queries.reshape(rows * kv_heads, group, width)
        if window.mask is None:
            scores = torch.bmm(asked, keys)
        else:
            mask = window.mask.T[:, None, None].expand(-1, kv_heads, group, -1)
            scores = torch.baddbmm(mask.reshape(rows * kv_heads, group, -1), asked, keys)
        if not self._shared:
            return torch.bmm(scores.softmax(dim=-1), values).view(rows, -1)
        # All rows attend to the shared prompt in one product for each key-value head.
        prompt_keys, prompt_values = self._prompt[number, :, :, : self._shared]
        asked = queries.view(rows, kv_heads, group, width).transpose(0, 1)
        asked = asked.reshape(kv_heads, -1, width)
        of_prompt = torch.bmm(asked, prompt_keys.transpose(1, 2)).view(kv_heads, rows, group, -1)
        of_prompt = of_prompt.transpose(0, 1).reshape(rows * kv_heads, group, -1)
        chances = torch.cat([of_prompt, scores], dim=-1).softmax(dim=-1)
        own = torch.bmm(chances[:, :, self._shared :], values)
        of_prompt = chances[:, :, : self._shared].reshape(rows, kv_heads, group, -1)
        of_prompt = of_prompt.transpose(0, 1).reshape(kv_heads, rows * group, -1)
        read = torch.bmm(of_prompt, prompt_values).view(kv_heads, rows, group, width)
        return read.transpose(0, 1).add(own.view(rows, kv_heads, group, width)).reshape(rows, -1)


class Gpt2Decoder(CpuDecoder):
    """GPT-2 (Radford et al. 2019): learned positions, layer norm, GELU."""

    def __init__(self, folder: Path, config: dict[str, Any], dtype: torch.dtype) -> None:
        weights = Weights(folder, "transformer.")
        self._tokens, self._positions = weights["wte.weight"], weights["wpe.weight"]
        heads, hidden = int(config["n_head"]), self._tokens.shape[1]
        self._epsilon = float(config.get("layer_norm_epsilon", 1e-5))
        self._tanh = config.get("activation_function", "gelu_new") != "gelu"
        # Queries are scaled in advance.
        scale = torch.ones(3 * hidden)
        scale[:hidden] /= math.sqrt(hidden // heads)

        def after_norm(norm: str, linear: str, scale: torch.Tensor | float = 1.0) -> _Linear:
            weight = (weights[f"{linear}.weight"] * scale).T
            bias = weights[f"{linear}.bias"] * scale + weight @ weights[f"{norm}.bias"]
            return _Linear(weight * weights[f"{norm}.weight"], bias, dtype)

        def linear(name: str) -> _Linear:
            return _Linear(weights[f"{name}.weight"].T, weights[f"{name}.bias"], dtype)

        layers = [
            _Layer(
                after_norm(f"h.{n}.ln_1", f"h.{n}.attn.c_attn", scale),
                linear(f"h.{n}.attn.c_proj"),
                after_norm(f"h.{n}.ln_2", f"h.{n}.mlp.c_fc"),
                linear(f"h.{n}.mlp.c_proj"),
            )
            for n in range(int(config["n_layer"]))
        ]
        head = weights.find("lm_head.weight")
        head = self._tokens if head is None else head
        self._head = _Linear(head * weights["ln_f.weight"], head @ weights["ln_f.bias"], dtype)
        shape = _Shape(heads, heads, hidden // heads)
        super().__init__(int(config["n_positions"]), shape, layers)

    def _embed(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        return self._tokens[tokens] + self._positions[positions]

    def _normalize(self, x: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(x, x.shape[-1:], eps=self._epsilon)

    def _activate(self, x: torch.Tensor) -> torch.Tensor:
        return functional.gelu(x, approximate="tanh" if self._tanh else "none")

    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        return self._head(x).float()


class LlamaDecoder(CpuDecoder):
    """Llama (Touvron et al. 2023), Mistral and Qwen2: rotary positions, RMS norm, SwiGLU."""

    def __init__(self, folder: Path, config: dict[str, Any], dtype: torch.dtype) -> None:
        weights = Weights(folder, "model.")
        self._tokens = weights["embed_tokens.weight"]
        heads = int(config["num_attention_heads"])
        kv_heads = int(config.get("num_key_value_heads") or heads)
        width = int(config.get("head_dim") or self._tokens.shape[1] // heads)
        self._epsilon = float(config.get("rms_norm_eps", 1e-6))
        context = int(config["max_position_embeddings"])
        angles = torch.outer(torch.arange(context).float(), _frequencies(config, width))
        self._turns = torch.polar(torch.ones_like(angles), angles)[:, None]
        # Pairs that are rotated together stand side by side, so that they read as complex numbers.
        order = torch.arange(width).view(2, -1).T.reshape(-1)

        def fused(norm: str | None, *names: str) -> _Linear:
            weight = torch.cat([weights[f"{name}.weight"] for name in names])
            biases = [weights.find(f"{name}.bias") for name in names]
            bias = None if biases[0] is None else torch.cat([b for b in biases if b is not None])
            if norm is not None:
                weight = weight * weights[f"{norm}.weight"]
            return _Linear(weight, bias, dtype)

        def qkv(layer: str) -> _Linear:
            norm = weights[f"{layer}.input_layernorm.weight"]
            parts, biases = [], []
            for name, scale in (("q", width**-0.5), ("k", 1.0), ("v", 1.0)):
                weight = weights[f"{layer}.self_attn.{name}_proj.weight"] * norm * scale
                bias = weights.find(f"{layer}.self_attn.{name}_proj.bias")
                bias = torch.zeros(len(weight)) if bias is None else bias * scale
                if name != "v":
                    weight = weight.view(-1, width, weight.shape[1])[:, order].flatten(0, 1)
                    bias = bias.view(-1, width)[:, order].flatten()
                parts.append(weight)
                biases.append(bias)
            bias = torch.cat(biases)
            return _Linear(torch.cat(parts), bias if bias.any() else None, dtype)

        layers = [
            _Layer(
                qkv(f"layers.{n}"),
                fused(None, f"layers.{n}.self_attn.o_proj"),
                fused(
                    f"layers.{n}.post_attention_layernorm",
                    f"layers.{n}.mlp.gate_proj",
                    f"layers.{n}.mlp.up_proj",
                ),
                fused(None, f"layers.{n}.mlp.down_proj"),
            )
            for n in range(int(config["num_hidden_layers"]))
        ]
        head = weights.find("lm_head.weight")
        head = self._tokens if head is None else head
        self._head = _Linear(head * weights["norm.weight"], None, dtype)
        super().__init__(context, _Shape(heads, kv_heads, width), layers)

    def _embed(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        return self._tokens[tokens]

    def _normalize(self, x: torch.Tensor) -> torch.Tensor:
        return functional.rms_norm(x, x.shape[-1:], eps=self._epsilon)

    def _activate(self, x: torch.Tensor) -> torch.Tensor:
        gate, value = x.chunk(2, dim=-1)
        return functional.silu(gate).mul_(value)

    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        return self._head(x).float()

    def _rotate(self, heads: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        pairs = torch.view_as_complex(heads.reshape(*heads.shape[:2], -1, 2))
        return torch.view_as_real(pairs * self._turns[positions]).flatten(-2)


def open_decoder(folder: Path, config: dict[str, Any], dtype: torch.dtype) -> CpuDecoder | None:
    """The decoder of a model folder; None if its architecture has none here.

    Args:
        config: its `config.json`.
        dtype: of the matrix products.

    Raises:
        KeyError: a tensor is missing.
    """
    if _is_plain_gpt2(config):
        return Gpt2Decoder(folder, config, dtype)
    if _is_plain_llama(config):
        return LlamaDecoder(folder, config, dtype)
    return None


def _is_plain_gpt2(config: dict[str, Any]) -> bool:
    plain = {
        "scale_attn_by_inverse_layer_idx": False,
        "scale_attn_weights": True,
        "add_cross_attention": False,
    }
    activations = ("gelu_new", "gelu_pytorch_tanh", "gelu")
    return (
        config.get("model_type") == "gpt2"
        and config.get("activation_function", "gelu_new") in activations
        and all(config.get(name, usual) == usual for name, usual in plain.items())
        and {"n_positions", "n_head", "n_layer", "n_embd"} <= config.keys()
    )


def _is_plain_llama(config: dict[str, Any]) -> bool:
    slides = config.get("sliding_window") and config.get("use_sliding_window", True)
    return (
        config.get("model_type") in ("llama", "mistral", "qwen2")
        and config.get("hidden_act", "silu") == "silu"
        and not slides
        and _rope(config).get("rope_type", "default") in ("default", "llama3")
        and {"num_attention_heads", "num_hidden_layers", "max_position_embeddings"} <= config.keys()
    )


def _rope(config: dict[str, Any]) -> dict[str, Any]:
    """The rotary embedding's parameters, of transformers 5 or, with other names, of 4."""
    older = dict(config.get("rope_scaling") or {})
    older["rope_type"] = older.get("rope_type") or older.get("type") or "default"
    older["rope_theta"] = config.get("rope_theta", 10_000.0)
    return older | dict(config.get("rope_parameters") or {})


def _frequencies(config: dict[str, Any], width: int) -> torch.Tensor:
    """Radians a position of each pair, [width / 2]; Llama 3.1 stretches the slow ones."""
    rope = _rope(config)
    frequencies = float(rope["rope_theta"]) ** -(torch.arange(0, width, 2).float() / width)
    if rope["rope_type"] == "default":
        return frequencies
    low, high = float(rope["low_freq_factor"]), float(rope["high_freq_factor"])
    turns = float(rope["original_max_position_embeddings"]) * frequencies / (2 * math.pi)
    kept = ((turns - low) / (high - low)).clamp(0, 1)
    return kept * frequencies + (1 - kept) * frequencies / float(rope["factor"])
