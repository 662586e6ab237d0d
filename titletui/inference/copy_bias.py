"""A pointer: the words of an abstract, favoured where a title is written from it.

A model of a few million parameters takes an abstract's subject but can hardly repeat its words. A
log-linear model stands beside it: features of each token that the abstract has, whose weighted sum
is added to the token's score (a small relative of the pointer-generator, See, Liu and Manning 2017,
and of the continuous cache, Grave, Joulin and Usunier 2017). The weights are fitted to titles of
training papers when a run ends; a model that copies well by itself gets small ones.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import torch

from titletui.corpus.paper import Paper
from titletui.models.prompts import make_prompt, max_prompt_tokens, prompt_tokens, tokens
from titletui.models.token_bytes import Vocabulary, vocabulary_of
from titletui.training.recipe import Task

FEATURES = (
    "begins a word",
    "goes on with a word",
    "is no word",
    "begins a word, log of how often the abstract has it",
    "begins a word, how early it stands, 0 to 1",
    "begins a word, and stands in the first sentence",
    "begins a word, the model's doubt",
    "begins a word, and stands after the last token",
    "goes on with a word, and stands after the last token",
    "stands after the last token, the model's doubt",
    "stands after the last two tokens",
    "begins a word that the title has",
    "the title has it after the same token",
    "is the end",
    "is the end, tens of tokens before it",
    "is the end, and the abstract goes on with the word",
)
_END = 13
_MOST_DOUBT = 12.0
_PENALTY = 1e-4
_ITERATIONS = 100
# Nats a token; less is not worth the time that it takes.
_WORTH = 0.02


class Pointer:
    """What one abstract says of the tokens of its title.

    Tokens are alike when they spell the same but for capitals; the first of a title, which no space
    stands before, is like that with a space.
    """

    def __init__(self, vocabulary: Vocabulary, abstract: str) -> None:
        body = " ".join(abstract.split())
        self._kinds = vocabulary.kinds
        self._text = _Text(vocabulary, body)
        kinds = set(self._text.kinds)
        later = [(token, kind) for kind in kinds for token in vocabulary.of_kind(kind)]
        first = [
            (t, kind) for kind in kinds if kind[:1] == " " for t in vocabulary.of_kind(kind[1:])
        ]
        self._later = _Candidates(self._text, later, vocabulary.end)
        self._first = _Candidates(self._text, first, vocabulary.end)

    def features(
        self, written: Sequence[int], likely: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The tokens that have any feature after `written`, the end last, and all their features.

        Args:
            written: the title's tokens so far.
            likely: log-probability of each token under the model, [tokens].

        Returns:
            [candidates] and [candidates, FEATURES].
        """
        kinds = [self._kinds[token] for token in written]
        if kinds and kinds[0][:1] != " ":
            kinds[0] = f" {kinds[0]}"
        candidates = self._later if kinds else self._first
        return candidates.tokens, candidates.features(kinds, self._text, likely)

    def favour(
        self, scores: torch.Tensor, written: Sequence[Sequence[int]], weights: torch.Tensor
    ) -> torch.Tensor:
        """Log-likelihoods up to a constant with the abstract's words favoured, [rows, tokens].

        Args:
            scores: the model's, float32 [rows, tokens].
            written: the tokens of each row's title so far.
            weights: see `fit`, [FEATURES].
        """
        likely = torch.log_softmax(scores, dim=-1)
        for title, row in zip(written, likely, strict=True):
            candidates, features = self.features(title, row)
            row[candidates] += features @ weights
        return likely


class _Text:
    """The abstract as kinds of tokens, and what stands after what."""

    def __init__(self, vocabulary: Vocabulary, body: str) -> None:
        self.kinds = [vocabulary.kinds[token] for token in vocabulary.encode(f" {body}")]
        sentence = vocabulary.encode(f" {body.partition('. ')[0]}")
        self.sentence = {vocabulary.kinds[token] for token in sentence}
        self.often = Counter(self.kinds)
        self.early: dict[str, float] = {}
        self.after: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
        for at, kind in enumerate(self.kinds):
            self.early.setdefault(kind, 1 - at / len(self.kinds))
            for back in (1, 2):
                self.after[tuple(self.kinds[max(0, at - back) : at])].add(kind)


