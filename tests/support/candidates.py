"""Candidates for the tests of the Generate screen, and what it shows of them."""

import contextlib
from collections.abc import Iterator

from textual.pilot import Pilot

from tests.support.pilot import generate_screen as screen_of
from titletui.candidate import Candidate, Novelty
from titletui.paths import Home
from titletui.settings import GenerateSettings, Settings
from titletui.shortlist.library import Library
from titletui.shortlist.records import BatchSettings
from titletui.tui.app import TitletuiApp
from titletui.tui.generate.batch_column import BatchColumn

TITLES = ("Neural Aardvarks", "Neural Badgers", "Neural Civets")


@contextlib.contextmanager
def two_batches(home: Home) -> Iterator[Library]:
    """Two batches; the newer one holds `TITLES`."""
    with Library.open(home) as library:
        old = library.start_batch(BatchSettings(model="starter", prefix="Old", temperature=0.5))
        library.add_candidates(old, [Candidate(text="Old Otters", perplexity=5.0)])
        new = library.start_batch(BatchSettings(model="starter", prefix="Neural", temperature=0.8))
        kinds = ("new", "near", "copy")
        library.add_candidates(
            new,
            [
                Candidate(
                    text=title,
                    index=index,
                    perplexity=9.0 - index,
                    novelty=Novelty(
                        kind=kinds[index], similarity=0.5 + index / 4, id="2305.01234",
                        title="Neural Civets", year=2023,
                    ),
                )
                for index, title in enumerate(TITLES)
            ],
        )  # fmt: skip
        yield library


def opened(home: Home, **knobs: object) -> TitletuiApp:
    generate = GenerateSettings(**knobs)  # type: ignore[arg-type]
    return TitletuiApp(home, Settings(mode="generate", welcome=False, generate=generate))


def current(pilot: Pilot[int]) -> BatchColumn:
    """The batch that keys apply to."""
    return screen_of(pilot).batches.current


def shown(pilot: Pilot[int]) -> list[str]:
    return [row.shown_text for row in current(pilot).candidates.rows]
