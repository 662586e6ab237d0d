"""Corpora for the tests of screens."""

from textual.pilot import Pilot

from tests.support.pilot import app_of
from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.paths import Home
from titletui.tui.corpus.screen import CorpusScreen


def paper(number: int, title: str, abstract: str = "") -> Paper:
    return Paper(
        id=f"24{number // 9000 + 1:02d}.{number % 9000 + 1:05d}",
        title=title,
        abstract=abstract or f"We study {title} in depth.",
        categories="eess.AS cs.SD",
        authors="Doe, Jane; Roe, Richard",
    )


def fill(home: Home, name: str, papers: list[Paper], category: str = "eess.AS") -> None:
    with CorpusStore(home.corpus_db) as store:
        store.create(name, category=category, source="arXiv")
        store.add(name, papers)


def screen_of(pilot: Pilot[int]) -> CorpusScreen:
    screen = app_of(pilot).screen_stack[0]
    assert isinstance(screen, CorpusScreen)
    return screen


def names(home: Home) -> list[str]:
    with CorpusStore(home.corpus_db) as store:
        return [corpus.name for corpus in store.corpora()]
