"""Novelty of titles against the papers of the corpora, checked in threads of their own."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from titletui.candidate import Novelty
from titletui.errors import UsageError
from titletui.paths import Home
from titletui.tui.worker_thread import WorkerThread

if TYPE_CHECKING:
    from titletui.generation import novelty


class NoveltyChecker:
    """Compares titles with one corpus or with all papers; an index is opened on first use.

    Args:
        on_missing_corpus: called with a sentence when the corpus to compare with does not exist;
            titles are then compared with all papers.
    """

    def __init__(self, home: Home, on_missing_corpus: Callable[[str], None]) -> None:
        self._home = home
        self._on_missing_corpus = on_missing_corpus
        self._threads: dict[str | None, WorkerThread[novelty.NoveltyIndex]] = {}

    async def check(self, texts: list[str], corpus: str | None) -> list[Novelty]:
        """Return one result for each of `texts`; none while there is no paper to compare with."""
        try:
            return await self._thread(corpus).run(lambda index: _check(index, texts))
        except UsageError as error:
            if corpus is None:
                raise
            self._on_missing_corpus(str(error))
            return await self.check(texts, None)

    def _thread(self, corpus: str | None) -> "WorkerThread[novelty.NoveltyIndex]":
        if corpus not in self._threads:

            def open_index() -> "novelty.NoveltyIndex":
                from titletui.generation.novelty import NoveltyIndex

                return NoveltyIndex(self._home.corpus_db, corpus)

            self._threads[corpus] = WorkerThread("novelty", open_index)
        return self._threads[corpus]


def _check(index: "novelty.NoveltyIndex", texts: list[str]) -> list[Novelty]:
    results = [index.check(text) for text in texts]
    return results if index.papers else []
