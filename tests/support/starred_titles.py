"""A library with stars that have a pattern, or none."""

import random

from titletui.candidate import Candidate
from titletui.shortlist.library import Library
from titletui.shortlist.records import BatchSettings

SPEECH = ["Speech", "Speaker", "Audio", "Acoustic", "Voice", "Phoneme", "Vocoder", "Pitch"]
QUANTUM = ["Quantum", "Boson", "Lattice", "Spin", "Entangled", "Hamiltonian", "Photon", "Gauge"]
LINKS = ["for", "with", "Models", "Analysis", "Towards", "Robust", "Learning", "and"]


def title(draw: random.Random, words: list[str]) -> str:
    return " ".join(draw.choice(words if draw.random() < 0.5 else LINKS) for _ in range(7))


def curate(library: Library, stars: int, likes: str) -> None:
    """Batches of ten, half speech and half quantum, one starred in each."""
    draw = random.Random(3)
    for _ in range(stars):
        batch = library.start_batch(BatchSettings(model="m"))
        texts = [title(draw, SPEECH if place % 2 else QUANTUM) for place in range(10)]
        ids = library.add_candidates(
            batch,
            [Candidate(text=one, index=i, perplexity=9.0) for i, one in enumerate(texts)],
        )
        place = 1 if likes == "speech" else draw.randrange(10)
        library.star(texts[place], candidate=ids[place])
