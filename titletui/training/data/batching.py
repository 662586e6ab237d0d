"""Token sequences into padded batches of like length."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from titletui.training.data.dataset import Examples, Integers
from titletui.training.recipe import Recipe


@dataclass(frozen=True)
class Batch:
    """Sequences padded at the right; causal attention never looks there.

    Attributes:
        inputs: token ids, [rows, length].
        title_mask: positions whose next token belongs to a title, [rows, length].
        targets: those next tokens, row by row, [title tokens].
        prompt_mask: positions whose next token belongs to a prompt, [rows, length].
    """

    inputs: Integers
    title_mask: NDArray[np.bool_]
    targets: Integers
    prompt_mask: NDArray[np.bool_]


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


def collate(examples: Examples, rows: Integers, pad_token: int) -> Batch:
    """Pad the sequences `rows` to one batch."""
    lengths, prompts = examples.lengths[rows, None], examples.prompt_lengths[rows, None]
    positions = np.arange(int(lengths.max()))
    inside = positions < lengths
    # Positions behind a sequence's end index its last token, which the padding then replaces.
    indices = examples.starts[rows, None] + np.minimum(positions, lengths - 1)
    tokens = np.where(inside, examples.tokens[indices], pad_token).astype(np.int64)
    title_mask = inside & (positions >= prompts)
    prompt_mask = (positions > 0) & (positions < prompts)
    return Batch(
        inputs=tokens[:, :-1],
        title_mask=title_mask[:, 1:],
        targets=tokens[:, 1:][title_mask[:, 1:]],
        prompt_mask=prompt_mask[:, 1:],
    )
