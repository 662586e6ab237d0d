"""Papers → token sequences → batches of like length.

A sequence is the start token, the prompt, the title, the end token. Loss counts on the title and
the end token only, unless a recipe's `prompt_weight` adds the prompt's. Sequences are kept end to
end in one array, so that 650,000 titles take 50 MB.
"""

import gzip
import hashlib
import itertools
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
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
from titletui.training.overfit import TrainingTitles, by_heart
from titletui.training.recipe import Recipe

BLOCK = 4096
PAIRS = 2000

Integers = NDArray[np.int64]
Row = tuple[list[int], int, int]  # tokens, tokens of the prompt, characters of the title


@dataclass(frozen=True)
class Examples:
    """Token sequences.

    Attributes:
        tokens: all of them, end to end.
        starts: where each begins, and the end of the last; one longer than there are sequences.
        prompts: tokens of each before its title, start token included.
        characters: of each title, its end counted as one.
    """

    tokens: NDArray[np.int32]
    starts: Integers
    prompts: Integers
    characters: Integers

    def __len__(self) -> int:
        return len(self.prompts)

    @cached_property
    def lengths(self) -> Integers:
        return np.diff(self.starts)

    @cached_property
    def title_tokens(self) -> Integers:
        return self.lengths - self.prompts

    def sequence(self, index: int) -> NDArray[np.int32]:
        return self.tokens[self.starts[index] : self.starts[index + 1]]


@dataclass(frozen=True)
class Batch:
    """Sequences side by side, padded at the right; a causal model never looks there.

    Attributes:
        inputs: tokens, [rows, length].
        counted: the positions whose next token is a title's, [rows, length].
        targets: those next tokens, row by row.
        read: the positions whose next token is a prompt's, [rows, length].
        characters: of all titles in it.
    """

    inputs: Integers
    counted: NDArray[np.bool_]
    targets: Integers
    read: NDArray[np.bool_]
    characters: int


@dataclass(frozen=True)
class TrainingSet:
    """What a run trains on and is measured on.

    Attributes:
        pairs: held-out papers (at most `PAIRS`), for previews and for the final figures.
        left_out: papers that give no example.
        by_heart: the loss of a model that knows the training set by heart, nats per title token.
    """

    train: Examples
    heldout: Examples
    titles: TrainingTitles
    pairs: list[Paper]
    left_out: int
    by_heart: float


def read_papers(path: Path, sha256: str) -> Iterator[Paper]:
    """The frozen papers of a run.

    Raises:
        TitletuiError: the file is damaged, or is not the one that the run began with.
    """
    decoder = msgspec.json.Decoder(Paper)
    for line in frozen_lines(path, sha256):
        try:
            yield decoder.decode(line)
        except msgspec.MsgspecError as error:
            raise TitletuiError(f"{path} is damaged ({error}); start a new run.") from error


def frozen_lines(path: Path, sha256: str) -> Iterator[bytes]:
    """The same as they lie in the file, a paper a line.

    Raises:
        TitletuiError: the file is damaged, or is not the one that the run began with.
    """
    digest = hashlib.sha256()
    try:
        with gzip.open(path, "rb") as file:
            for line in file:
                digest.update(line)
                yield line
    except (OSError, EOFError) as error:
        raise TitletuiError(f"{path} is damaged ({error}); start a new run.") from error
    if digest.hexdigest() != sha256:
        raise TitletuiError(
            f"{path} is not the training set that the run began with (its sha256 differs); start a "
            "new run."
        )


def chosen(paper: Paper, share: float, purpose: str) -> bool:
    """Whether a paper is in a share of all, always the same ones for the same purpose."""
    return place(paper, purpose) < share


