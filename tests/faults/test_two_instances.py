"""Two instances on one library, and one of them hung."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from titletui.database import DatabaseBusyError
from titletui.shortlist.library import Library

REPOSITORY = Path(__file__).parents[2]
OTHER = (
    "import sys\n"
    "from pathlib import Path\n"
    "from titletui.shortlist.library import Library\n"
    "library = Library(Path(sys.argv[1]))\n"
    "for word in sys.stdin:\n"
    "    if word.strip() == 'star':\n"
    "        library.star('Shared')\n"
    "    elif word.strip() == 'unstar':\n"
    "        library.unstar(*(one.id for one in library.favourites()))\n"
    "    print(len(library.favourites()), flush=True)\n"
)


@pytest.mark.fault("F57")
def test_the_last_of_two_instances_wins_and_both_see_it(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    draw = random.Random(57)
    with Library(path) as mine:
        other = subprocess.Popen(
            [sys.executable, "-c", OTHER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert other.stdin
        assert other.stdout
        try:
            for _ in range(60):
                word = draw.choice(["star", "unstar"])
                if draw.random() < 0.5:
                    before, held = mine.revision, len(mine.favourites())
                    other.stdin.write(f"{word}\n")
                    other.stdin.flush()
                    there = int(other.stdout.readline())
                    until = time.monotonic() + 30
                    while mine.revision == before and there != held:
                        assert time.monotonic() < until, "the change was not noticed"
                    seen = len(mine.favourites())
                else:
                    if word == "star":
                        mine.star("shared!")
                    else:
                        mine.unstar(*(one.id for one in mine.favourites()))
                    seen = len(mine.favourites())
                    other.stdin.write("show\n")
                    other.stdin.flush()
                    there = int(other.stdout.readline())
                assert seen == there == (1 if word == "star" else 0)
        finally:
            other.kill()
            other.wait()


@pytest.mark.fault("F62")
async def test_a_hung_process_is_named_and_nobody_waits_for_it_on_the_event_loop(
    tmp_path: Path,
) -> None:
    path = tmp_path / "library.db"
    with Library(path, timeout=0.5) as library:
        library.star("Before")
        revision = library.revision
        hung = subprocess.Popen(
            [sys.executable, "-m", "tests.support.store_writers", "hang", str(path)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
        )
        assert hung.stdout
        try:
            assert hung.stdout.readline() == b"held\n"
            waiting = asyncio.create_task(asyncio.to_thread(library.star, "Meanwhile"))
            ticks, longest = 0, 0.0
            while not waiting.done():
                began = time.monotonic()
                assert library.revision == revision
                longest = max(longest, time.monotonic() - began)
                ticks += 1
                await asyncio.sleep(0.01)
            assert ticks > 10
            assert longest < 0.5  # what a write waits for
            with pytest.raises(
                DatabaseBusyError, match=rf"held by another process \(pid {hung.pid}"
            ):
                await waiting
        finally:
            os.kill(hung.pid, signal.SIGKILL)
            hung.wait()
        library.star("After")
        assert [one.text for one in library.favourites(sort="order")] == ["Before", "After"]
