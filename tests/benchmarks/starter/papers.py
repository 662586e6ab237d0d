"""The papers that figures are measured on."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from titletui.corpus.paper import Paper, plain_id, title_id
from titletui.corpus.store import CorpusStore
from titletui.errors import UsageError
from titletui.importing.paper_reader import PaperReader, RejectedRecord
from titletui.models.card import read_card
from titletui.models.registry import ModelInfo
from titletui.text import clean
from titletui.training.data.frozen_papers import in_split

SHARE = 0.01


def read_papers(source: Path) -> Iterator[Paper]:
    """The papers of a corpus.db, or of a file as `titletui import` would store them."""
    if source.suffix == ".db":
        with CorpusStore(source, read_only=True) as store:
            seen: set[str] = set()
            for corpus in store.corpora():
                for paper in store.papers(corpus.name):
                    if paper.id not in seen:
                        seen.add(paper.id)
                        yield paper
        return
    with PaperReader(source) as reader:
        for record in reader:
            if isinstance(record, RejectedRecord):
                continue
            title = clean(record.title)
            yield msgspec.structs.replace(
                record,
                id=plain_id(record.id) if record.id else title_id(title),
                title=title,
                abstract=clean(record.abstract),
            )


def kept_share(model: ModelInfo) -> float:
    """The share of all papers that the model has not been trained on, at most `SHARE`.

    The papers of a smaller share are among those of a larger one.

    Raises:
        UsageError: it kept nothing from training, or does not say what it kept.
    """
    assert model.path is not None
    recipe = read_card(model.path).recipe
    if recipe is None:
        raise UsageError(f"{model.path} has no recipe in its card; nobody knows what it has seen.")
    if recipe["heldout"] == 0:
        raise UsageError(f"{model.path} was trained on all papers; nothing is held out.")
    return min(SHARE, float(recipe["heldout"]))


def is_heldout(paper: Paper, share: float) -> bool:
    """Whether a run that holds out at least `share` has kept the paper from training."""
    return in_split(paper, share, "heldout")


def read_titles(source: Path) -> Iterator[str]:
    """All titles of a source."""
    return (paper.title for paper in read_papers(source))
