"""What a run would be, asked of a process of its own and put into words."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncGenerator

import msgspec
from textual.content import Content

from titletui.text import display, format_bytes, format_duration
from titletui.training.estimate import Forecast, Question, command, environment

_MUTED = "$foreground 60%"


async def stream_forecasts(question: Question) -> AsyncGenerator[Forecast, None]:
    """What is known of a run, and then more; the process ends when nobody asks any more."""
    process = subprocess.Popen(
        command(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(msgspec.json.encode(question))
            process.stdin.close()
        while line := await asyncio.to_thread(process.stdout.readline):
            yield msgspec.json.decode(line, type=Forecast)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def lines(forecast: Forecast, width: int) -> list[Content]:
    """A forecast in words: counts, memory and time, and how the model sees three examples."""
    about = "about " if forecast.about else ""
    counts = [
        f"{about}{forecast.examples:,} examples",
        f"{forecast.tokens:,} tokens",
        f"{forecast.steps:,} steps ({forecast.epochs:g} epochs)",
        f"{forecast.heldout:,} held out",
    ]
    if forecast.left_out:
        counts.append(f"{forecast.left_out:,} papers left out")
    rows = [Content(" · ".join(counts))] if forecast.examples else []
    if forecast.problem:
        rows.append(Content.styled(f"✕ {display(forecast.problem)}", "$error"))
    elif forecast.note:
        rows.append(Content.styled(display(forecast.note), _MUTED))
    elif forecast.seconds is None:
        rows.append(Content.styled("measuring a few steps …", _MUTED))
    else:
        costs = [
            f"about {format_duration(forecast.seconds)}",
            f"{format_bytes(forecast.memory)} of {format_bytes(forecast.free)} free",
            display(forecast.device),
        ]
        rows.append(Content(" · ".join(costs)))
    rows += [_example(prompt, title, width) for prompt, title in forecast.shown]
    return rows


def _example(prompt: str, title: str, width: int) -> Content:
    """One line, set in; what the model learns to write is brighter than what it is given."""
    room = max(10, width // 2)
    given = display(prompt)
    if len(given) > room:
        given = f"{given[: room - 1]}…"
    line = Content.assemble("  ", (given, _MUTED), display(title))
    return line.truncate(width, ellipsis=True)
