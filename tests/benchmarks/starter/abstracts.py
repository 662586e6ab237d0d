"""Titles from abstracts that a model has not been trained on, beside the first sentence."""

import argparse
import statistics

import msgspec

from tests.benchmarks.starter.heldout import load, score
from tests.benchmarks.starter.papers import is_heldout, kept_share, read_papers
from tests.benchmarks.starter.writing import open_model, write
from titletui.corpus.paper import Paper
from titletui.errors import UsageError
from titletui.generation.engine import Engine
from titletui.generation.mbr import agreement
from titletui.inference.prefix import open_title
from titletui.models.prompts import make_prompt
from titletui.models.registry import ModelInfo
from titletui.sampling_params import SamplingParams
from titletui.text import fold
from titletui.training.evaluation import first_sentence, rouge

FEWEST = 500
DRAWN = 16
FIELDS = ("cs", "eess", "stat")
KINDS = ("rouge1", "rouge2", "rougeL")
SHOWN = 5


def show(model: ModelInfo, options: argparse.Namespace) -> None:
    """Prints ROUGE and how many words come from the abstract, for each way to get a title."""
    share = kept_share(model)
    pairs = [
        paper
        for paper in read_papers(options.pairs)
        if paper.abstract and is_heldout(paper, share) and _in_fields(paper)
    ]
    if len(pairs) < FEWEST:
        raise UsageError(f"{options.pairs} has {len(pairs)} held-out pairs; {FEWEST} are needed.")
    if options.most:
        pairs = pairs[:: max(1, len(pairs) // options.most)][: options.most]
    engine = open_model(model)
    ways = {"title itself": [paper.title for paper in pairs]}
    ways["first sentence"] = [first_sentence(paper.abstract) for paper in pairs]
    for name, temperature in (("greedy", 0.0), (f"temperature {options.low}", options.low)):
        ways[name] = [
            write(engine, 1, abstract=p.abstract, temperature=temperature, seed=options.seed)[0]
            for p in pairs
        ]
    ways[f"{DRAWN} by agreement"] = [
        max(zip(agreement(drawn), drawn, strict=True))[1]
        for p in pairs
        for drawn in [write(engine, DRAWN, abstract=p.abstract, temperature=0.6, seed=options.seed)]
    ]
    print(f"{len(pairs)} held-out pairs of {', '.join(FIELDS)}; ROUGE F-measures, stemmed")
    print(f"{'':18}{'ROUGE-1':>9}{'ROUGE-2':>9}{'ROUGE-L':>9}{'words':>8}{'of abstract':>13}")
    for name, titles in ways.items():
        _line(name, titles, pairs)
    loaded = load(model)
    print(f"without abstract {score(loaded, pairs)}")
    read = [msgspec.structs.replace(p, abstract=as_read(engine, p.abstract)) for p in pairs]
    print(f"after abstract   {score(loaded, read, 'abstract-to-title')}\n")
    for place in range(0, len(pairs), len(pairs) // SHOWN):
        for name in ("title itself", "greedy", f"{DRAWN} by agreement"):
            print(f"  {name:16} {ways[name][place]}")
        print()


def as_read(engine: Engine, abstract: str) -> str:
    """As much of an abstract as the model is given when it writes, whatever its title is."""
    opening = open_title(
        engine.vocabulary,
        make_prompt("abstract-to-title", abstract=abstract),
        "",
        max_tokens=SamplingParams().max_tokens,
        context=engine.decoder.context,
        trained=engine.info.trained_tokens,
    )
    return engine.vocabulary.bytes_of(list(opening.tokens)).decode(errors="ignore").strip()


def _in_fields(paper: Paper) -> bool:
    return any(name.partition(".")[0] in FIELDS for name in paper.categories.split())


def _line(name: str, titles: list[str], pairs: list[Paper]) -> None:
    """Prints one way's means, and how far its ROUGE-L stands above the first sentence's."""
    found = [rouge([title], [paper]) for title, paper in zip(titles, pairs, strict=True)]
    means = "".join(f"{100 * statistics.mean(row[kind] for row in found):9.2f}" for kind in KINDS)
    words = statistics.mean(len(title.split()) for title in titles)
    taken = statistics.mean(
        _taken(title, paper.abstract) for title, paper in zip(titles, pairs, strict=True)
    )
    above = [100 * (row["rougeL"] - row["baseline_rougeL"]) for row in found]
    error = statistics.stdev(above) / len(above) ** 0.5
    print(
        f"{name:18}{means}{words:8.1f}{taken:13.1%}"
        f"   ROUGE-L {statistics.mean(above):+.2f} ± {error:.2f}"
    )


def _taken(title: str, abstract: str) -> float:
    """The share of the title's words that stand in the abstract."""
    words, there = fold(title).split(), set(fold(abstract).split())
    return sum(word in there for word in words) / max(1, len(words))
