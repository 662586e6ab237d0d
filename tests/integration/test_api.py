"""`import titletui` in a notebook."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

import titletui
from tests.support.models import TITLES, tiny_gpt2
from tests.support.training_runs import toy_base
from titletui import api
from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.paths import Home
from titletui.shortlist.library import Library


@pytest.fixture
def corpus(home: Home) -> str:
    with CorpusStore(home.corpus_db) as store:
        store.create("mine", category="cs.CL")
        store.add("mine", [Paper(id=f"2301.{n:05}", title=t) for n, t in enumerate(TITLES)])
    return "mine"


def test_the_package_exports_what_the_api_declares() -> None:
    assert titletui.__all__ == api.__all__
    assert set(api.__all__) <= set(dir(titletui))
    for name in api.__all__:
        assert getattr(titletui, name) is getattr(api, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = titletui.nothing  # type: ignore[attr-defined]


def test_the_function_shortlist_survives_an_import_of_the_subpackage(home: Home) -> None:
    code = (
        "from titletui.shortlist.library import Library\n"
        "from titletui.shortlist import rows\n"
        "import titletui\n"
        "print(titletui.shortlist(), Library.__name__, rows.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] Library titletui.shortlist.rows\n"


@pytest.mark.usefixtures("home")
def test_papers_come_as_dicts(corpus: str) -> None:
    (summary,) = titletui.corpora()
    assert (summary.name, summary.papers, summary.category) == ("mine", len(TITLES), "cs.CL")
    mine = titletui.Corpus.open(corpus)
    papers = list(mine.papers())
    assert len(mine) == len(papers) == len(TITLES)
    assert {paper["title"] for paper in papers} == set(TITLES)
    assert papers[0].keys() == {
        "id", "title", "abstract", "categories", "authors", "created", "updated", "datestamp",
        "year",
    }  # fmt: skip
    assert papers[0]["year"] == 2023
    assert repr(mine) == f"<Corpus mine: {len(TITLES)} papers>"
    with pytest.raises(titletui.UsageError, match="There is no corpus named 'other'"):
        titletui.Corpus.open("other")


def test_the_shortlist_is_returned_newest_first(home: Home) -> None:
    assert titletui.shortlist() == []
    with Library(home.library_db) as library:
        library.star("One")
        library.star("Two")
    assert [one.text for one in titletui.shortlist()] == ["Two", "One"]


@pytest.mark.usefixtures("home")
def test_candidates_are_generated_also_inside_an_event_loop(corpus: str, tmp_path: Path) -> None:
    model = str(tiny_gpt2(tmp_path / "model"))

    async def cell() -> list[titletui.Candidate]:
        return titletui.generate(
            model, count=3, prefix="Neur", against=corpus, seed=1, max_tokens=5
        )

    first = asyncio.run(cell())
    assert len(first) == 3
    assert all(one.text.startswith("Neur") and one.novelty is not None for one in first)
    again = titletui.generate(model, count=3, prefix="Neur", seed=1, max_tokens=5)
    assert sorted(one.text for one in again) == sorted(one.text for one in first)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperature": -1}, "temperature"),
        ({"count": 0}, "count"),
        ({"temprature": 1}, "no sampling parameter temprature"),
        ({"against": "nowhere"}, "no corpus named 'nowhere'"),
    ],
)
def test_an_invalid_argument_is_a_usage_error(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(titletui.UsageError, match=message):
        titletui.generate(**arguments)  # type: ignore[arg-type]


def test_a_run_is_trained_waited_for_and_stopped(home: Home) -> None:
    with CorpusStore(home.corpus_db) as store:
        store.create("mine")
        store.add("mine", [Paper(id=f"2301.{n:05}", title=f"Title {n}") for n in range(60)])
    base = str(toy_base(home))
    run = titletui.train("mine", base=base, steps=3, eval_every=1)
    assert run.wait(timeout=120) == "done"
    assert len(run.losses) == 3
    assert all(loss > 0 for loss in run.losses)
    assert run.heldout_losses
    assert repr(run) == f"<Run {run.name}: done, 3 steps>"
    long = titletui.train("mine", name="long", base=base, steps=100_000)
    long.stop()
    assert long.wait(timeout=120) == "stopped"
    with pytest.raises(titletui.UsageError, match="recipe field"):
        titletui.train("mine", stepz=3)
