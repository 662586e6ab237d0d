"""How Corpus and Train look; `pytest tests/tui/test_snapshots_runs.py --snapshot-update`."""

import random
import sys
from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from tests.run_folders import overfit_run, run_folder
from tests.tui.seen import opened, until_shown, until_still
from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.home import Home
from titletui.jobs.folder import Exit

pytestmark = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="the pictures are made by Python 3.11"
)
SMALL, LARGE = (80, 24), (120, 40)
WORDS = ("Neural", "Speech", "Audio", "Robust", "Recognition", "Music", "Synthesis", "Learning")


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_corpus(home: Home, snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    draw = random.Random(1)
    papers = [
        Paper(
            id=f"{17 + number % 9}{number % 12 + 1:02d}.{number:05d}",
            title=" ".join(draw.choices(WORDS, k=draw.randint(3, 12))) + " R[0,1] [/b]",
            abstract=" ".join(draw.choices(WORDS, k=draw.randint(60, 260))),
        )
        for number in range(600)
    ]
    with CorpusStore(home.corpus_db) as store:
        for name, category, count in (("cs.CL", "cs.CL", 40), ("eess.AS", "eess.AS", 600)):
            store.create(name, category=category, source="arXiv")
            store.add(name, papers[:count])

    async def run(pilot: Pilot[int]) -> None:
        await until_shown(pilot, "eess.AS", "40 papers")
        await pilot.press("j")
        await until_shown(pilot, "600 papers", "words")
        await until_still(pilot)
        await pilot.press("l", "j")
        await until_still(pilot)

    assert snap_compare(opened(home, "corpus"), terminal_size=size, run_before=run)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_train(home: Home, snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    draw = random.Random(2)
    losses = [(1 + 6 * 0.99**step) * draw.uniform(0.8, 1.2) for step in range(300)]
    averages = [1.1 + 6 * 0.992**step for step in range(300)]
    run_folder(home, "cs-cl-2", losses, averages=averages, ended=Exit(outcome="stopped"))
    overfit_run(home, "eess-as-1")

    async def run(pilot: Pilot[int]) -> None:
        await until_shown(pilot, "▸ ✓ eess-as-1", "⚠ overfit", "cs-cl-2")
        await until_still(pilot)

    assert snap_compare(opened(home, "train"), terminal_size=size, run_before=run)
