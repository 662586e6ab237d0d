"""Products of bytes are near those of floats, and a row's does not depend on the others."""

import copy
from pathlib import Path

import pytest
import torch

from tests.support.models import tiny_gpt2, tiny_llama
from titletui.inference import int8_linear
from titletui.inference.int8_linear import ByteProduct, has_byte_products, product, replace_products
from titletui.models.loading import load_model
from titletui.models.registry import ModelInfo

needs_bytes = pytest.mark.skipif(not has_byte_products(), reason="no byte products here")


def matrix(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@needs_bytes
def test_a_product_of_bytes_is_near_that_of_floats() -> None:
    weight, bias, x = matrix(96, 64), matrix(96), matrix(5, 64) * 3
    got = ByteProduct(weight, bias)(x)
    expected = x @ weight.T + bias
    assert float((got - expected).norm() / expected.norm()) < 0.02


@needs_bytes
@pytest.mark.parametrize("outputs", [96, 5000])
def test_a_row_is_the_same_bit_for_bit_whatever_is_beside_it(outputs: int) -> None:
    by = ByteProduct(matrix(outputs, 64), None)
    x = matrix(50, 64)
    x[7] *= 1000
    together = by(x)
    assert all(torch.equal(together[row : row + 1], by(x[row : row + 1])) for row in range(50))


@needs_bytes
def test_many_outputs_and_few_are_multiplied_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    weight, bias, x = matrix(96, 64), matrix(96), matrix(5, 64)
    short = ByteProduct(weight, bias)(x)
    monkeypatch.setattr(int8_linear, "_has_short_products", lambda: False)
    # Both round to bytes; only a number halfway between two may go either way.
    assert torch.allclose(ByteProduct(weight, bias)(x), short, atol=0.05)


@needs_bytes
def test_nothing_becomes_of_zero() -> None:
    assert float(ByteProduct(torch.zeros(4, 8), None)(matrix(2, 8)).abs().max()) < 1e-6
    assert float(ByteProduct(matrix(4, 8), None)(torch.zeros(2, 8)).abs().max()) < 1e-6


def test_without_byte_instructions_floats_are_multiplied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8_linear, "has_byte_products", lambda: False)
    weight, bias, x = matrix(6, 8), matrix(6), matrix(3, 8)
    assert torch.allclose(product(weight, bias)(x), x @ weight.T + bias, atol=1e-5)


@pytest.mark.parametrize("make", [tiny_gpt2, tiny_llama])
def test_a_whole_model_says_nearly_the_same_by_bytes(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    model = load_model(ModelInfo(name="tiny", kind="folder", path=make(tmp_path))).model
    tokens = torch.arange(1, 21)[None]
    with torch.inference_mode():
        expected = model(tokens).logits
        by_bytes = copy.deepcopy(model)
        replace_products(by_bytes)
        got = by_bytes(tokens).logits
    assert float((got - expected).norm() / expected.norm()) < 0.1


def test_without_byte_instructions_a_model_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8_linear, "has_byte_products", lambda: False)
    model = load_model(ModelInfo(name="tiny", kind="folder", path=tiny_gpt2(tmp_path))).model
    tokens = torch.arange(1, 21)[None]
    with torch.inference_mode():
        expected = model(tokens).logits
        replace_products(model)
        assert torch.equal(model(tokens).logits, expected)
    assert all(weight.numel() for weight in model.parameters())
