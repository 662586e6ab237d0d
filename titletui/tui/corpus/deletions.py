"""Deletions of corpora, which go on in the background."""

from collections.abc import Awaitable, Callable

from titletui.corpus.store import CorpusStore
from titletui.errors import TitletuiError
from titletui.text import display
from titletui.tui.app_base import AppBase
from titletui.tui.worker_thread import WorkerThread


class Deletion:
    """A corpus that is being deleted.

    Attributes:
        papers: how many it had.
        deleted: how many of them are deleted so far.
    """

    def __init__(self, corpus: str, papers: int) -> None:
        self.corpus = corpus
        self.papers = papers
        self.deleted = 0

    def on_progress(self, deleted: int) -> None:
        """Note how many papers are deleted; may be called from another thread."""
        self.deleted = min(deleted, self.papers)

    @property
    def amount(self) -> str:
        """`20,000 of 650,000 papers`"""
        return f"{self.deleted:,} of {self.papers:,} papers"

    @property
    def summary(self) -> str:
        """`deleting cs.CL: 20,000 of 650,000 papers`"""
        return f"deleting {display(self.corpus)}: {self.amount}"


class Deletions:
    """Deletes the papers of hidden corpora in a thread of their own.

    Args:
        on_start: awaited when a deletion has begun.

    Attributes:
        running: in the order in which they were asked for.
    """

    def __init__(self, app: AppBase, on_start: Callable[[], Awaitable[None]]) -> None:
        self.running: list[Deletion] = []
        self._app = app
        self._on_start = on_start
        self._store = WorkerThread("deletions", lambda: CorpusStore.open(app.home))

    async def resume(self) -> None:
        """Finish what an earlier session has begun."""
        try:
            left = await self._store.run(lambda store: 0 if store.read_only else store.hidden())
        except TitletuiError as error:
            self._app.show_error(error)
            return
        if left:
            await self.purge("what is left of one", left)

    async def purge(self, corpus: str, papers: int) -> None:
        """Delete the papers of all hidden corpora and show the progress."""
        deletion = Deletion(corpus, papers)
        self.running.append(deletion)
        await self._on_start()
        try:
            await self._store.run(lambda store: store.purge(deletion.on_progress))
        except TitletuiError as error:
            self._app.show_error(error)
        finally:
            self.running.remove(deletion)
