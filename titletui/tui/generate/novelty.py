"""How candidates stand to the papers, asked in a thread of its own."""

from typing import TYPE_CHECKING

from titletui.errors import UsageError
from titletui.shortlist.records import Novelty
from titletui.tui.worker_thread import WorkerThread

if TYPE_CHECKING:
    from titletui.generation import novelty
    from titletui.tui.app import TitletuiApp


class Judge:
    """Compares titles with a corpus, or with all papers; each is opened when first asked for."""

    def __init__(self, app: "TitletuiApp") -> None:
        self._app = app
        self._threads: dict[str | None, WorkerThread[novelty.Novelty]] = {}

    async def verdicts(self, texts: list[str], against: str | None) -> list[Novelty]:
        """One for each of `texts`; none at all while there is no paper to compare with.

        A corpus that is gone is told, and all papers taken in its place from then on.
        """
        try:
            return await self._thread(against).ask(lambda judge: _verdicts(judge, texts))
        except UsageError as error:
            if against is None:
                raise
            self._app.say(f"{error} Titles are compared with all papers.", "warning")
            self._app.settings.generate.against = None
            return await self.verdicts(texts, None)

    def _thread(self, against: str | None) -> "WorkerThread[novelty.Novelty]":
        if against not in self._threads:

            def open_store() -> "novelty.Novelty":
                from titletui.generation.novelty import Novelty as Comparison

                return Comparison(self._app.home.corpus_db, against)

            self._threads[against] = WorkerThread("novelty", open_store)
        return self._threads[against]


def _verdicts(judge: "novelty.Novelty", texts: list[str]) -> list[Novelty]:
    verdicts = [Novelty.of(judge.check(text)) for text in texts]
    return verdicts if judge.papers else []
