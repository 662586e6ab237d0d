"""Asking a real generation server."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from titletui.generation.client import GenerationClient
from titletui.generation.protocol import Answer, Candidate, Generate


def request(model: Path | str, id: int = 1, **knobs: Any) -> Generate:  # noqa: A002
    """A request with the knobs that a test does not care about."""
    return Generate(id=id, model=str(model), **{"count": 3, "length": 6, "seed": 1, **knobs})


async def all_answers(answers: AsyncIterator[Answer]) -> list[Answer]:
    """All that comes until the last answer."""
    return [answer async for answer in answers]


async def titles(client: GenerationClient, asked: Generate) -> list[str]:
    """The titles of a request by index; fails where it fails."""
    answers = await all_answers(client.generate(asked))
    found = {answer.index: answer.text for answer in answers if isinstance(answer, Candidate)}
    assert sorted(found) == list(range(asked.count)), answers[-1]
    return [found[index] for index in sorted(found)]
