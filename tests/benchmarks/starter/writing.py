"""Titles as the generation server writes them, in this process."""

import tempfile
from pathlib import Path

from titletui.generation.engine import Engine, open_engine
from titletui.generation.protocol import Generate
from titletui.models.registry import ModelInfo
from titletui.paths import Home
from titletui.sampling_params import SamplingParams

AT_ONCE = 500


def open_model(model: ModelInfo) -> Engine:
    """The model, ready to write."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        return open_engine(Home(folder, folder, folder, folder), str(model.path), lambda _: None)


def write(
    engine: Engine,
    count: int,
    *,
    prefix: str = "",
    abstract: str = "",
    temperature: float = 0.8,
    seed: int = 0,
) -> list[str]:
    """`count` titles at the default knobs, the same for the same seed."""
    titles: list[str] = []
    while len(titles) < count:
        part = [""] * min(AT_ONCE, count - len(titles))
        request = Generate(
            id=1,
            prefix=prefix,
            abstract=abstract,
            count=len(part),
            sampling=SamplingParams(temperature=temperature, seed=(seed << 20) + len(titles)),
        )
        for candidate in engine.write(request, lambda: False, lambda _: None):
            part[candidate.index] = candidate.text
        titles += part
    return titles
