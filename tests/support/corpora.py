"""Papers and corpora where a test does not care what is in them."""

from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.paths import Home


def paper(number: int, title: str, abstract: str = "") -> Paper:
    return Paper(
        id=f"24{number // 9000 + 1:02d}.{number % 9000 + 1:05d}",
        title=title,
        abstract=abstract or f"We study {title} in depth.",
        categories="eess.AS cs.SD",
        authors="Doe, Jane; Roe, Richard",
    )


def some_papers(count: int, year: int = 24) -> list[Paper]:
    """Papers over the months of a year, each with an id and a title of its own."""
    return [
        Paper(id=f"{year}{1 + n % 12:02}.{n:05}", title=f"Paper {n} on neural things")
        for n in range(count)
    ]


def fill(home: Home, name: str, papers: list[Paper], category: str = "eess.AS") -> None:
    with CorpusStore(home.corpus_db) as store:
        store.create(name, category=category, source="arXiv")
        store.add(name, papers)


def names(home: Home) -> list[str]:
    with CorpusStore(home.corpus_db) as store:
        return [corpus.name for corpus in store.corpora()]
