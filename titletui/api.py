"""titletui from a notebook or a script: `import titletui`.

Every function works on the files of `titletui.paths.find_home()`, which the app and the command
line share. Errors are `TitletuiError`; an invalid argument is a `UsageError`.
"""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import msgspec

from titletui.candidate import Candidate, Novelty
from titletui.corpus.store import CorpusStore, CorpusSummary
from titletui.errors import TitletuiError, UsageError
from titletui.jobs import launch
from titletui.jobs.job import find_job
from titletui.paths import find_home
from titletui.sampling_params import SamplingParams
from titletui.shortlist.library import Library
from titletui.shortlist.records import Favourite

__all__ = [
    "Candidate",
    "Corpus",
    "CorpusSummary",
    "Favourite",
    "Novelty",
    "Run",
    "TitletuiError",
    "UsageError",
    "corpora",
    "generate",
    "shortlist",
    "train",
]

_POLL = 0.5


def corpora() -> list[CorpusSummary]:
    """Return a summary of every corpus."""
    with CorpusStore.open(find_home()) as store:
        return store.corpora()


class Corpus:
    """A corpus of papers.

    Attributes:
        summary: its name, category, number of papers and dates.
    """

    def __init__(self, summary: CorpusSummary) -> None:
        self.summary = summary

    @classmethod
    def open(cls, name: str) -> Self:
        """Return the corpus of that name.

        Raises:
            UsageError: there is none; the message lists those that exist.
        """
        with CorpusStore.open(find_home()) as store:
            return cls(store.summary(name))

    def papers(self, *, abstracts: bool = True) -> Iterator[dict[str, Any]]:
        """Yield each paper as a dict, for `pandas.DataFrame` or `polars.DataFrame`.

        Keys: id, title, abstract, categories, authors, created, updated, datestamp, year.
        """
        with CorpusStore.open(find_home()) as store:
            for paper in store.papers(self.summary.name, abstracts=abstracts):
                row = msgspec.structs.asdict(paper)
                del row["deleted"]
                yield {**row, "year": paper.year}

    def __len__(self) -> int:
        return self.summary.papers

    def __repr__(self) -> str:
        return f"<Corpus {self.summary.name}: {len(self):,} papers>"


class Run:
    """A training run, which continues in the background when the notebook ends."""

    def __init__(self, name: str) -> None:
        from titletui.training.run_history import RunView

        self.name = name
        self._view = RunView(find_job(find_home().jobs, "run", name))

    @property
    def state(self) -> str:
        """`queued`, `starting`, `running`, `stopping`, `stopped`, `done`, `failed`, …"""
        return self._view.job.state.value

    @property
    def losses(self) -> list[float]:
        """The training loss of every step so far, in nats per title token."""
        self._view.refresh()
        return list(self._view.losses)

    @property
    def heldout_losses(self) -> list[tuple[int, float]]:
        """The step and loss of every evaluation on the held-out papers so far."""
        self._view.refresh()
        return list(zip(self._view.heldout_steps, self._view.heldout, strict=True))

    def wait(self, timeout: float | None = None) -> str:
        """Wait for the end of the run, at most `timeout` seconds; return its state.

        Raises:
            TitletuiError: the run failed.
        """
        until = float("inf") if timeout is None else time.monotonic() + timeout
        while self._view.job.state.alive and time.monotonic() < until:
            time.sleep(_POLL)
        if self.state == "failed" and (result := self._view.job.exit):
            raise TitletuiError(f"{self.name}: {result.reason}. {result.advice}".strip())
        return self.state

    def stop(self) -> None:
        """Ask the run to write a checkpoint and end; return at once."""
        launch.stop(self._view.job)

    def __repr__(self) -> str:
        return f"<Run {self.name}: {self.state}, {len(self.losses)} steps>"


def train(
    corpus: str, *, name: str | None = None, preset: str | None = None, **changes: object
) -> Run:
    """Start fine-tuning a model on a corpus.

    Args:
        name: of the run; by default the corpus' name and a number.
        preset: a named recipe; by default `starter-titles`.
        changes: fields of the recipe, such as `base="gpt2"`, `steps=200`, `learning_rate=1e-4`.

    Raises:
        UsageError: the corpus, the preset or a field is unknown, or a value invalid.
        TitletuiError: there are too few papers, or too little memory.
    """
    from titletui.settings import as_text
    from titletui.training import presets
    from titletui.training.launch.runs import prepare_run, start_run

    home = find_home()
    recipe = presets.preset(preset or presets.DEFAULT)
    recipe = presets.override(recipe, {field: as_text(value) for field, value in changes.items()})
    with CorpusStore.open(home) as store:
        job = start_run(prepare_run(home, store, corpus, recipe, name=name))
    return Run(job.name)


def generate(
    model: str = "starter",
    *,
    count: int = 10,
    prefix: str = "",
    abstract: str = "",
    year: int | None = None,
    against: str | None = None,
    new_only: bool = False,
    **sampling: Any,
) -> list[Candidate]:
    """Generate titles and compare them with the papers of the corpora.

    Args:
        model: `starter`, the name of a run, a folder or a hub id.
        prefix: the beginning of every title.
        abstract, year: a prompt, for models trained on abstracts or years.
        against: the corpus to compare with; all papers by default.
        new_only: continue until `count` titles are new.
        sampling: `temperature`, `top_p`, `top_k`, `max_tokens`, `seed`; see `SamplingParams`.

    Raises:
        UsageError: an argument is invalid.
        TitletuiError: the model cannot be used.
    """
    from titletui.generation.candidates import stream_candidates
    from titletui.generation.protocol import Generate

    try:
        asked = {"type": "generate", "id": 1, "model": model, "prefix": prefix, "year": year,
                 "abstract": abstract, "count": count, "sampling": sampling}  # fmt: skip
        if unknown := sampling.keys() - set(SamplingParams.__struct_fields__):
            raise UsageError(f"There is no sampling parameter {', '.join(sorted(unknown))}.")
        request = msgspec.convert(asked, Generate)
    except msgspec.ValidationError as error:
        raise UsageError(f"{error}.") from error

    async def collect() -> list[Candidate]:
        stream = stream_candidates(find_home(), request, against=against, new_only=new_only)
        return [candidate async for candidate in stream]

    # A notebook runs an event loop in this thread already.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, collect()).result()


def shortlist() -> list[Favourite]:
    """Return the starred titles, newest first."""
    with Library.open(find_home()) as library:
        return library.favourites()
