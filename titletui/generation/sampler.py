"""Batched sampling that hands out each title as it ends.

The prompt is computed once. All titles of a batch go on from it together; those that have ended
leave, and new ones take their place.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec
import torch

from titletui.generation.choosing import Knobs, choose, draws
from titletui.generation.opening import Opening
from titletui.generation.vocabulary import Vocabulary

_NEVER = float("-inf")
_BATCHES = (8, 32)
_BATCH = 128
_CACHED_TOKENS = 65_536


class Decoder(Protocol):
    """A model that is asked for one token a row at a time.

    Attributes:
        context: tokens that it can take.
    """

    context: int

    def read(self, tokens: list[int], last: int) -> torch.Tensor:
        """Reads a prompt; returns the scores after each of its `last` tokens, [last, tokens]."""
        ...

    def branch(self, length: int, rows: int) -> None:
        """Begins `rows` titles after the first `length` tokens of the prompt."""
        ...

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Reads one token a row; returns the scores for the next, float32 [rows, tokens]."""
        ...

    def keep(self, rows: torch.Tensor) -> None:
        """Lets go of all rows but these."""
        ...


class Written(msgspec.Struct, frozen=True):
    """A title that has ended.

    Attributes:
        text: what follows the prefix.
        loss: summed cross-entropy of its own tokens, nats, the end included.
        tokens: how many those are.
        whole: it ended by itself, not at the length limit.
    """

    row: int
    text: str
    loss: float
    tokens: int
    whole: bool


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
    knobs: Knobs,
    count: int,
    *,
    one_line: bool = True,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Written]:
    """Writes `count` titles, each handed out when it ends; stops early when `cancelled()`.

    Args:
        one_line: a line end ends the title.
    """
    ends = list(vocabulary.line_ends) if one_line else []
    with torch.inference_mode():
        begun = _beginnings(decoder, vocabulary, opening, ends)
        copies = count if knobs.temperature == 0 else 1
        rows = torch.arange(1 if copies > 1 else count)
        step = torch.zeros_like(rows)
        chosen = choose(begun.scores.expand(len(rows), -1), knobs, draws(knobs.seed, rows, step))
    for place in sorted(set(begun.places[chosen].tolist())):
        here = (begun.places[chosen] == place).nonzero()[:, 0]
        for batch in _batches(here, place):
            writing = _Batch(decoder, vocabulary, opening, knobs, ends)
            for written in writing.run(begun, chosen[batch], rows[batch], place, cancelled):
                for copy in range(copies):
                    yield msgspec.structs.replace(written, row=written.row + copy)
            if cancelled():
                return


class _Batch:
    """Titles that are written together, from the same place on."""

    def __init__(
        self,
        decoder: Decoder,
        vocabulary: Vocabulary,
        opening: Opening,
        knobs: Knobs,
        ends: list[int],
    ) -> None:
        self.decoder = decoder
        self.vocabulary = vocabulary
        self.opening = opening
        self.knobs = knobs
        self.ends = {vocabulary.end, *ends}

    def run(
        self,
        begun: _Beginnings,
        chosen: torch.Tensor,
        rows: torch.Tensor,
        place: int,
        cancelled: Callable[[], bool],
    ) -> Iterator[Written]:
        """Each title as it ends."""
        with torch.inference_mode():
            self.decoder.branch(place, len(rows))
            tokens = begun.tokens[chosen]
            own = (begun.scores - begun.scores.logsumexp(0))[chosen]
            begins = zip(tokens.tolist(), begun.spelled[chosen].tolist(), own.tolist(), strict=True)
            titles = [
                _Title(row, self.vocabulary, *begin)
                for row, begin in zip(rows.tolist(), begins, strict=True)
            ]
            silent = torch.tensor(
                [token for token in self.vocabulary.silent if token != self.vocabulary.end],
                dtype=torch.long,
            )
        step = 1
        while titles:
            if cancelled():
                return
            alive = []
            for index, title in enumerate(titles):
                whole = title.written[-1] in self.ends
                if whole or len(title.written) >= self.opening.length:
                    yield title.end(whole=whole)
                else:
                    alive.append(index)
            if not alive:
                return
            with torch.inference_mode():
                if len(alive) < len(titles):
                    kept = torch.tensor(alive)
                    self.decoder.keep(kept)
                    tokens, rows = tokens[kept], rows[kept]
                    titles = [titles[index] for index in alive]
                scores = self.decoder.step(tokens)
                scores[:, silent] = _NEVER
                scores[:, len(self.vocabulary.pieces) :] = _NEVER
                likely = scores.logsumexp(dim=-1)
                drawn = draws(self.knobs.seed, rows, torch.full_like(rows, step))
                tokens = choose(scores, self.knobs, drawn)
                gained = scores.gather(1, tokens[:, None])[:, 0] - likely
                tokens = tokens.cpu()
            for title, token, score in zip(titles, tokens.tolist(), gained.tolist(), strict=True):
                title.add(token, score)
            step += 1


