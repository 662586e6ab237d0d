"""What a run leaves: the model with its card, and figures about it."""

import contextlib
import copy
import heapq
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import torch

from titletui.atomic_write import sync_directory
from titletui.corpus.paper import Paper
from titletui.corpus.statistics import frequent_words
from titletui.inference.copy_bias import fit
from titletui.jobs.events import Evaluated
from titletui.jobs.job import Job
from titletui.models.registry import CARD, Card, find_model, load_model, read_card
from titletui.paths import find_home
from titletui.training.checkpoint import Checkpoint, sync_all
from titletui.training.data.dataset import TrainingSet, chosen, place, read_papers
from titletui.training.overfit import normalised
from titletui.training.recipe import Recipe, Task
from titletui.training.run_spec import RunSpec
from titletui.training.samples import greedy_titles, sample_titles

_WORDS = 20
_FITTED = 200
# What a checkpoint holds beside its model.
_STATE = ("optimizer.safetensors", "random.safetensors", "state.json", "MANIFEST.json")


def save_model(
    path: Path,
    model: Any,
    tokenizer: Any,
    plan: RunSpec,
    run: str,
    step: int,
    pointer: tuple[float, ...] = (),
) -> None:
    """Writes a model in the Hugging Face layout (an adapter alone for LoRA), with its card."""
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    base = Path(plan.recipe.base).expanduser()
    standing_on = str(base.absolute()) if base.is_dir() else plan.recipe.base
    card = Card(
        tasks=plan.recipe.tasks,
        corpus=plan.corpus,
        run=run,
        step=step,
        recipe=plan.recipe,
        parent=plan.parent,
        base=standing_on if plan.recipe.method == "lora" else "",
        pointer=pointer,
    )
    (path / CARD).write_bytes(msgspec.json.encode(card))


def write_finished(
    job: Job,
    plan: RunSpec,
    model: Any,
    tokenizer: Any,
    step: int,
    best: Checkpoint | None,
    pointer: tuple[float, ...] = (),
) -> None:
    """Puts the finished model into the run's `model/`, whole or not at all.

    Args:
        best: the checkpoint whose model is to be the finished one; None takes `model`.
        pointer: see `fit_pointer`.

    Raises:
        OSError: there was no room.
    """
    part = job.path / "model.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700)
    if best is not None and plan.recipe.method == "full":
        home = find_home()
        model = load_model(find_model(home, str(best.path)), home=home).model
        step = best.step
    if best is not None and plan.recipe.method == "lora":
        # The adapter as it lies there; a base model in memory a second time would be too much.
        shutil.copytree(best.path, part, ignore=shutil.ignore_patterns(*_STATE), dirs_exist_ok=True)
        card = msgspec.structs.replace(read_card(part), pointer=pointer)
        (part / CARD).write_bytes(msgspec.json.encode(card))
    else:
        save_model(part, _in_kind(model, plan.recipe), tokenizer, plan, job.name, step, pointer)
    sync_all(part)
    shutil.rmtree(job.model, ignore_errors=True)
    part.rename(job.model)
    sync_directory(job.path)


def fit_pointer(
    model: Any, tokenizer: Any, plan: RunSpec, papers: Path, limit: int
) -> tuple[float, ...]:
    """The weights of an abstract's words (`pointer.fit`), where the run has read abstracts.

    Args:
        papers: the frozen papers of the run.
        limit: tokens that the model can take.

    Raises:
        TitletuiError: the papers are not those that the run began with.
    """
    task = _task_with_abstract(plan.recipe)
    if task is None:
        return ()
    learned = (
        paper
        for paper in read_papers(papers, plan.sha256)
        if paper.abstract and not chosen(paper, plan.recipe.heldout, "heldout")
    )
    few = heapq.nsmallest(_FITTED, learned, key=lambda paper: place(paper, "pointer"))
    return fit(model, tokenizer, task, few, limit)


def figures(
    model: Any,
    tokenizer: Any,
    recipe: Recipe,
    data: TrainingSet,
    step: int,
    limit: int,
    pointer: tuple[float, ...] = (),
) -> Evaluated:
    """What there is to say about the finished model.

    `unique`, `copies`: shares of `recipe.final_titles` sampled titles. For models that write
    titles from abstracts also ROUGE F-measures (Lin 2004) of `recipe.final_titles` greedy titles
    of held-out papers, and, with `baseline_`, those of each abstract's first sentence.
    """
    titles = sample_titles(model, tokenizer, recipe, data.pairs, recipe.final_titles, step, limit)
    found = {
        "unique": len({normalised(title) for title in titles}) / len(titles),
        "copies": data.titles.copies(titles),
    }
    known = [paper.abstract if recipe.task == "abstract" else paper.title for paper in data.pairs]
    words = {"samples": frequent_words(titles, _WORDS), "corpus": frequent_words(known, _WORDS)}
    task = _task_with_abstract(recipe)
    pairs = [paper for paper in data.pairs if paper.abstract][: recipe.final_titles]
    if task and pairs:
        with contextlib.suppress(ModuleNotFoundError):
            written = greedy_titles(
                model, tokenizer, task, pairs, recipe.preview_tokens, limit, pointer
            )
            found |= rouge(written, pairs)
    return Evaluated(step=step, figures=found, words=words)


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


def _in_kind(model: Any, recipe: Recipe) -> Any:
    """The model with its numbers kept as the recipe says."""
    kinds = {"bf16": torch.bfloat16, "fp16": torch.float16}
    if recipe.save_as not in kinds or recipe.method == "lora":
        return model
    return copy.deepcopy(model).to(kinds[recipe.save_as])
