"""The preference model, fitted and applied in a thread of its own."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from titletui.candidate import Candidate
from titletui.tui.app_base import AppBase
from titletui.tui.worker_thread import WorkerThread

if TYPE_CHECKING:
    from titletui.preference.model import PreferenceModel
    from titletui.shortlist.library import Library


class PreferenceRanker:
    """Scores candidates by what was starred and what was passed over."""

    def __init__(self, app: AppBase) -> None:
        self._app = app
        self._model: PreferenceModel | None = None
        self._thread = WorkerThread("preference", lambda: app.home)

    async def fit(self) -> str:
        """Fit the model if there are new stars; return how well it does, or "" without a model.

        Raises:
            TitletuiError: it could not be fitted.
        """
        library = await self._app.library.run(lambda library: library)
        self._model = await self._thread.run(lambda _: self._fit(library))
        return f"Ranked by your taste, {self._model.summary}" if self._model else ""

    def _fit(self, library: "Library") -> "PreferenceModel | None":
        from titletui.preference.model import learn_preferences

        return learn_preferences(self._app.home, library)

    async def scores(self, candidates: Sequence[Candidate]) -> list[float]:
        """Return a score for each candidate, 0…1; none without a model."""
        model = self._model
        return await self._thread.run(lambda _: model.scores(candidates)) if model else []
