"""The Generate screen and its dialogs."""

import sqlite3
from contextlib import ExitStack

from textual.pilot import Pilot
from textual.widgets import TextArea

from tests.support.pilot import until
from tests.support.run_folders import overfit_run
from tests.tui.scenes.scene import MODEL, Scene, put
from titletui.candidate import Candidate, Novelty
from titletui.paths import Home
from titletui.shortlist.library import Library
from titletui.shortlist.records import BatchSettings
from titletui.tui.generate.batch import LiveBatch
from titletui.tui.generate.batch_column import BatchColumn
from titletui.tui.generate.candidate_list import CandidateList
from titletui.tui.generate.candidate_row import CandidateRow
from titletui.tui.generate.screen import GenerateScreen

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
ABSTRACT = (
    "We study how speaker embeddings change when training and test speech have gone through "
    "different codecs, and propose a loss that makes them agree. On three corpora the equal error "
    "rate falls by a fifth, without any change of the embedding network."
)


def one_batch(home: Home, stack: ExitStack) -> None:
    """A batch, of which three titles are starred."""
    with Library.open(home) as library:
        asked = BatchSettings(model=MODEL, prefix="Neural", temperature=0.8, top_p=0.95)
        batch = library.start_batch(asked)
        ids = library.add_candidates(batch, [_candidate(index) for index in range(len(TITLES))])
        stars = [library.star(TITLES[n][0], candidate=ids[n]) for n in (0, 1, 3)]
        library.set_note(stars[0].id, "for ICASSP?")
        library.set_tags(stars[1].id, ["talk", "maybe"])
        library.edit(stars[2].id, "Neural Transducers for Spoken Language Understanding")
    with sqlite3.connect(home.library_db) as database:
        database.execute(
            "UPDATE favourites SET starred = '2026-01-02T03:04:0' || id || '.000Z', checksum = NULL"
        )


def _candidate(index: int) -> Candidate:
    text, perplexity, kind, similarity = TITLES[index]
    nearest = Novelty(
        kind=kind, similarity=similarity, id="2305.01234", year=2023,
        title="Speaker Embeddings under Codec Mismatch in the Wild",
    )  # fmt: skip
    return Candidate(text=text, index=index, perplexity=perplexity, seed=7, novelty=nearest)


def _screen(pilot: Pilot[int]) -> GenerateScreen:
    screen = pilot.app.screen
    assert isinstance(screen, GenerateScreen)
    return screen


def _batch(temperature: float, titles: int) -> LiveBatch:
    asked = BatchSettings(model=MODEL, prefix="Neural", temperature=temperature, count=10)
    batch = LiveBatch(asked)
    for index, (text, perplexity, _, _) in enumerate(TITLES[:titles]):
        novelty = _candidate(index).novelty
        batch.rows.append(
            CandidateRow(text=text, index=index, perplexity=perplexity, novelty=novelty)
        )
    return batch


async def _side_by_side(pilot: Pilot[int]) -> None:
    columns = [
        BatchColumn(_batch(temperature, 5), f"t {temperature:.2f}", f"{number} of 3, ← →")
        for number, temperature in enumerate((0.5, 0.8, 1.1), start=1)
    ]
    await _screen(pilot).batches.show(columns, focus=True)


async def _being_written(pilot: Pilot[int]) -> None:
    batch = _batch(0.8, 3)
    batch.running = True
    await _screen(pilot).batches.show([BatchColumn(batch)], focus=True)


async def _before_the_first(pilot: Pilot[int]) -> None:
    batch = _batch(0.8, 0)
    batch.running, batch.status = True, "starting the generator…"
    await _screen(pilot).batches.show([BatchColumn(batch)], focus=True)


async def _all_hidden(pilot: Pilot[int]) -> None:
    batch = _batch(0.8, 0)
    nearest = Novelty(kind="copy", similarity=1.0, id="2305.01234", title=TITLES[2][0])
    batch.rows.append(CandidateRow(text=TITLES[2][0], index=0, novelty=nearest))
    await _screen(pilot).batches.show([BatchColumn(batch)], focus=True)
    await pilot.press("h")


async def _paste(pilot: Pilot[int]) -> None:
    pilot.app.screen.query_one(TextArea).text = ABSTRACT


def _a_run(home: Home, stack: ExitStack) -> None:
    job = overfit_run(home, "eess-as-1")
    job.model.mkdir()


async def _at_the_list(pilot: Pilot[int]) -> None:
    await until(pilot, lambda: isinstance(pilot.app.focused, CandidateList))


_EMPTY = ("No titles yet",)
_BATCH = ("batch 1 of 1", "ppl")
SCENES: tuple[Scene, ...] = (
    Scene("generate-welcome", "generate", ("say Neural",), welcome=True),
    Scene("generate-empty", "generate", _EMPTY),
    Scene("generate", "generate", _BATCH, (_at_the_list, "j"), fill=one_batch),
    Scene(
        "generate-light-colour-blind",
        "generate",
        _BATCH,
        fill=one_batch,
        theme="titletui-light-colour-blind",
    ),
    Scene("generate-side-by-side", "generate", _EMPTY, (_side_by_side,)),
    Scene("generate-being-written", "generate", _EMPTY, (_being_written, ("writing 3/10",))),
    Scene("generate-starting", "generate", _EMPTY, (_before_the_first, ("Starting the",))),
    Scene("generate-all-hidden", "generate", _EMPTY, (_all_hidden, ("The one title is hidden",))),
    Scene("generate-prefix", "generate", _BATCH, ("slash",), fill=one_batch),
    Scene("generate-edit", "generate", _BATCH, (_at_the_list, "j e"), fill=one_batch),
    Scene("generate-note", "generate", _BATCH, ("n", ("Note", "for ICASSP?")), fill=one_batch),
    Scene(
        "generate-tags",
        "generate",
        _BATCH,
        (_at_the_list, "j t", ("Tags", "maybe")),
        fill=one_batch,
    ),
    Scene("models", "generate", _EMPTY, ("p", ("starter", "Model")), fill=_a_run),
    Scene(
        "models-none",
        "generate",
        _EMPTY,
        ("p", ("starter",), put("Input", "no such model"), ("No model of that name",)),
    ),
    Scene("more", "generate", _EMPTY, ("m", ("Top-p",))),
    Scene(
        "more-refused",
        "generate",
        _EMPTY,
        ("m", ("Top-p",), put("#field-top_p", "7"), "enter", ("✕",)),
    ),
    Scene("abstract-empty", "generate", _EMPTY, ("a", ("Paste or type",))),
    Scene("abstract", "generate", _EMPTY, ("a", ("Paste or type",), _paste, ("words",))),
    Scene("abstract-file", "generate", _EMPTY, ("a", ("Paste or type",), "ctrl+o", ("Read the",))),
)
