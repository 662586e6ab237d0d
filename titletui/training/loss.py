"""The loss: cross-entropy in nats on title tokens."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional


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
        titles = _cross_entropy(output(wanted), targets)
        if read is None:
            return titles
        following = inputs.roll(-1, dims=1)[read]
        return torch.stack([titles, _cross_entropy(output(hidden[read]), following)])


def causal_model(model: Any) -> Any:
    """The transformers model inside, where peft has put adapters into it."""
    return model.get_base_model() if hasattr(model, "peft_config") else model


def _cross_entropy(scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(scores.float(), targets, reduction="sum")