def place(paper: Paper, purpose: str) -> float:
    """Where a paper stands among all when they are shuffled by a hash, 0 to 1."""
    digest = hashlib.sha256(f"{purpose}:{paper.id}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def build(papers: Iterable[Paper], recipe: Recipe, tokenizer: Any, limit: int) -> TrainingSet:
    """Makes all papers into examples.

    Args:
        limit: tokens in the longest sequence; prompts are cut to it, longer titles left out.

    Raises:
        TitletuiError: not one paper gives an example to train on.
    """
    maker = _Maker(recipe, tokenizer, limit)
    train, heldout = _Collected(), _Collected()
    learned: list[str] = []
    kept: list[tuple[float, Paper, list[Row]]] = []
    left_out = 0
    stream = iter(papers)
    while block := list(itertools.islice(stream, BLOCK)):
        for paper, rows in zip(block, maker.rows(block), strict=True):
            left_out += not rows
            where = place(paper, "heldout")
            if where < recipe.heldout:
                kept.append((where, paper, rows))
            else:
                train.add(rows)
                learned.append(maker.target(paper))
    if not len(train):
        raise TitletuiError(f"No paper of the corpus fits the task {recipe.task}: {maker.needs}.")
    examples = train.finish()
    # Papers come newest first: those measured are drawn from all years by their hash.
    kept.sort(key=lambda one: one[0])
    for _, _, rows in kept[: recipe.eval_papers]:
        heldout.add(rows)
    return TrainingSet(
        train=examples,
        heldout=heldout.finish(),
        titles=TrainingTitles(learned),
        pairs=[paper for _, paper, rows in kept if rows][:PAIRS],
        left_out=left_out,
        by_heart=by_heart(_hashes(examples), int(examples.title_tokens.sum())),
    )


def _hashes(examples: Examples) -> Iterator[tuple[int, int]]:
    for row, prompt in enumerate(examples.prompts.tolist()):
        sequence = examples.sequence(row)
        yield hash(sequence[:prompt].tobytes()), hash(sequence[prompt:].tobytes())


def epoch_batches(examples: Examples, recipe: Recipe, epoch: int) -> list[Integers]:
    """The rows of each batch of an epoch: like lengths together, all in a random order.

    Always the same for the same seed and epoch, so that a resumed run needs no memory of it.
    """
    order = np.random.default_rng([recipe.seed, epoch])
    shuffled = order.permutation(len(examples))
    lengths = examples.lengths
    rows = shuffled[np.argsort(lengths[shuffled], kind="stable")]
    batches = cut(rows, lengths[rows], recipe)
    return [batches[index] for index in order.permutation(len(batches))]


def cut(rows: Integers, lengths: Integers, recipe: Recipe) -> list[Integers]:
    """`rows`, whose lengths ascend, in pieces of the recipe's batch size."""
    if recipe.batch_tokens == 0:
        return [
            rows[first : first + recipe.batch_size]
            for first in range(0, len(rows), recipe.batch_size)
        ]
    batches = []
    first = 0
    for last, length in enumerate(lengths.tolist()):
        if last > first and (last - first + 1) * length > recipe.batch_tokens:
            batches.append(rows[first:last])
            first = last
    return [*batches, rows[first:]] if first < len(rows) else batches


def collate(examples: Examples, rows: Integers, padding: int) -> Batch:
    """The sequences `rows` as one batch."""
    lengths, prompts = examples.lengths[rows, None], examples.prompts[rows, None]
    places = np.arange(int(lengths.max()))
    inside = places < lengths
    # Places behind a sequence's end take its last token, which the padding then covers.
    taken = examples.starts[rows, None] + np.minimum(places, lengths - 1)
    whole = np.where(inside, examples.tokens[taken], padding).astype(np.int64)
    counted = inside & (places >= prompts)
    read = (places > 0) & (places < prompts)
    return Batch(
        inputs=whole[:, :-1],
        counted=counted[:, 1:],
        targets=whole[:, 1:][counted[:, 1:]],
        read=read[:, 1:],
        characters=int(examples.characters[rows].sum()),
    )


class _Collected:
    """Sequences on their way into one array."""

    def __init__(self) -> None:
        self._tokens = array("i")
        self._lengths = array("q")
        self._prompts = array("q")
        self._characters = array("q")

    def __len__(self) -> int:
        return len(self._lengths)

    def add(self, rows: list[Row]) -> None:
        for sequence, prompt, characters in rows:
            self._tokens.extend(sequence)
            self._lengths.append(len(sequence))
            self._prompts.append(prompt)
            self._characters.append(characters)

    def finish(self) -> Examples:
        starts = np.zeros(len(self._lengths) + 1, dtype=np.int64)
        np.cumsum(self._lengths, out=starts[1:])
        return Examples(
            tokens=np.array(self._tokens, dtype=np.int32),
            starts=starts,
            prompts=np.array(self._prompts, dtype=np.int64),
            characters=np.array(self._characters, dtype=np.int64),
        )


class _Maker:
    """One recipe's way from a paper to its token sequences."""

    def __init__(self, recipe: Recipe, tokenizer: Any, limit: int) -> None:
        self._recipe = recipe
        self._limit = limit
        self._tokenizer = tokenizer
        self._start = start_token(tokenizer)
        self._end = end_token(tokenizer)
        self._blank = tokens(tokenizer, "\n\n")
        head, tail, templated = instruction_frame(tokenizer)
        self._before = tokens(tokenizer, head)
        if not templated:
            self._before = [self._start, *self._before]
        self._after = tokens(tokenizer, tail)

    @property
    def needs(self) -> str:
        if self._recipe.task in ("abstract", "abstract-to-title", "instruction"):
            return "it needs papers with abstracts"
        if self._recipe.task == "year-to-title":
            return "it needs papers with arXiv ids, which hold the year"
        return "it needs papers with titles"

    def target(self, paper: Paper) -> str:
        """What the model learns to write."""
        return paper.abstract if self._recipe.task == "abstract" else paper.title

    def rows(self, papers: list[Paper]) -> list[list[Row]]:
        """For each paper its sequences: tokens, tokens of the prompt, characters of the title."""
        targets = self._encode([self.target(paper) for paper in papers])
        task = self._recipe.task
        share = self._recipe.abstract_share
        with_body = [
            bool(paper.abstract)
            and (
                task in ("abstract-to-title", "instruction")
                or (share > 0 and chosen(paper, share, "abstract"))
            )
            for paper in papers
        ]
        bodies = self._encode(
            [
                paper.abstract if wanted else ""
                for paper, wanted in zip(papers, with_body, strict=True)
            ]
        )
        made = []
        for paper, target, body, wanted in zip(papers, targets, bodies, with_body, strict=True):
            characters = len(self.target(paper)) + 1
            prompts: list[list[int]] = []
            room = self._limit - len(target) - 1
            if task == "instruction" and wanted:
                fits = (
                    min(room, max_prompt_tokens(self._limit)) - len(self._before) - len(self._after)
                )
                prompts.append([*self._before, *body[: max(0, fits)], *self._after])
            elif task == "abstract-to-title" and wanted:
                prompts.append(self._from_abstract(body, room))
            elif task == "year-to-title" and paper.year is not None:
                year = tokens(self._tokenizer, f"{paper.year}\n\n")
                prompts.append([self._start, *year])
            elif task == "title":
                prompts.append([self._start])
                if wanted:
                    prompts.append(self._from_abstract(body, room))
            elif task == "abstract" and target:
                made.append([self._abstract(target, characters)])
                continue
            made.append(
                [
                    ([*prompt, *target, self._end], len(prompt), characters)
                    for prompt in prompts
                    if target and len(prompt) <= room
                ]
            )
        return made

    def _from_abstract(self, body: list[int], room: int) -> list[int]:
        fits = max(0, min(room, max_prompt_tokens(self._limit)) - 1 - len(self._blank))
        return [self._start, *body[:fits], *self._blank]

    def _abstract(self, target: list[int], characters: int) -> tuple[list[int], int, int]:
        """An abstract as the thing to write; one that is cut does not end."""
        whole = [self._start, *target, self._end]
        share = min(1.0, (self._limit - 1) / (len(target) + 1))
        return whole[: self._limit], 1, max(1, round(characters * share))

    def _encode(self, texts: list[str]) -> list[list[int]]:
        encoder = self._tokenizer.backend_tokenizer
        return [
            encoding.ids for encoding in encoder.encode_batch_fast(texts, add_special_tokens=False)
        ]
