"""Papers into token sequences.

A sequence is the start token, the prompt, the title, the end token. Loss counts on the title and
the end token only, unless a recipe's `prompt_weight` adds the prompt's. Sequences are kept end to
end in one array, so that 650,000 titles take 50 MB.
"""

import itertools
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from titletui.corpus.paper import Paper
from titletui.errors import TitletuiError
from titletui.models.prompts import (
    end_token,
    instruction_frame,
    max_prompt_tokens,
    start_token,
    tokens,
)
from titletui.training.copies import TrainingTitles
from titletui.training.data.frozen_papers import hash_fraction, in_split
from titletui.training.overfit import memorization_floors
from titletui.training.recipe import Recipe

_BLOCK = 4096
_HELDOUT_PAPERS = 2000

Integers = NDArray[np.int64]


class Example(NamedTuple):
    """One sequence to train on.

    Attributes:
        prompt_length: tokens before the title, start token included.
        characters: of the title, its end counted as one.
    """

    tokens: list[int]
    prompt_length: int
    characters: int


@dataclass(frozen=True)
class Examples:
    """Token sequences, end to end.

    Attributes:
        tokens: of all sequences.
        starts: where each sequence begins, and the end of the last; one longer than the others.
        prompt_lengths, characters: as in `Example`.
    """

    tokens: NDArray[np.int32]
    starts: Integers
    prompt_lengths: Integers
    characters: Integers

    @classmethod
    def of(cls, examples: Iterable[Example]) -> "Examples":
        """Pack `examples` into arrays as they come."""
        tokens, lengths, prompts, characters = array("i"), array("q"), array("q"), array("q")
        for example in examples:
            tokens.extend(example.tokens)
            lengths.append(len(example.tokens))
            prompts.append(example.prompt_length)
            characters.append(example.characters)
        starts = np.zeros(len(lengths) + 1, dtype=np.int64)
        np.cumsum(lengths, out=starts[1:])
        return cls(
            tokens=np.array(tokens, dtype=np.int32),
            starts=starts,
            prompt_lengths=np.array(prompts, dtype=np.int64),
            characters=np.array(characters, dtype=np.int64),
        )

    def __len__(self) -> int:
        return len(self.prompt_lengths)

    @cached_property
    def lengths(self) -> Integers:
        return np.diff(self.starts)

    @cached_property
    def title_tokens(self) -> Integers:
        """Tokens of each title, its end token included."""
        return self.lengths - self.prompt_lengths

    def sequence(self, index: int) -> NDArray[np.int32]:
        return self.tokens[self.starts[index] : self.starts[index + 1]]


@dataclass(frozen=True)
class TrainingSet:
    """What a run trains on and is evaluated on.

    Attributes:
        heldout_papers: for previews and the final evaluation, 2,000 at most.
        left_out: how many papers give no example.
        floors: the loss of each training title in a model that has memorized them all, nats.
    """

    train: Examples
    heldout: Examples
    titles: TrainingTitles
    heldout_papers: list[Paper]
    left_out: int
    floors: NDArray[np.float64]

    @property
    def memorization_floor(self) -> float:
        """The mean of the floors, nats per title token."""
        return float(self.floors.sum()) / max(1, int(self.train.title_tokens.sum()))


def build(papers: Iterable[Paper], recipe: Recipe, tokenizer: Any, max_length: int) -> TrainingSet:
    """Encode papers, and split them into a training and a held-out part.

    Args:
        max_length: tokens of the longest sequence; prompts are cut to it, longer titles left out.

    Raises:
        TitletuiError: not one paper gives an example to train on.
    """
    encoder = _Encoder(recipe, tokenizer, max_length)
    titles: list[str] = []
    heldout: list[tuple[float, Paper, list[Example]]] = []
    left_out = 0

    def training_examples() -> Iterator[Example]:
        nonlocal left_out
        stream = iter(papers)
        while block := list(itertools.islice(stream, _BLOCK)):
            for paper, examples in zip(block, encoder.encode(block), strict=True):
                left_out += not examples
                fraction = hash_fraction(paper, "heldout")
                if fraction < recipe.heldout:
                    heldout.append((fraction, paper, examples))
                else:
                    titles.append(encoder.target(paper))
                    yield from examples

    train = Examples.of(training_examples())
    if not len(train):
        raise TitletuiError(
            f"No paper of the corpus fits the task {recipe.task}: {encoder.requirement}."
        )
    # Papers come newest first; sorted by their hash, those evaluated are of all years.
    heldout.sort(key=lambda one: one[0])
    evaluated = heldout[: recipe.eval_papers]
    return TrainingSet(
        train=train,
        heldout=Examples.of(one for _, _, examples in evaluated for one in examples),
        titles=TrainingTitles.of(titles),
        heldout_papers=[paper for _, paper, examples in heldout if examples][:_HELDOUT_PAPERS],
        left_out=left_out,
        floors=np.array(memorization_floors(_hashes(train))),
    )


