"""Small runs to do things to."""

import hashlib
from pathlib import Path

from tests.support.models import TITLES, tiny_gpt2
from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.jobs.job import Job
from titletui.paths import Home
from titletui.training.launch.runs import prepare_run
from titletui.training.presets import override, preset
from titletui.training.run_history import RunView

QUICK = {
    "steps": "20",
    "save_every": "5",
    "eval_every": "10",
    "sample_every": "10",
    "batch_tokens": "128",
    "preview_titles": "2",
    "preview_tokens": "4",
    "final_titles": "2",
    "heldout": "0.1",
    "dropout": "0.1",
}


def papers(titles: list[str]) -> list[Paper]:
    """Papers with these titles, each with an abstract."""
    return [
        Paper(
            id=f"24{number % 12 + 1:02d}.{number:05d}", title=title, abstract=f"We study {title}."
        )
        for number, title in enumerate(titles)
    ]


def toy_corpus(home: Home, titles: list[str] | None = None, name: str = "toy") -> CorpusStore:
    """A store with one small corpus."""
    store = CorpusStore(home.corpus_db)
    store.create(name)
    store.add(name, papers(TITLES if titles is None else titles))
    return store


def toy_base(home: Home) -> Path:
    """A tiny GPT-2, made once in this home."""
    folder = home.data / "tiny"
    return folder if folder.exists() else tiny_gpt2(folder)


def toy_run(
    home: Home, name: str = "toy-1", preset_name: str = "starter-titles", **changes: str
) -> Job:
    """A prepared run of twenty steps, with a checkpoint every five; nothing is started."""
    base = {} if "base" in changes else {"base": str(toy_base(home))}
    recipe = override(preset(preset_name), {**QUICK, **base, **changes})
    with toy_corpus(home) as store:
        return prepare_run(home, store, "toy", recipe, name=name)


def weights(job: Job) -> str:
    """The finished model's weights, as a hash."""
    return hashlib.sha256((job.model / "model.safetensors").read_bytes()).hexdigest()


def view(job: Job) -> RunView:
    """The run as read now."""
    found = RunView(job)
    found.refresh()
    return found
