"""Stream one batch from the model into its list and into the library."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from titletui.candidate import Candidate
from titletui.errors import TitletuiError
from titletui.generation.protocol import Failed, Finished, Generate, Generated, Loaded, Loading
from titletui.text import clean, fold
from titletui.tui.app_base import AppBase
from titletui.tui.generate.batch import LiveBatch
from titletui.tui.generate.candidate_row import CandidateRow
from titletui.tui.generate.preference import PreferenceRanker

if TYPE_CHECKING:
    from titletui.generation.client import GenerationClient
    from titletui.shortlist.library import Library


class BatchWriter:
    """Writes one batch.

    Args:
        changed: called with the index in `batch.rows` that was added or replaced, or with None
            after a change of the status alone.
    """

    def __init__(
        self,
        app: AppBase,
        generator: "GenerationClient",
        batch: LiveBatch,
        preference: PreferenceRanker,
        changed: Callable[[int | None], None],
    ) -> None:
        self._app = app
        self._generator = generator
        self._batch = batch
        self._preference = preference
        self._changed = changed
        self._first = 0
        self._folded: set[str] = set()
        self._unstored: list[int] = []
        self._arrived = asyncio.Event()

    async def write(self, request: Generate) -> None:
        """Request the candidates and store each; return when all are on disk.

        Raises:
            TitletuiError: the model or the library failed; what had arrived is stored.
        """
        batch = self._batch
        batch.running = True
        self._first = len(batch.rows)
        storing = asyncio.create_task(self._store_as_they_arrive())
        try:
            async for answer in self._generator.generate(request):
                match answer:
                    case Loading():
                        self._set_status(answer.what)
                    case Loaded():
                        self._set_status("")
                        self._app.show_model(f"{answer.model} · {answer.device}")
                        batch.settings = replace(batch.settings, note=answer.note)
                        self._changed(None)
                    case Generated():
                        self._add(answer.candidate)
                    case Failed():
                        raise TitletuiError(answer.error)
                    case Finished():
                        break
        finally:
            batch.running = False
            self._arrived.set()
            self._set_status("")
            await asyncio.wait({storing})
            failure = storing.exception()
        if failure is not None:
            raise failure

    def _set_status(self, status: str) -> None:
        self._batch.status = status
        self._changed(None)

    def _add(self, candidate: Candidate) -> None:
        text = clean(candidate.text)
        key = fold(text)
        candidate = replace(candidate, text=text, index=self._first + candidate.index)
        self._batch.status = ""
        self._batch.rows.append(CandidateRow.of(candidate, repeat=key in self._folded))
        self._folded.add(key)
        place = len(self._batch.rows) - 1
        self._unstored.append(place)
        self._arrived.set()
        self._changed(place)

    async def _store_as_they_arrive(self) -> None:
        while self._batch.running or self._unstored:
            await self._arrived.wait()
            self._arrived.clear()
            places, self._unstored = self._unstored, []
            if places:
                await self._store(places)

    async def _store(self, places: list[int]) -> None:
        """Store candidates, then add what takes longer: novelty and the preference score."""
        batch, library = self._batch, self._app.library
        texts = [batch.rows[place].text for place in places]

        def store(library: "Library") -> tuple[list[int], set[str], set[str]]:
            if batch.id is None:
                batch.id = library.start_batch(batch.settings)
            seen = library.seen(texts, excluding=batch.id)
            rows = [batch.rows[place] for place in places]
            return library.add_candidates(batch.id, rows), seen, library.starred(texts)

        ids, seen, starred = await library.run(store)
        for place, candidate in zip(places, ids, strict=True):
            row = batch.rows[place]
            self._replace(
                place,
                id=candidate,
                repeat=row.repeat or row.text in seen,
                star=row.star or ("saved" if row.text in starred else ""),
            )
        found = await self._app.novelty.check(texts, batch.settings.against)
        for place, novelty in zip(places, found, strict=False):
            self._replace(place, novelty=novelty)
        if self._app.settings.generate.sort == "taste":
            rows = [batch.rows[place] for place in places]
            for place, score in zip(places, await self._preference.scores(rows), strict=False):
                self._replace(place, preference=score)
        if found:
            judged = list(zip(ids, found, strict=True))
            await library.run(lambda library: library.set_novelty(judged))

    def _replace(self, place: int, **changes: object) -> None:
        self._batch.rows[place] = replace(self._batch.rows[place], **changes)
        self._changed(place)
