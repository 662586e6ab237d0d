"""Products with fixed weights on a CPU, as quick as its instructions allow.

A batch of titles is a thin matrix, so most of the time goes into reading weights and multiplying.
Eight bits a weight take a quarter of the memory of float32 and run on the processor's byte
instructions (VNNI). Weights are scaled by output, inputs by row as they come (Dettmers et al. 2022,
section 2), sums are exact integers; so a row's result does not depend on the rows beside it.
"""

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch.nn import functional

Product = Callable[[torch.Tensor], torch.Tensor]

_ZERO = 128
_LARGEST = 127
_TINY = 1e-12
# Outputs from which on rounding first and multiplying then is the quicker way.
_WIDE = 4096


def product(weight: torch.Tensor, bias: torch.Tensor | None) -> Product:
    """`x @ weight.T + bias` for float32 rows x, by the best means there is.

    Args:
        weight: float, [outputs, inputs].
        bias: float, [outputs].
    """
    weight = weight.float()
    bias = None if bias is None else bias.detach().float()
    if has_byte_products():
        return ByteProduct(weight, bias)
    return lambda x: functional.linear(x, weight, bias)


def replace_products(model: Any) -> None:
    """Lets a transformers model multiply by bytes where the processor can; for the CPU only."""
    if not has_byte_products():
        return
    for module in model.modules():
        kind = type(module).__name__
        if kind not in ("Linear", "Conv1D"):
            continue
        weight = module.weight.T if kind == "Conv1D" else module.weight
        module.forward = product(weight.detach(), None if module.bias is None else module.bias)
        # The weights may be those of the word embeddings too, so the name is let go, not the data.
        module.weight = torch.nn.Parameter(torch.empty(0), requires_grad=False)


class ByteProduct:
    """A product with weights of eight bits; float32 in and out.

    Args:
        weight: float32, [outputs, inputs].
        bias: float32, [outputs].
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        scale = weight.abs().amax(dim=1) / _LARGEST + _TINY
        rounded = (weight / scale[:, None]).round_().to(torch.int8).contiguous()
        narrow = len(weight) < _WIDE and _has_short_products()
        sums = _ShortSums if narrow else _LongSums
        self._sums = sums(rounded, scale / _LARGEST)
        self._bias = bias
        self._steps = torch.tensor(float(_LARGEST))

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """[…, inputs] → […, outputs]."""
        # Few operations, and quick ones: on thin matrices each costs as much as the arithmetic.
        largest = x.abs().amax(dim=-1, keepdim=True)
        # Where all are 0 the division gives NaN, thus any byte; its product with 0 is 0 again.
        sums = self._sums(torch.mul(x, torch.div(self._steps, largest)))
        if self._bias is None:
            return sums.mul_(largest)
        return torch.addcmul(self._bias, sums, largest, out=sums)


class _LongSums:
    """Rounds inputs to bytes and multiplies (oneDNN): the quickest where there are many outputs."""

    def __init__(self, weight: torch.Tensor, scale: torch.Tensor) -> None:
        self._packed = torch.ops.onednn.qlinear_prepack(weight, None)
        self._scale = scale
        self._zeros = torch.zeros(len(weight), dtype=torch.int32)
        self._multiply: Any = torch.ops.onednn.qlinear_pointwise.default

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        # The same bits as 128 more, unsigned: what the processor multiplies.
        steps = x.round_().to(torch.int8).view(torch.uint8).bitwise_xor_(_ZERO)
        sums: torch.Tensor = self._multiply(
            steps, 1.0, _ZERO, self._packed, self._scale, self._zeros, None, 1.0, 0,
            torch.float32, "none", [], "",
        )  # fmt: skip
        return sums


class _ShortSums:
    """The same in one call (FBGEMM), which takes half the time where there are few outputs."""

    def __init__(self, weight: torch.Tensor, scale: torch.Tensor) -> None:
        zeros = torch.zeros(len(weight), dtype=torch.long)
        with warnings.catch_warnings():
            # Tensors of this kind are to leave torch; without them there are the longer sums.
            warnings.simplefilter("ignore")
            known = torch._make_per_channel_quantized_tensor(weight, scale.double(), zeros, 0)
        self._packed = torch.ops.quantized.linear_prepack(known, None)
        self._multiply: Any = (
            torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32.default
        )

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        sums: torch.Tensor = self._multiply(x, 1.0, _ZERO, self._packed)
        return sums


@cache
def has_byte_products() -> bool:
    """Whether this processor and this torch multiply bytes quickly and rightly."""
    vnni = getattr(torch.cpu, "_is_vnni_supported", None)
    return vnni is not None and vnni() and _sums_rightly(_LongSums)


@cache
def _has_short_products() -> bool:
    return _sums_rightly(_ShortSums)


def _sums_rightly(kind: type[_LongSums] | type[_ShortSums]) -> bool:
    """Whether this torch multiplies bytes in this way, and exactly."""
    weight = torch.arange(-127, 129).repeat(6)[: 32 * 48].reshape(48, 32).clamp_(max=127)
    x = (torch.arange(3 * 32) * 83 % 255 - 127).reshape(3, 32)
    try:
        got = kind(weight.to(torch.int8), torch.full((48,), 0.5))(x.float())
    except (RuntimeError, AttributeError, TypeError):
        return False
    return torch.equal(got, 0.5 * (x @ weight.T))
