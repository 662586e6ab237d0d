"""The decode loop: batched sampling that yields each title as soon as it ends.

A prompt is run once. Its rows are decoded together; rows that ended leave the batch and waiting
ones take their place.
"""

import math
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import msgspec
import torch

from titletui.candidate import Candidate
from titletui.inference.prefix import Opening
from titletui.inference.token_sampling import counter_rng, sample, sample_with_logprobs
from titletui.models.token_bytes import Vocabulary
from titletui.sampling_params import SamplingParams

# A large batch starts with few rows until one has ended, so that the first title comes soon.
_FIRST_ROWS, _FIRST_STEPS = 16, 8
_MAX_ROWS = 128
_MAX_CACHED_TOKENS = 65_536
# Nats a token; the perplexity of more would not be finite in JSON.
_MAX_LOSS = 100.0


class Decoder(Protocol):
    """A model that decodes a ragged batch, one token a row and step.

    Attributes:
        context: the longest sequence in tokens.
    """

    context: int

    def reset(self) -> None:
        """Remove all rows."""
        ...

    def prefill(self, tokens: list[int], last: int, *, share: bool) -> torch.Tensor:
        """Run a prompt; return the logits after each of its `last` tokens, [last, vocabulary].

        Args:
            share: all rows until the next prefill continue this prompt; there are none yet.
        """
        ...

    def fork(self, length: int, rows: int) -> None:
        """Add `rows` rows that continue the first `length` tokens of the prompt."""
        ...

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Run one token a row; return the next logits, float32 [rows, vocabulary]."""
        ...

    def select(self, rows: torch.Tensor) -> None:
        """Keep only these rows, in this order."""
        ...


class _Row:
    """A title that is being decoded.

    Attributes:
        position: how many tokens of the prompt it continues.
        spelled: bytes of its first token that the prefix has already.
    """

    def __init__(self, index: int, position: int, token: int, spelled: int, logprob: float) -> None:
        self.index = index
        self.position = position
        self.spelled = spelled
        self.token_ids = [token]
        self.loss = -logprob

    def add(self, token: int, logprob: float) -> None:
        self.token_ids.append(token)
        self.loss -= logprob


def write_titles(
    decoder: Decoder,
    vocabulary: Vocabulary,
    openings: Sequence[Opening],
    params: SamplingParams,
    count: int = 1,
    *,
    one_line: bool = True,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Candidate]:
    """Generate `count` titles for each opening; yield each when it ends.

    Args:
        params: with a seed.
        one_line: a newline ends the title.
        cancelled: checked before each token.
    """
    line_ends = vocabulary.line_ends if one_line else []
    ends = {vocabulary.end, *line_ends}
    # Greedy decoding gives the same title each time.
    copies = count if params.temperature == 0 else 1
    distinct = count // copies
    prompts = deque(enumerate(openings))
    waiting: deque[_Row] = deque()
    batch: list[_Row] = []
    max_tokens, first_steps = 1, _FIRST_STEPS
    decoder.reset()

    while prompts or waiting or batch:
        if cancelled():
            return
        limit = _FIRST_ROWS if first_steps else _MAX_ROWS
        first_steps = max(0, first_steps - 1)
        while len(batch) < limit:
            if not waiting:
                # Rows of different prompts share a batch only if no prompt is shared.
                if not prompts or (batch and distinct > 1):
                    break
                number, opening = prompts.popleft()
                first = _first_tokens(decoder, vocabulary, opening, line_ends, share=distinct > 1)
                waiting = _sample_first(first, params, number * count, distinct)
                max_tokens = opening.max_tokens
            position = waiting[0].position
            room = min(limit, max(4, _MAX_CACHED_TOKENS // (position + 32))) - len(batch)
            if room <= 0:
                break
            added = _take(waiting, position, room)
            with torch.inference_mode():
                decoder.fork(position, len(added))
            batch += added

        running = []
        for row_number, row in enumerate(batch):
            whole = row.token_ids[-1] in ends
            if not whole and len(row.token_ids) < max_tokens:
                running.append(row_number)
                continue
            first_steps = 0
            candidate = _finish(vocabulary, row, params.seed, whole=whole, one_line=one_line)
            for copy in range(copies):
                yield msgspec.structs.replace(candidate, index=candidate.index + copy)
        with torch.inference_mode():
            if len(running) < len(batch):
                running = _compacted(running)
                batch = [batch[row_number] for row_number in running]
                decoder.select(torch.tensor(running, dtype=torch.long))
            if batch:
                _step(decoder, vocabulary, params, batch)


def _step(
    decoder: Decoder, vocabulary: Vocabulary, params: SamplingParams, batch: list[_Row]
) -> None:
    """Decode one token of each row."""
    logits = decoder.step(torch.tensor([row.token_ids[-1] for row in batch]))
    logits[:, vocabulary.barred_ids] = -math.inf
    logits[:, len(vocabulary.pieces) :] = -math.inf
    rng = counter_rng(
        params.seed or 0,
        torch.tensor([row.index for row in batch]),
        torch.tensor([len(row.token_ids) for row in batch]),
    )
    tokens, logprobs = sample_with_logprobs(logits, params, rng)
    for row, token, logprob in zip(batch, tokens.tolist(), logprobs.tolist(), strict=True):
        row.add(token, logprob)


def _take(waiting: "deque[_Row]", position: int, most: int) -> list[_Row]:
    """The next rows that continue the prompt from `position`."""
    taken: list[_Row] = []
    while waiting and len(taken) < most and waiting[0].position == position:
        taken.append(waiting.popleft())
    return taken


def _compacted(rows: list[int]) -> list[int]:
    """The same rows, reordered so that the last ones fill the gaps and few change place."""
    count = len(rows)
    in_place = {row for row in rows if row < count}
    moved = [row for row in rows if row >= count]
    return [row if row in in_place else moved.pop() for row in range(count)]


def _finish(
    vocabulary: Vocabulary, row: _Row, seed: int | None, *, whole: bool, one_line: bool
) -> Candidate:
    text = vocabulary.bytes_of(row.token_ids)[row.spelled :].decode(errors="replace")
    text = text.partition("\n")[0] if one_line else re.sub(r"\s*\n\s*", " ", text)
    tokens = len(row.token_ids)
    return Candidate(
        text=text.rstrip("\ufffd \t\r"),
        index=row.index,
        perplexity=math.exp(min(row.loss / tokens, _MAX_LOSS)),
        tokens=tokens,
        token_ids=tuple(row.token_ids),
        seed=seed,
        whole=whole,
    )


class _FirstTokens(msgspec.Struct, frozen=True):
    """All first tokens that continue a prefix, each [choices].

    Attributes:
        positions: how many tokens of the prompt come before each.
        spelled: bytes of each that the prefix has already.
        logprobs: normalized over all choices.
    """

    positions: torch.Tensor
    tokens: torch.Tensor
    spelled: torch.Tensor
    logprobs: torch.Tensor


@torch.inference_mode()
def _first_tokens(
    decoder: Decoder, vocabulary: Vocabulary, opening: Opening, line_ends: list[int], *, share: bool
) -> _FirstTokens:
    """Run the prompt and heal its last tokens: weigh all tokenizations of the prefix's ending.

    A choice is the first i tokens of the ending, then one token that spells the rest and more. No
    choice is an end token: a prefix is there to be continued.
    """
    kept = len(opening.tokens) - opening.ending
    ending = list(opening.tokens[kept:])
    logits = decoder.prefill(list(opening.tokens), opening.ending + 1, share=share)
    logprobs = logits.cpu().log_softmax(dim=-1)
    rest = vocabulary.bytes_of(ending)
    barred = [*vocabulary.special_ids, vocabulary.end, *line_ends]
    positions, tokens, spelled, totals = [], [], [], []
    so_far = torch.tensor(0.0)
    for place in range(opening.ending + 1):
        here = logprobs[place].clone()
        here[len(vocabulary.pieces) :] = -math.inf
        here[barred] = -math.inf
        choices = torch.tensor(vocabulary.extending(rest), dtype=torch.long)
        positions.append(torch.full_like(choices, kept + place))
        tokens.append(choices)
        spelled.append(torch.full_like(choices, len(rest)))
        totals.append(here[choices] + so_far)
        if place < opening.ending:
            so_far = so_far + logprobs[place][ending[place]]
            rest = rest[len(vocabulary.pieces[ending[place]]) :]
    return _FirstTokens(
        torch.cat(positions),
        torch.cat(tokens),
        torch.cat(spelled),
        torch.cat(totals).log_softmax(0),
    )


def _sample_first(
    first: _FirstTokens, params: SamplingParams, index: int, count: int
) -> "deque[_Row]":
    """Rows `index`, `index` + 1, … with their first tokens; rows of one position together."""
    indices = torch.arange(index, index + count)
    rng = counter_rng(params.seed or 0, indices, torch.zeros_like(indices))
    chosen = sample(first.logprobs.expand(count, -1), params, rng)
    facts = (first.positions, first.tokens, first.spelled, first.logprobs)
    rows = [
        _Row(number, position, token, spelled, logprob)
        for number, position, token, spelled, logprob in zip(
            indices.tolist(), *(fact[chosen].tolist() for fact in facts), strict=True
        )
    ]
    return deque(sorted(rows, key=lambda row: (row.position, row.index)))
