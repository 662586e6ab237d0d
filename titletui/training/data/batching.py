"""Token sequences into padded batches of like length."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from titletui.training.data.dataset import Examples, Integers
from titletui.training.recipe import Recipe


@dataclass(frozen=True)
class Batch:
    """Sequences padded at the right; causal attention never looks there.

    Positions are indices into the flattened inputs; they are computed on the host, so that a GPU
    need not wait for the CPU to learn how many there are.

    Attributes:
        inputs: token ids, [rows, length].
        targets: the title tokens, row by row, [title tokens].
        positions: where the next token is one of the targets; None means everywhere.
        prompt_targets, prompt_positions: the same of the prompts; None leaves them out.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    positions: torch.Tensor | None
    prompt_targets: torch.Tensor | None = None
    prompt_positions: torch.Tensor | None = None


def epoch_batches(examples: Examples, recipe: Recipe, epoch: int) -> list[Integers]:
    """The rows of each batch of an epoch: like lengths together, the batches in random order.

    Depends on the recipe's seed and the epoch alone, so that a resumed run needs no state for it.
    """
    order = np.random.default_rng([recipe.seed, epoch])
    shuffled = order.permutation(len(examples))
    lengths = examples.lengths
    rows = shuffled[np.argsort(lengths[shuffled], kind="stable")]
    batches = cut_batches(rows, lengths[rows], recipe)
    return [batches[index] for index in order.permutation(len(batches))]


def cut_batches(rows: Integers, lengths: Integers, recipe: Recipe) -> list[Integers]:
    """Cut `rows`, sorted by ascending length, into batches of the recipe's size."""
    if recipe.batch_tokens == 0:
        size = recipe.batch_size
        return [rows[first : first + size] for first in range(0, len(rows), size)]
    batches = []
    first = 0
    for last, length in enumerate(lengths.tolist()):
        if last > first and (last - first + 1) * length > recipe.batch_tokens:
            batches.append(rows[first:last])
            first = last
    return [*batches, rows[first:]] if first < len(rows) else batches


def cut_micro_batches(rows: Integers, examples: Examples, max_tokens: int) -> list[Integers]:
    """Cut a batch into micro-batches of at most `max_tokens`, padding included.

    Args:
        max_tokens: 0 leaves the batch whole; each micro-batch has at least one sequence.
    """
    if not len(rows):
        return []
    if not max_tokens:
        return [rows]
    size = max(1, max_tokens // int(examples.lengths[rows].max()))
    return [rows[first : first + size] for first in range(0, len(rows), size)]


def collate(
    examples: Examples,
    rows: Integers,
    pad_token: int,
    device: torch.device | str = "cpu",
    *,
    prompts: bool = False,
) -> Batch:
    """Pad the sequences `rows` to one batch on `device`.

    Args:
        prompts: also return the prompts as targets.
    """
    lengths, prompt_lengths = examples.lengths[rows, None], examples.prompt_lengths[rows, None]
    columns = np.arange(int(lengths.max()))
    inside = columns < lengths
    # Columns behind a sequence's end index its last token, which the padding then replaces.
    indices = examples.starts[rows, None] + np.minimum(columns, lengths - 1)
    tokens = np.where(inside, examples.tokens[indices], pad_token).astype(np.int64)
    next_tokens = tokens[:, 1:]

    def select(mask: NDArray[np.bool_]) -> tuple[torch.Tensor, torch.Tensor]:
        positions = np.flatnonzero(mask[:, 1:])
        return tensor(next_tokens.ravel()[positions]), tensor(positions)

    def tensor(array: Integers) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device, non_blocking=True)

    targets, positions = select(inside & (columns >= prompt_lengths))
    of_prompts = select((columns > 0) & (columns < prompt_lengths)) if prompts else (None, None)
    everywhere = len(targets) == next_tokens.size
    return Batch(tensor(tokens[:, :-1]), targets, None if everywhere else positions, *of_prompts)
