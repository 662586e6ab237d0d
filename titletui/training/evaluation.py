"""Metrics of a finished model."""

import contextlib
from collections import Counter

from titletui.corpus.paper import Paper
from titletui.corpus.statistics import frequent_words
from titletui.jobs.events import Evaluated
from titletui.models.prompts import Task
from titletui.text import fold
from titletui.training.data.frozen_papers import read_papers
from titletui.training.recipe import Recipe
from titletui.training.samples import greedy_titles, sample_titles
from titletui.training.state import TrainerState

_WORDS = 20


def evaluate(state: TrainerState) -> Evaluated:
    """Evaluate the finished model.

    `unique`, `copies`: shares of `recipe.final_titles` sampled titles. For models that write
    titles from abstracts also ROUGE F-measures (Lin 2004) of `recipe.final_titles` greedy titles
    of held-out papers, and, with `baseline_`, those of each abstract's first sentence.
    """
    model, tokenizer, recipe, data = state.model, state.tokenizer, state.recipe, state.data
    titles = sample_titles(
        model, tokenizer, recipe, data.heldout_papers, recipe.final_titles, state.step,
        state.max_length,
    )  # fmt: skip
    metrics = {
        "unique": len({fold(title) for title in titles}) / len(titles),
        "copies": data.titles.copy_rate(titles),
    }
    corpus = (
        paper.abstract if recipe.task == "abstract" else paper.title
        for paper in read_papers(state.job.folder.papers, state.spec.sha256)
    )
    words = {"samples": frequent_words(titles, _WORDS), "corpus": frequent_words(corpus, _WORDS)}
    task = _task_with_abstract(recipe)
    pairs = [paper for paper in data.heldout_papers if paper.abstract][: recipe.final_titles]
    if task and pairs:
        with contextlib.suppress(ModuleNotFoundError):
            written = greedy_titles(
                model, tokenizer, task, pairs, recipe.preview_tokens, state.max_length
            )
            metrics |= rouge(written, pairs)
    return Evaluated(step=state.step, figures=metrics, words=words)


def _task_with_abstract(recipe: Recipe) -> Task | None:
    return next((t for t in recipe.tasks if t in ("abstract-to-title", "instruction")), None)


def rouge(written: list[str], pairs: list[Paper]) -> dict[str, float]:
    """Mean ROUGE-1, -2 and -L F-measures of titles, and of the first-sentence baseline.

    Raises:
        ModuleNotFoundError: rouge-score is not installed.
    """
    from rouge_score.rouge_scorer import RougeScorer

    kinds = ("rouge1", "rouge2", "rougeL")
    scorer = RougeScorer(kinds, use_stemmer=True)
    sums: Counter[str] = Counter()
    for title, paper in zip(written, pairs, strict=True):
        for prefix, guess in (("", title), ("baseline_", first_sentence(paper.abstract))):
            for kind, score in scorer.score(paper.title, guess).items():
                sums[prefix + kind] += score.fmeasure
    return {name: round(total / len(pairs), 4) for name, total in sums.items()}


def first_sentence(text: str) -> str:
    """`text` up to the first full stop that a space follows."""
    return text.partition(". ")[0]
