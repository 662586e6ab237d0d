"""How the screens look; `pytest tests/tui/test_snapshots.py --snapshot-update` after a look."""

import sqlite3
import sys
from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.seen import until_shown, until_still
from titletui.home import Home
from titletui.settings import GenerateSettings, Settings
from titletui.shortlist.records import BatchSettings, NewCandidate, Novelty
from titletui.shortlist.store import Library
from titletui.tui.app import TitletuiApp
from titletui.tui.candidate_row import Row
from titletui.tui.screens.generate import GenerateScreen
from titletui.tui.widgets.batch_column import BatchColumn
from titletui.tui.writing import Batch

pytestmark = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="the pictures are made by Python 3.11"
)
SMALL, LARGE = (80, 24), (120, 40)
TITLES = (
    ("Neural Vocoding for Low-Resource Emotional Speech", 9.1, "new", 0.41),
    ("Neural Speaker Embeddings under Codec Mismatch", 12.4, "near", 0.86),
    ("Neural Audio Fingerprinting", 7.0, "copy", 1.0),
    (
        "Neural Transducers with Large-Scale Self-Supervised Pre-Training for Understanding",
        31.0,
        "new",
        0.55,
    ),
    ("Neural R[0,1] [/b] $\\alpha$-Divergences", 88.0, "new", 0.3),
)
Run = Callable[[Pilot[int]], Awaitable[None]]


@pytest.fixture
def filled(home: Home) -> Home:
    """A home with one batch, of which three titles are starred."""
    with Library.open(home) as library:
        asked = BatchSettings(model="eess-as-1@200", prefix="Neural", temperature=0.8, top_p=0.95)
        batch = library.start_batch(asked)
        rows = [_candidate(index) for index in range(len(TITLES))]
        ids = library.add_candidates(batch, rows)
        stars = [library.star(TITLES[n][0], candidate=ids[n]) for n in (0, 1, 3)]
        library.note(stars[0].id, "for ICASSP?")
        library.tag(stars[1].id, ["talk", "maybe"])
        library.edit(stars[2].id, "Neural Transducers for Spoken Language Understanding")
    with sqlite3.connect(home.library_db) as database:
        database.execute("UPDATE favourites SET starred = '2026-01-02T03:04:0' || id || '.000Z'")
    return home


def _candidate(index: int) -> NewCandidate:
    text, perplexity, kind, similarity = TITLES[index]
    nearest = Novelty(
        kind=kind, similarity=similarity, id="2305.01234", year=2023,
        title="Speaker Embeddings under Codec Mismatch in the Wild",
    )  # fmt: skip
    return NewCandidate(text=text, index=index, perplexity=perplexity, seed=7, novelty=nearest)


def opened(home: Home, mode: str, *, welcome: bool = False, **settings: object) -> TitletuiApp:
    app = TitletuiApp(
        home,
        Settings(
            mode=mode,
            welcome=welcome,
            generate=GenerateSettings(model="eess-as-1@200"),
            **settings,  # type: ignore[arg-type]
        ),
    )
    app.animation_level = "none"
    return app


def steady(*keys: str, shown: str) -> Run:
    """Presses `keys` once `shown` is there; no cursor blinks."""

    async def run(pilot: Pilot[int]) -> None:
        await until_shown(pilot, shown)
        await until_still(pilot)
        await pilot.press(*keys)
        for line in pilot.app.screen.query(Input):
            line.cursor_blink = False
        await until_still(pilot)

    return run


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_generate(filled: Home, snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    run = steady("j", shown="batch 1 of 1")
    assert snap_compare(opened(filled, "generate"), terminal_size=size, run_before=run)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_shortlist(filled: Home, snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    run = steady(shown="★ 3")
    assert snap_compare(opened(filled, "shortlist"), terminal_size=size, run_before=run)


def test_the_first_minute(home: Home, snap_compare: Callable[..., bool]) -> None:
    run = steady(shown="say Neural")
    app = opened(home, "generate", welcome=True)
    assert snap_compare(app, terminal_size=SMALL, run_before=run)


def test_help(home: Home, snap_compare: Callable[..., bool]) -> None:
    run = steady("question_mark", shown="Nothing starred yet")
    assert snap_compare(opened(home, "shortlist"), terminal_size=SMALL, run_before=run)


def test_light_and_colour_blind(filled: Home, snap_compare: Callable[..., bool]) -> None:
    app = opened(filled, "generate", theme="titletui-light-colour-blind")
    run = steady(shown="batch 1 of 1")
    assert snap_compare(app, terminal_size=SMALL, run_before=run)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_side_by_side(home: Home, snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    async def run(pilot: Pilot[int]) -> None:
        screen = pilot.app.screen
        assert isinstance(screen, GenerateScreen)
        await until_shown(pilot, "No titles yet")
        columns = []
        for temperature in (0.5, 0.8, 1.1):
            batch = Batch(BatchSettings(model="eess-as-1@200", temperature=temperature))
            for index, (text, perplexity, _, _) in enumerate(TITLES):
                novelty = _candidate(index).novelty
                row = Row(text=text, index=index, perplexity=perplexity, novelty=novelty)
                batch.rows.append(row)
            columns.append(BatchColumn(batch, f"t {temperature:.2f}"))
        await screen.set_columns(columns, focus=True)
        await until_still(pilot)

    assert snap_compare(opened(home, "generate"), terminal_size=size, run_before=run)