class _Title:
    """A title that is being written."""

    def __init__(
        self, row: int, vocabulary: Vocabulary, token: int, spelled: int, score: float
    ) -> None:
        self.row = row
        self.vocabulary = vocabulary
        self.written = [token]
        self.spelled = spelled
        adds = len(vocabulary.pieces[token]) > spelled or token == vocabulary.end
        self.loss = -score if adds else 0.0
        self.tokens = int(adds)

    def add(self, token: int, score: float) -> None:
        self.written.append(token)
        self.loss -= score
        self.tokens += 1

    def end(self, *, whole: bool) -> Written:
        said = self.vocabulary.bytes_of(self.written)[self.spelled :]
        text = said.decode(errors="replace").partition("\n")[0].rstrip("\ufffd \t\r")
        return Written(self.row, text, self.loss, max(self.tokens, 1), whole)


def _beginnings(
    decoder: Decoder, vocabulary: Vocabulary, opening: Opening, ends: list[int]
) -> _Beginnings:
    """Every way to write the ending of the prompt and go on from it, with its likelihood.

    A way is: the first i of the ending's own tokens, then one that covers all the rest of it.
    """
    prompt = list(opening.tokens)
    kept = len(prompt) - opening.ending
    after = torch.log_softmax(decoder.read(prompt, opening.ending + 1).float().cpu(), dim=-1)
    ending = prompt[kept:]
    rest = vocabulary.bytes_of(ending)
    never = [*vocabulary.silent, *ends] if not opening.shown else vocabulary.silent
    places, tokens, spelled, scores = [], [], [], []
    way = torch.tensor(0.0)
    for index in range(opening.ending + 1):
        here = after[index].clone()
        here[len(vocabulary.pieces) :] = _NEVER
        if rest:
            covering = torch.tensor(vocabulary.beginning_with(rest), dtype=torch.long)
        else:
            # A title that has not begun cannot end.
            barred = [t for t in never if not opening.shown or t != vocabulary.end]
            here[barred] = _NEVER
            covering = (here > _NEVER).nonzero()[:, 0]
        places.append(torch.full_like(covering, kept + index))
        tokens.append(covering)
        spelled.append(torch.full_like(covering, len(rest)))
        scores.append(here[covering] + way)
        if index < opening.ending:
            way = way + after[index][ending[index]]
            rest = rest[len(vocabulary.pieces[ending[index]]) :]
    return _Beginnings(torch.cat(places), torch.cat(tokens), torch.cat(spelled), torch.cat(scores))


def _batches(rows: torch.Tensor, prompt: int) -> Iterator[torch.Tensor]:
    """Small batches first, so that the first title is there soon; never too much to remember."""
    most = max(4, min(_BATCH, _CACHED_TOKENS // (prompt + 32)))
    sizes = [*_BATCHES]
    while len(rows):
        size = min(most, sizes.pop(0) if sizes else most)
        yield rows[:size]
        rows = rows[size:]
