"""The loss: cross-entropy in nats on title tokens."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

# Scores that are taken at a time: on a GPU, and on a CPU, where four megabytes stay in its cache.
_IN_CACHE = (1 << 26, 1 << 20)


class TitleLoss(nn.Module):
    """A causal language model that gives the summed loss of a batch.

    The output layer, half of the work of a small model, is applied only where a title's token is
    to be predicted.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        inputs: torch.Tensor,
        counted: torch.Tensor | None,
        targets: torch.Tensor,
        read: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The sum over all title tokens; with `read` also that over these prompt tokens, [2].

        Args:
            inputs: tokens, [rows, length], padded at the right; positions after a row's end are
                seen by none before it, so that no mask is needed.
            counted: where the next token is a title's, [rows, length]; None means everywhere.
            targets: those next tokens, [count].
            read: where the next token is a prompt's, [rows, length].
        """
        whole = causal_model(self.model)
        hidden = whole.base_model(input_ids=inputs, use_cache=False)[0]
        wanted = hidden.flatten(0, 1) if counted is None else hidden[counted]
        output = whole.get_output_embeddings()
        titles = summed_loss(output, wanted, targets)
        if read is None:
            return titles
        following = inputs.roll(-1, dims=1)[read]
        return torch.stack([titles, summed_loss(output, hidden[read], following)])


def causal_model(model: Any) -> Any:
    """The transformers model inside, where peft has put adapters into it."""
    return model.get_base_model() if hasattr(model, "peft_config") else model


def summed_loss(output: Any, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The summed cross-entropy of what the layer `output` makes of `hidden`.

    Args:
        hidden: [count, width].
        targets: [count].
    """
    plain = type(output) is nn.Linear and getattr(output, "bias", None) is None
    if not plain:
        return functional.cross_entropy(output(hidden).float(), targets, reduction="sum")
    device = hidden.device.type
    kind = hidden.dtype
    if torch.is_autocast_enabled(device):
        kind = torch.get_autocast_dtype(device)
    with torch.autocast(device, enabled=False):
        learns = torch.is_grad_enabled()
        loss: torch.Tensor = _Loss.apply(  # type: ignore[no-untyped-call]
            hidden, output.weight, targets, kind, learns
        )
    return loss


class _Loss(torch.autograd.Function):
    """Linear layer and cross-entropy in one, a few rows at a time.

    The scores are as large as all else together. They are kept in the kind of number that they are
    computed in, and become their own gradient (softmax minus one at the target) while a few rows
    of them, in float32, are in the processor's cache: a quarter of the time of doing so for all.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        targets: torch.Tensor,
        kind: torch.dtype,
        learns: bool,
    ) -> torch.Tensor:
        inputs, matrix = hidden.to(kind), weight.to(kind)
        scores = inputs @ matrix.t()
        rows = max(1, _IN_CACHE[hidden.device.type == "cpu"] // scores.shape[1])
        summed = torch.zeros((), device=hidden.device)
        for first in range(0, len(scores), rows):
            part, wanted = scores[first : first + rows], targets[first : first + rows, None]
            exact = part.float()
            highest = exact.amax(dim=1, keepdim=True)
            chances = exact.softmax(dim=1)
            # The logarithm of the sum of exponentials, from the share of the highest score in it.
            logarithm = highest - chances.amax(dim=1, keepdim=True).log()
            summed += (logarithm - exact.gather(1, wanted)).sum()
            if learns:
                chances.scatter_add_(1, wanted, torch.full_like(wanted, -1, dtype=chances.dtype))
                part.copy_(chances)
        if learns:
            ctx.save_for_backward(scores, inputs, matrix)
            ctx.kinds = hidden.dtype, weight.dtype
        return summed

    @staticmethod
    def backward(ctx: Any, *given: torch.Tensor) -> Any:
        gradient, inputs, matrix = ctx.saved_tensors
        (scale,) = given
        of_hidden, of_weight = ctx.kinds
        below = above = None
        if ctx.needs_input_grad[0]:
            below = ((gradient @ matrix).float() * scale).to(of_hidden)
        if ctx.needs_input_grad[1]:
            above = (gradient.t() @ (inputs.float() * scale).to(inputs.dtype)).to(of_weight)
        return below, above, None, None, None