class _Candidates:
    """Tokens that may come next, and those of their features that stay the same."""

    def __init__(self, text: _Text, found: list[tuple[int, str]], end: int) -> None:
        self.tokens = torch.tensor([*(token for token, _ in found), end])
        self._kinds = [kind for _, kind in found]
        begins = torch.tensor([kind[:1] == " " for kind in self._kinds], dtype=torch.bool)
        words = [any(map(str.isalnum, kind)) for kind in self._kinds]
        word = torch.tensor(words, dtype=torch.bool)
        self._begins, self._inside = (begins & word).float(), (~begins & word).float()
        often = torch.tensor([float(text.often[kind]) for kind in self._kinds])
        early = torch.tensor([text.early[kind] for kind in self._kinds])
        self._fixed = torch.zeros(len(self.tokens), len(FEATURES))
        same = [
            self._begins,
            self._inside,
            (~word).float(),
            self._begins * often.log(),
            self._begins * early,
            self._begins * self._among(text.sentence),
        ]
        self._fixed[:-1, : len(same)] = torch.stack(same, dim=1)
        self._fixed[-1, _END] = 1.0

    def features(self, written: list[str], text: _Text, likely: torch.Tensor) -> torch.Tensor:
        """All features after a title's `written` kinds, [candidates, FEATURES]."""
        found = self._fixed.clone()
        doubt = likely[self.tokens[:-1]].neg().clamp(max=_MOST_DOUBT) / 10
        found[:-1, 6] = self._begins * doubt
        if not written:
            return found
        follow = text.after.get(tuple(written[-1:]), set())
        if follow:
            after = self._among(follow)
            found[:-1, 7] = self._begins * after
            found[:-1, 8] = self._inside * after
            found[:-1, 9] = after * doubt
            found[-1, 15] = float(not any(kind[:1] == " " for kind in follow))
        if len(written) > 1 and (follow := text.after.get(tuple(written[-2:]), set())):
            found[:-1, 10] = self._among(follow)
        found[:-1, 11] = self._begins * self._among(set(written))
        pairs = itertools.pairwise(written)
        found[:-1, 12] = self._among({then for last, then in pairs if last == written[-1]})
        found[-1, 14] = len(written) / 10
        return found

    def _among(self, kinds: set[str]) -> torch.Tensor:
        return torch.tensor([float(kind in kinds) for kind in self._kinds])


@torch.no_grad()
def fit(
    model: Any, tokenizer: Any, task: Task, papers: Sequence[Paper], limit: int
) -> tuple[float, ...]:
    """The weights under which the titles of `papers` are likeliest after their abstracts.

    The likelihood is concave in the weights, so there is one best answer (L-BFGS).

    Args:
        task: one whose prompt has the abstract.
        limit: tokens that the model can take.

    Returns:
        One a feature; none where the model is not helped by them.
    """
    steps = _Steps()
    vocabulary = vocabulary_of(tokenizer)
    target = model.get_input_embeddings().weight.device
    for paper in papers:
        prompt = make_prompt(task, abstract=paper.abstract, tokenizer=tokenizer)
        before, _ = prompt_tokens(tokenizer, prompt, room=max_prompt_tokens(limit))
        title = [*tokens(tokenizer, paper.title), vocabulary.end][: limit - len(before)]
        row = torch.tensor([before + title[:-1]], device=target)
        scores = model(input_ids=row, logits_to_keep=len(title)).logits[0]
        likely = torch.log_softmax(scores.float().cpu(), dim=-1)
        pointer = Pointer(vocabulary, paper.abstract)
        for at, token in enumerate(title):
            steps.add(*pointer.features(title[:at], likely[at]), likely[at], token)
    return steps.fit()


class _Steps:
    """Choices of a token, each among an abstract's candidates and all the rest together."""

    def __init__(self) -> None:
        self._features: list[torch.Tensor] = []
        self._likely: list[torch.Tensor] = []
        self._taken: list[int] = []

    def add(
        self, candidates: torch.Tensor, features: torch.Tensor, likely: torch.Tensor, token: int
    ) -> None:
        """One choice: `token` was taken."""
        rest = likely.clone()
        rest[candidates] = float("-inf")
        place = (candidates == token).nonzero()
        self._features.append(torch.nn.functional.pad(features, (0, 0, 1, 0)))
        self._likely.append(torch.cat([rest.logsumexp(0, keepdim=True), likely[candidates]]))
        self._taken.append(int(place[0, 0]) + 1 if len(place) else 0)

    def fit(self) -> tuple[float, ...]:
        """The best weights; none where they do not make the choices clearly likelier."""
        if not self._taken:
            return ()
        pad = torch.nn.utils.rnn.pad_sequence
        features = pad(self._features, batch_first=True)
        scores = pad(self._likely, batch_first=True, padding_value=float("-inf"))
        taken = torch.tensor(self._taken)
        weights = torch.zeros(len(FEATURES))

        def loss() -> torch.Tensor:
            return torch.nn.functional.cross_entropy(scores + features @ weights, taken)

        def penalised() -> torch.Tensor:
            steps.zero_grad()
            total = loss() + _PENALTY * weights.square().sum()
            total.backward()  # type: ignore[no-untyped-call]
            return total

        before = float(loss())
        with torch.enable_grad():
            weights.requires_grad_()
            steps = torch.optim.LBFGS(
                [weights], max_iter=_ITERATIONS, line_search_fn="strong_wolfe"
            )
            steps.step(penalised)  # type: ignore[no-untyped-call]
        weights = weights.detach()
        if not before - float(loss()) > _WORTH:
            return ()
        return tuple(round(weight, 4) for weight in weights.tolist())