def _hashes(examples: Examples) -> Iterator[tuple[int, int]]:
    """Prompt and title of each example, as hashes."""
    for row, prompt in enumerate(examples.prompt_lengths.tolist()):
        sequence = examples.sequence(row)
        yield hash(sequence[:prompt].tobytes()), hash(sequence[prompt:].tobytes())


class _Encoder:
    """Encode papers as the examples of one recipe."""

    def __init__(self, recipe: Recipe, tokenizer: Any, max_length: int) -> None:
        self._task = recipe.task
        self._abstract_share = recipe.abstract_share
        self._max_length = max_length
        self._max_prompt = max_prompt_tokens(max_length)
        self._tokenizer = tokenizer
        self._start = start_token(tokenizer)
        self._end = end_token(tokenizer)
        head, tail, has_template = instruction_frame(tokenizer)
        blank = tokens(tokenizer, "\n\n")
        if recipe.task == "instruction":
            self._head, self._tail = tokens(tokenizer, head), tokens(tokenizer, tail)
            if not has_template:
                self._head = [self._start, *self._head]
        else:
            self._head, self._tail = [self._start], blank

    @property
    def requirement(self) -> str:
        """What a paper must have to fit the task."""
        if self._task in ("abstract", "abstract-to-title", "instruction"):
            return "it needs papers with abstracts"
        if self._task == "year-to-title":
            return "it needs papers with arXiv ids, which hold the year"
        return "it needs papers with titles"

    def target(self, paper: Paper) -> str:
        """What the model learns to write."""
        return paper.abstract if self._task == "abstract" else paper.title

    def encode(self, papers: list[Paper]) -> list[list[Example]]:
        """The examples of each paper."""
        prompts = [self._prompt_abstract(paper) for paper in papers]
        targets = self._tokenize([self.target(paper) for paper in papers])
        rows = zip(papers, targets, prompts, self._tokenize(prompts), strict=True)
        return [
            self._examples(paper, target, abstract if text else None)
            for paper, target, text, abstract in rows
        ]

    def _prompt_abstract(self, paper: Paper) -> str:
        """The abstract, where the paper teaches abstract → title; else empty."""
        if self._task in ("abstract-to-title", "instruction"):
            return paper.abstract
        taught = self._abstract_share > 0 and in_split(paper, self._abstract_share, "abstract")
        return paper.abstract if taught else ""

    def _examples(
        self, paper: Paper, target: list[int], abstract: list[int] | None
    ) -> list[Example]:
        if not target:
            return []
        characters = len(self.target(paper)) + 1
        if self._task == "abstract":
            return [self._abstract_example(target, characters)]
        prompts: list[list[int]] = []
        if self._task == "title":
            prompts.append([self._start])
        elif self._task == "year-to-title" and paper.year is not None:
            prompts.append([self._start, *tokens(self._tokenizer, f"{paper.year}\n\n")])
        longest = self._max_length - len(target) - 1
        if abstract is not None:
            fits = min(longest, self._max_prompt) - len(self._head) - len(self._tail)
            prompts.append([*self._head, *abstract[: max(0, fits)], *self._tail])
        return [
            Example([*prompt, *target, self._end], len(prompt), characters)
            for prompt in prompts
            if len(prompt) <= longest
        ]

    def _abstract_example(self, target: list[int], characters: int) -> Example:
        """An abstract as the target; one that is cut has no end token."""
        whole = [self._start, *target, self._end]
        share = min(1.0, (self._max_length - 1) / (len(target) + 1))
        return Example(whole[: self._max_length], 1, max(1, round(characters * share)))

    def _tokenize(self, texts: list[str]) -> list[list[int]]:
        encoder = self._tokenizer.backend_tokenizer
        return [
            encoding.ids for encoding in encoder.encode_batch_fast(texts, add_special_tokens=False)
        ]
