"""The owner's taste: learned and applied in a thread of its own."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from titletui.candidate import Candidate
from titletui.tui.worker_thread import WorkerThread

if TYPE_CHECKING:
    from titletui.preference.model import PreferenceModel
    from titletui.tui.app_base import AppBase


class Tasting:
    """Ranks candidates by what was starred and what was passed over."""

    def __init__(self, app: "AppBase") -> None:
        self._app = app
        self._taste: PreferenceModel | None = None
        self._thread = WorkerThread("taste", lambda: app.home)

    async def learn(self) -> str:
        """Learns anew where there is something new to learn from; returns what came of it.

        Raises:
            TitletuiError: it could not be learned.
        """
        library = await self._app.library.run(lambda store: store)

        def learn() -> "PreferenceModel | None":
            from titletui.preference.model import learn_preferences

            return learn_preferences(self._app.home, library)

        self._taste = await self._thread.run(lambda _: learn())
        if self._taste is None:
            return ""
        return f"Ranked by your taste, {self._taste.summary}"

    async def likings(self, candidates: Sequence[Candidate]) -> list[float]:
        """One for each candidate, 0…1; none at all while nothing was learned."""
        taste = self._taste
        if taste is None:
            return []
        return await self._thread.run(lambda _: taste.scores(candidates))
