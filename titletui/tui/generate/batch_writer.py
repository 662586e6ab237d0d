"""One batch on its way: from the model to the list, and at the same time into the library."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from titletui.candidate import Candidate, Novelty
from titletui.errors import TitletuiError
from titletui.generation.protocol import (
    Failed,
    Finished,
    Generate,
    Generated,
    Loaded,
    Loading,
)
from titletui.shortlist.records import BatchSettings
from titletui.text import clean, fold
from titletui.tui.generate.candidate_row import Row
from titletui.tui.generate.preference import Tasting

if TYPE_CHECKING:
    from titletui.generation.client import GenerationClient
    from titletui.tui.app_base import AppBase


class Batch:
    """The rows of one batch, as they are known so far.

    Attributes:
        id: in the library; None until its first candidate is kept.
        settings: what was asked for.
        rows: by arrival.
        status: what is being waited for, for a person; empty when nothing is.
    """

    def __init__(self, settings: BatchSettings, id: int | None = None, created: str = "") -> None:  # noqa: A002
        self.id = id
        self.settings = settings
        self.created = created
        self.rows: list[Row] = []
        self.status = ""
        self.running = False

    @property
    def new(self) -> int:
        """How many were never seen and stand in no corpus."""
        return sum(
            not row.repeat and (row.novelty is None or row.novelty.kind == "new")
            for row in self.rows
        )


class Writing:
    """Writes one batch; the screen is told of each change.

    Args:
        changed: called with the place in `batch.rows` that is new or another, or with None when
            only the status is.
    """

    def __init__(
        self,
        app: "AppBase",
        generator: "GenerationClient",
        batch: Batch,
        taste: Tasting,
        changed: Callable[[int | None], None],
    ) -> None:
        self._app = app
        self._generator = generator
        self.batch = batch
        self._taste = taste
        self._changed = changed
        self._texts: set[str] = set()
        self._unkept: list[int] = []
        self._wake = asyncio.Event()
        self._first = 0

    async def run(self, request: Generate) -> None:
        """Asks for the candidates and keeps each; returns when all are on disk.

        Raises:
            TitletuiError: the model or the library failed; what had arrived is kept.
        """
        self.batch.running = True
        self._first = len(self.batch.rows)
        keeper = asyncio.create_task(self._keep())
        answers = self._generator.generate(request)
        try:
            async for answer in answers:
                match answer:
                    case Loading():
                        self._say(answer.what)
                    case Loaded():
                        self._say("")
                        self._app.show_model(f"{answer.model} · {answer.device}")
                        if answer.note:
                            self._app.say(answer.note, "warning")
                    case Generated():
                        self._arrived(answer.candidate)
                    case Failed():
                        raise TitletuiError(answer.error)
                    case Finished():
                        break
        finally:
            self.batch.running = False
            self.batch.status = ""
            self._wake.set()
            self._changed(None)
            await asyncio.wait({keeper})
            failure = keeper.exception()
        if failure is not None:
            raise failure

    def _say(self, what: str) -> None:
        self.batch.status = what
        self._changed(None)

    def _arrived(self, candidate: Candidate) -> None:
        text = clean(candidate.text)
        key = fold(text)
        candidate = replace(candidate, text=text, index=self._first + candidate.index)
        row = Row.of(candidate, repeat=key in self._texts)
        self._texts.add(key)
        self.batch.status = ""
        self.batch.rows.append(row)
        self._unkept.append(len(self.batch.rows) - 1)
        self._wake.set()
        self._changed(len(self.batch.rows) - 1)

    async def _keep(self) -> None:
        """Keeps what has arrived since it last looked, until the batch is over."""
        while self.batch.running or self._unkept:
            await self._wake.wait()
            self._wake.clear()
            places, self._unkept = self._unkept, []
            if places:
                await self._keep_these(places)

    async def _keep_these(self, places: list[int]) -> None:
        library, batch = self._app.library, self.batch
        if batch.id is None:
            batch.id = await library.run(lambda store: store.start_batch(batch.settings))
        number = batch.id
        rows = [batch.rows[place] for place in places]
        texts = [row.text for row in rows]
        seen = await library.run(lambda store: store.seen(texts, but=number))
        starred = await library.run(lambda store: store.starred(texts))
        ids = await library.run(lambda store: store.add_candidates(number, rows))
        for place, candidate in zip(places, ids, strict=True):
            row = batch.rows[place]
            batch.rows[place] = replace(
                row,
                id=candidate,
                repeat=row.repeat or row.text in seen,
                star=row.star or ("saved" if row.text in starred else ""),
            )
            self._changed(place)
        verdicts = await self._app.novelty.check(texts, batch.settings.against)
        judged: list[tuple[int, Novelty]] = []
        for place, candidate, verdict in zip(places, ids, verdicts, strict=False):
            batch.rows[place] = replace(batch.rows[place], novelty=verdict)
            judged.append((candidate, verdict))
            self._changed(place)
        for place, liking in zip(places, await self._likings(places), strict=False):
            batch.rows[place] = replace(batch.rows[place], liking=liking)
            self._changed(place)
        if judged:
            await library.run(lambda store: store.judge(judged))

    async def _likings(self, places: list[int]) -> list[float]:
        if self._app.settings.generate.sort != "taste":
            return []
        return await self._taste.likings([self.batch.rows[place] for place in places])
