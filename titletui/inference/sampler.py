"""Batched sampling that hands out each title as it ends.

The prompt is computed once. All titles of a batch go on from it together; those that have ended
leave, and new ones take their place.
"""

import math
import re
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec
import torch

from titletui.candidate import Candidate
from titletui.inference.prefix import Opening
from titletui.inference.token_sampling import choose, choose_scored, draws
from titletui.models.token_bytes import Vocabulary
from titletui.sampling_params import SamplingParams

_NEVER = float("-inf")
_FIRST = 16
_FIRST_STEPS = 8
_MOST = 128
_CACHED_TOKENS = 65_536
# Nats a token; larger ones would not be finite as a perplexity in JSON.
_MOST_LOSS = 100.0


class Decoder(Protocol):
    """A model that is asked for one token a row at a time.

    Attributes:
        context: tokens that it can take.
        joins: rows may begin while others are on their way; else only when there are none, and all
            from the same place.
    """

    context: int
    joins: bool

    def read(self, tokens: list[int], last: int) -> torch.Tensor:
        """Reads a prompt; returns the scores after each of its `last` tokens, [last, tokens]."""
        ...

    def branch(self, length: int, rows: int) -> None:
        """Begins `rows` more titles after the first `length` tokens of the prompt."""
        ...

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Reads one token a row; returns the scores for the next, float32 [rows, tokens]."""
        ...

    def keep(self, rows: torch.Tensor) -> None:
        """Lets go of all rows but these."""
        ...


class _Beginnings(msgspec.Struct, frozen=True):
    """All first tokens that let a title begin as the prefix says.

    Attributes:
        places: after how many tokens of the prompt each stands, [choices].
        tokens: [choices].
        spelled: bytes of each that the prefix has already, [choices].
        scores: log-probability of each, its way there included, [choices].
    """

    places: torch.Tensor
    tokens: torch.Tensor
    spelled: torch.Tensor
    scores: torch.Tensor


def write_titles(
    decoder: Decoder,
    vocabulary: Vocabulary,
    opening: Opening,
    params: SamplingParams,
    count: int,
    *,
    one_line: bool = True,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Candidate]:
    """Writes `count` titles, each handed out when it ends; stops early when `cancelled()`.

    Args:
        one_line: a line end ends the title.
    """
    ends = vocabulary.line_ends if one_line else []
    copies = count if params.temperature == 0 else 1
    with torch.inference_mode():
        begun = _beginnings(decoder, vocabulary, opening, ends)
        rows = torch.arange(count // copies)
        first = draws(params.seed or 0, rows, torch.zeros_like(rows))
        chosen = choose(begun.scores.expand(len(rows), -1), params, first)
    waiting = _titles(begun, chosen, vocabulary)
    writing = _write(decoder, vocabulary, opening.max_tokens, params, waiting, ends, cancelled)
    for title in writing:
        for copy in range(copies):
            yield msgspec.structs.replace(title, index=title.index + copy)


def _write(
    decoder: Decoder,
    vocabulary: Vocabulary,
    length: int,
    params: SamplingParams,
    waiting: "deque[_Title]",
    line_ends: list[int],
    cancelled: Callable[[], bool],
) -> Iterator[Candidate]:
    """Writes on until none waits and none is on its way."""
    ends = {vocabulary.end, *line_ends}
    barred = [token for token in vocabulary.special_ids if token != vocabulary.end]
    never = torch.tensor(barred, dtype=torch.long)
    alive: list[_Title] = []
    # The first few go alone until one of them has ended, so that it is there soon.
    alone = _FIRST_STEPS
    while waiting or alive:
        if cancelled():
            return
        alive += _admit(decoder, waiting, len(alive), _FIRST if alone else _MOST)
        alone = max(0, alone - 1)
        kept = []
        for index, title in enumerate(alive):
            whole = title.written[-1] in ends
            if whole or len(title.written) >= length:
                alone = 0
                yield title.end(params.seed, whole=whole, one_line=bool(line_ends))
            else:
                kept.append(index)
        with torch.inference_mode():
            if len(kept) < len(alive):
                kept = _closed_up(kept)
                alive = [alive[index] for index in kept]
                decoder.keep(torch.tensor(kept, dtype=torch.long))
            if not alive:
                continue
            scores = decoder.step(torch.tensor([title.written[-1] for title in alive]))
            if barred:
                scores[:, never] = _NEVER
            scores[:, len(vocabulary.pieces) :] = _NEVER
            rows = torch.tensor([title.row for title in alive])
            steps = torch.tensor([len(title.written) for title in alive])
            tokens, gained = choose_scored(scores, params, draws(params.seed or 0, rows, steps))
        for title, token, score in zip(alive, tokens.tolist(), gained.tolist(), strict=True):
            title.add(token, score)


def _admit(decoder: Decoder, waiting: "deque[_Title]", alive: int, most: int) -> "list[_Title]":
    """Lets titles that wait join, as long as there are at most `most`."""
    if not waiting or (alive and not decoder.joins):
        return []
    place = waiting[0].place
    most = max(4, min(most, _CACHED_TOKENS // (place + 32)))
    joining: list[_Title] = []
    while waiting and alive + len(joining) < most and waiting[0].place == place:
        joining.append(waiting.popleft())
    if joining:
        with torch.inference_mode():
            decoder.branch(place, len(joining))
    return joining


def _closed_up(kept: list[int]) -> list[int]:
    """The same rows in an order that fills gaps with the last ones, so that few are moved."""
    count = len(kept)
    stay = {index for index in kept if index < count}
    last = [index for index in kept if index >= count]
    return [index if index in stay else last.pop() for index in range(count)]


class _Title:
    """A title that is being written."""

    def __init__(
        self,
        row: int,
        place: int,
        vocabulary: Vocabulary,
        token: int,
        spelled: int,
        score: float,
    ) -> None:
        self.row = row
        self.place = place
        self.vocabulary = vocabulary
        self.written = [token]
        self.spelled = spelled
        self.loss = -score
        self.tokens = 1

    def add(self, token: int, score: float) -> None:
        self.written.append(token)
        self.loss -= score
        self.tokens += 1

    def end(self, seed: int | None, *, whole: bool, one_line: bool) -> Candidate:
        said = self.vocabulary.bytes_of(self.written)[self.spelled :].decode(errors="replace")
        said = said.partition("\n")[0] if one_line else re.sub(r"\s*\n\s*", " ", said)
        return Candidate(
            text=said.rstrip("\ufffd \t\r"),
            index=self.row,
            perplexity=math.exp(min(self.loss / self.tokens, _MOST_LOSS)),
            tokens=self.tokens,
            token_ids=tuple(self.written),
            seed=seed,
            whole=whole,
        )


def _beginnings(
    decoder: Decoder,
    vocabulary: Vocabulary,
    opening: Opening,
    ends: list[int],
) -> _Beginnings:
    """Every way to write the ending of the prompt and go on from it, with its likelihood.

    A way is: the first i of the ending's own tokens, then one that covers the rest of it and more.
    The first token cannot be an end: whoever gives a prefix wants more than it.
    """
    prompt = list(opening.tokens)
    kept = len(prompt) - opening.ending
    after = torch.log_softmax(decoder.read(prompt, opening.ending + 1).float().cpu(), dim=-1)
    ending = prompt[kept:]
    rest = vocabulary.bytes_of(ending)
    places, tokens, spelled, scores = [], [], [], []
    way = torch.tensor(0.0)
    for index in range(opening.ending + 1):
        here = after[index].clone()
        here[len(vocabulary.pieces) :] = _NEVER
        here[[*vocabulary.special_ids, *ends]] = _NEVER
        covering = torch.tensor(vocabulary.extending(rest), dtype=torch.long)
        places.append(torch.full_like(covering, kept + index))
        tokens.append(covering)
        spelled.append(torch.full_like(covering, len(rest)))
        scores.append(here[covering] + way)
        if index < opening.ending:
            way = way + after[index][ending[index]]
            rest = rest[len(vocabulary.pieces[ending[index]]) :]
    return _Beginnings(torch.cat(places), torch.cat(tokens), torch.cat(spelled), torch.cat(scores))


def _titles(begun: _Beginnings, chosen: torch.Tensor, vocabulary: Vocabulary) -> "deque[_Title]":
    """The titles with their first tokens, those that begin at the same place together."""
    own = begun.scores - begun.scores.logsumexp(0)
    facts = (begun.places, begun.tokens, begun.spelled, own)
    titles = [
        _Title(row, place, vocabulary, token, spelled, score)
        for row, (place, token, spelled, score) in enumerate(
            zip(*(fact[chosen].tolist() for fact in facts), strict=True)
        )
    ]
    return deque(sorted(titles, key=lambda title: (title.place, title.row)))
