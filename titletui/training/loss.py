"""The loss: cross-entropy in nats on title tokens."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from titletui.training.data.batching import Batch

# Logits that are converted to float32 at a time: on a GPU, and on a CPU, whose cache 4 MB fit into.
_BLOCK_LOGITS = (1 << 26, 1 << 20)


class TitleLoss(nn.Module):
    """A causal language model that returns the summed losses of a batch.

    The output layer, half of the work of a small model, is applied only where the next token
    counts.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> torch.Tensor:
        """The summed losses of the titles and, where the batch has them as targets, the prompts.

        Returns:
            [2], nats.
        """
        model = causal_model(self.model)
        output = model.get_output_embeddings()
        hidden = model.base_model(input_ids=batch.inputs, use_cache=False)[0].flatten(0, 1)
        titles = hidden if batch.positions is None else hidden[batch.positions]
        loss = summed_loss(output, titles, batch.targets)
        of_prompts = torch.zeros_like(loss)
        if batch.prompt_targets is not None:
            of_prompts = summed_loss(output, hidden[batch.prompt_positions], batch.prompt_targets)
        return torch.stack([loss, of_prompts])


def causal_model(model: Any) -> Any:
    """The transformers model inside a peft model, or the model itself."""
    return model.get_base_model() if hasattr(model, "peft_config") else model


def summed_loss(output: Any, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The summed cross-entropy of the output layer's logits.

    Args:
        output: the layer that makes logits of hidden states.
        hidden: [tokens, width].
        targets: [tokens].
    """
    plain = type(output) is nn.Linear and getattr(output, "bias", None) is None
    if not plain:
        return functional.cross_entropy(output(hidden).float(), targets, reduction="sum")
    device, dtype = hidden.device.type, hidden.dtype
    if torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
    with torch.autocast(device, enabled=False):
        loss: torch.Tensor = _LinearCrossEntropy.apply(  # type: ignore[no-untyped-call]
            hidden, output.weight, targets, dtype, torch.is_grad_enabled()
        )
    return loss


class _LinearCrossEntropy(torch.autograd.Function):
    """Linear layer and cross-entropy in one.

    The logits are as large as all other activations together. They stay in the compute dtype and
    are overwritten in place by their gradient, `softmax - one_hot`, in float32 blocks that fit the
    processor's cache: a quarter of the time of doing so for all at once.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        targets: torch.Tensor,
        dtype: torch.dtype,
        needs_gradient: bool,
    ) -> torch.Tensor:
        inputs, matrix = hidden.to(dtype), weight.to(dtype)
        logits = inputs @ matrix.t()
        rows = max(1, _BLOCK_LOGITS[hidden.device.type == "cpu"] // logits.shape[1])
        loss = torch.zeros((), device=hidden.device)
        for first in range(0, len(logits), rows):
            block, target = logits[first : first + rows], targets[first : first + rows, None]
            exact = block.float()
            highest = exact.amax(dim=1, keepdim=True)
            probs = exact.softmax(dim=1)
            # log-sum-exp, from the probability of the highest logit.
            log_sum = highest - probs.amax(dim=1, keepdim=True).log()
            loss += (log_sum - exact.gather(1, target)).sum()
            if needs_gradient:
                probs.scatter_add_(1, target, torch.full_like(target, -1, dtype=probs.dtype))
                block.copy_(probs)
        if needs_gradient:
            ctx.save_for_backward(logits, inputs, matrix)
            ctx.dtypes = hidden.dtype, weight.dtype
        return loss

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        of_logits, inputs, matrix = ctx.saved_tensors
        (scale,) = gradients
        hidden_dtype, weight_dtype = ctx.dtypes
        of_hidden = of_weight = None
        if ctx.needs_input_grad[0]:
            of_hidden = ((of_logits @ matrix).float() * scale).to(hidden_dtype)
        if ctx.needs_input_grad[1]:
            scaled = (inputs.float() * scale).to(inputs.dtype)
            of_weight = (of_logits.t() @ scaled).to(weight_dtype)
        return of_hidden, of_weight, None, None, None
