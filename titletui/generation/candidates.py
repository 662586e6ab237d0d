"""Generate candidates and compare each with a corpus: for the command line and for notebooks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import msgspec

from titletui.candidate import Candidate
from titletui.errors import TitletuiError, UsageError
from titletui.generation.client import GenerationClient
from titletui.generation.protocol import Failed, Generate, Generated, Loaded, Loading, with_seed
from titletui.paths import Home
from titletui.text import fold

if TYPE_CHECKING:
    from titletui.generation.novelty import NoveltyIndex

_MAX_ROUNDS = 50


async def stream_candidates(
    home: Home,
    request: Generate,
    *,
    against: str | None = None,
    new_only: bool = False,
    on_message: Callable[[Loading | Loaded], None] = lambda _: None,
) -> AsyncIterator[Candidate]:
    """Yield each candidate, with its novelty, as soon as it is complete.

    Args:
        against: the corpus to compare with; None for all papers.
        new_only: yield only new titles, and continue until there are `request.count`.
        on_message: called while the model is loaded.

    Raises:
        TitletuiError: the model cannot be used, or too few titles are new after many rounds.
    """
    if against and not home.corpus_db.exists():
        raise UsageError(f"There is no corpus named {against!r:.80}; there is none yet.")
    async with GenerationClient(home) as client:
        # The server starts while the index is imported and opened here.
        await client.start()
        from titletui.generation.novelty import NoveltyIndex

        with NoveltyIndex(home.corpus_db, against) as index:
            if not new_only:
                async for candidate in _candidates(client, request, index, on_message):
                    yield candidate
                return
            missing = request.count
            async for candidate in _distinct(client, request, index, on_message):
                if candidate.novelty is not None and candidate.novelty.kind == "new":
                    yield candidate
                    missing -= 1
                    if missing == 0:
                        return
    raise TitletuiError(
        f"Only {request.count - missing} titles are new after many tries; "
        "try a higher temperature or another prefix."
    )


async def _distinct(
    client: GenerationClient,
    request: Generate,
    index: "NoveltyIndex",
    on_message: Callable[[Loading | Loaded], None],
) -> AsyncIterator[Candidate]:
    """Yield distinct candidates of up to 50 rounds."""
    seen: set[str] = set()
    for _ in range(_MAX_ROUNDS):
        async for candidate in _candidates(client, request, index, on_message):
            request = with_seed(request, candidate.seed)
            if fold(candidate.text) not in seen:
                seen.add(fold(candidate.text))
                yield candidate
        # Each round derives its seed from the one before, so that one seed decides all titles.
        request = with_seed(request, ((request.sampling.seed or 0) + 1) % 2**63)
        request = msgspec.structs.replace(request, id=request.id + 1)


async def _candidates(
    client: GenerationClient,
    request: Generate,
    index: "NoveltyIndex",
    on_message: Callable[[Loading | Loaded], None],
) -> AsyncIterator[Candidate]:
    async for answer in client.generate(request):
        match answer:
            case Loading() | Loaded():
                on_message(answer)
            case Failed():
                raise TitletuiError(answer.error)
            case Generated():
                novelty = await asyncio.to_thread(index.check, answer.candidate.text)
                yield msgspec.structs.replace(answer.candidate, novelty=novelty)
