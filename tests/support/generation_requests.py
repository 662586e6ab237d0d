"""Asking a real generation server."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from titletui.candidate import Candidate
from titletui.generation.client import GenerationClient
from titletui.generation.protocol import Answer, Generate, Generated
from titletui.sampling_params import SamplingParams

SAMPLING = SamplingParams.__struct_fields__


def request(model: Path | str, id: int = 1, **changes: Any) -> Generate:  # noqa: A002
    """A small request; `changes` are of its fields or of its sampling parameters."""
    sampling = {"max_tokens": 6, "seed": 1} | {k: v for k, v in changes.items() if k in SAMPLING}
    asked = {"count": 3} | {k: v for k, v in changes.items() if k not in SAMPLING}
    return Generate(id=id, model=str(model), sampling=SamplingParams(**sampling), **asked)


async def all_answers(answers: AsyncIterator[Answer]) -> list[Answer]:
    """All that comes until the last answer."""
    return [answer async for answer in answers]


def candidates(answers: list[Answer]) -> list[Candidate]:
    """The candidates among the answers."""
    return [answer.candidate for answer in answers if isinstance(answer, Generated)]


async def titles(client: GenerationClient, asked: Generate) -> list[str]:
    """The titles of a request by index; fails where it fails."""
    answers = await all_answers(client.generate(asked))
    found = {one.index: one.text for one in candidates(answers)}
    assert sorted(found) == list(range(asked.count)), answers[-1]
    return [found[index] for index in sorted(found)]
