"""How well a model foretells titles that it has not been trained on."""

import argparse
import math
import tempfile
from pathlib import Path

import msgspec
import numpy as np
import torch

from tests.benchmarks.starter.papers import is_heldout, kept_share, read_papers
from titletui.corpus.paper import Paper
from titletui.models.device import threads
from titletui.models.loading import LoadedModel, load_model
from titletui.models.prompts import Task
from titletui.models.registry import ModelInfo
from titletui.paths import Home
from titletui.training.data.batching import collate, cut_batches
from titletui.training.data.dataset import build
from titletui.training.loss import TitleLoss
from titletui.training.recipe import Recipe


class Score(msgspec.Struct, frozen=True):
    """The loss of a model on some titles, the end of each included.

    Attributes:
        nats: summed over all tokens.
        characters: the end of each title counted as one.
    """

    titles: int
    tokens: int
    characters: int
    nats: float

    @property
    def loss(self) -> float:
        """Nats per token."""
        return self.nats / self.tokens

    @property
    def bits(self) -> float:
        """Bits per character."""
        return self.nats / math.log(2) / self.characters

    def __str__(self) -> str:
        return (
            f"{self.titles:7,} titles {self.tokens:9,} tokens   {self.loss:.3f} nats a token   "
            f"perplexity {math.exp(self.loss):6.1f}   {self.bits:.4f} bits a character"
        )


def load(model: ModelInfo) -> LoadedModel:
    """The model as training sees it, in float32."""
    torch.set_num_threads(threads())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        return load_model(model, home=Home(folder, folder, folder, folder))


@torch.no_grad()
def score(loaded: LoadedModel, papers: list[Paper], task: Task = "title") -> Score:
    """The loss on the papers' titles, each after the prompt of `task`.

    Args:
        papers: they are made into examples as those of a run are.
    """
    context = int(loaded.model.config.max_position_embeddings)
    recipe = Recipe(task=task, heldout=0, batch_tokens=8192, max_tokens=context)
    examples = build(papers, recipe, loaded.tokenizer, context).train
    loss = TitleLoss(loaded.model).eval()
    rows = np.argsort(examples.lengths, kind="stable")
    nats = 0.0
    for part in cut_batches(rows, examples.lengths[rows], recipe):
        batch = collate(examples, part, loaded.tokenizer.eos_token_id)
        nats += float(loss(batch)[0])
    return Score(
        len(examples), int(examples.title_tokens.sum()), int(examples.characters.sum()), nats
    )


def show(model: ModelInfo, options: argparse.Namespace) -> None:
    """Prints the figures on held-out titles, and on about as many that were trained on."""
    share = kept_share(model)
    apart, seen = [], []
    for paper in read_papers(options.papers):
        if is_heldout(paper, share):
            apart.append(paper)
        elif not is_heldout(paper, 1 - share):
            seen.append(paper)
    loaded = load(model)
    for name, papers in ((f"held out, {share:.0%}", apart), ("trained on", seen)):
        every = max(1, len(papers) // options.most) if options.most else 1
        print(f"{name:14}{score(loaded, papers[::every])}", flush=True)
