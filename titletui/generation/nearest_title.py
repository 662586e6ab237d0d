"""Which of many titles is most like one: by comparing all, or by the rare words they share."""

import heapq
import itertools
import math
import sqlite3
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from titletui.text import fold

COMPARED = 120
"""How many of the best-ranked titles are compared letter by letter."""

_RARE = 5_000
_POSTINGS = 8_000
_ENOUGH_RARE = 3
_FREQUENT_ROWS = 1_000
_WORDS = 40
_REMEMBERED = 2_000


class Nearest(msgspec.Struct, frozen=True):
    """The title of a set that is most like a given one.

    Attributes:
        similarity: 0…1.
        same: nothing but case, space and punctuation tells them apart.
    """

    id: str
    title: str
    similarity: float
    same: bool


class Alike:
    """Titles to compare with, folded once."""

    def __init__(self, rows: Sequence[tuple[str, str]]) -> None:
        self._rows = rows
        self._folded = [fold(title) for _, title in rows]
        self._sorted = [" ".join(sorted(folded.split())) for folded in self._folded]
        self._places = {folded: place for place, folded in enumerate(self._folded)}

    def nearest(self, wanted: str) -> Nearest | None:
        """The one most like `wanted`, a folded title; None of none."""
        from rapidfuzz import process
        from rapidfuzz.distance import Indel

        if not self._rows:
            return None
        if (place := self._places.get(wanted)) is not None:
            return Nearest(*self._rows[place], similarity=1.0, same=True)
        written = process.extractOne(
            wanted, self._folded, scorer=Indel.normalized_similarity, processor=None
        )
        _, similarity, place = written
        rearranged = process.extractOne(
            " ".join(sorted(wanted.split())),
            self._sorted,
            scorer=Indel.normalized_similarity,
            score_cutoff=similarity,
        )
        if rearranged is not None:
            _, similarity, place = rearranged
        return Nearest(*self._rows[place], similarity=similarity, same=False)


class Postings:
    """Papers by the words of their titles, read through the full-text index as they are needed."""

    def __init__(self, connection: sqlite3.Connection, papers: int) -> None:
        self._connection = connection
        self._papers = papers
        self._known: dict[str, list[int]] = {}

    def ranked(self, wanted: str, count: int) -> list[int]:
        """Keys of `count` papers that share words with `wanted`, the rarest words first.

        Of the words that stand in at most 5,000 titles the rarest are followed until they led to
        8,000 papers. A title with hardly any such word is looked up by what all its words, and
        all but one of them, have in common. A paper with the very same title is always among them.
        """
        if not wanted.replace(" ", "").isalnum():
            return []
        words = list(dict.fromkeys(wanted.split()))[:_WORDS]
        postings = {word: self._papers_with(word) for word in words}
        rare = [word for word in words if 0 < len(postings[word]) <= _RARE]
        weights: defaultdict[int, float] = defaultdict(float)
        followed, most = 0, 0.0
        for word in sorted(rare, key=lambda word: len(postings[word])):
            followed += len(postings[word])
            if weights and followed > _POSTINGS:
                break
            weight = math.log(1 + self._papers / len(postings[word]))
            most += weight
            for key in postings[word]:
                weights[key] += weight
        known = [word for word in words if postings[word]]
        if known and (len(rare) < min(_ENOUGH_RARE, len(known)) or not rare):
            for key in self._papers_with_most(known):
                weights[key] += 1.0
        best = heapq.nlargest(count, weights, key=weights.__getitem__)
        tied = len(best) >= COMPARED and weights[best[COMPARED - 1]] >= most - 1e-9
        if tied and len(known) == len(words):
            return [*self._matching(f'^ "{wanted}"', _FREQUENT_ROWS), *best]
        return best

    def _papers_with(self, word: str) -> list[int]:
        """At most one more than `_RARE` keys."""
        if word not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[word] = self._matching(f'"{word}"', _RARE + 1)
        return self._known[word]

    def _papers_with_most(self, words: list[str]) -> list[int]:
        sets: list[Sequence[str]] = [words]
        if 2 < len(words) <= 12:
            sets += itertools.combinations(words, len(words) - 1)
        keys: dict[int, None] = {}
        for chosen in sets:
            found = self._matching(" ".join(f'"{word}"' for word in chosen), _FREQUENT_ROWS)
            keys.update(dict.fromkeys(found))
        return list(keys)

    def _matching(self, expression: str, limit: int) -> list[int]:
        # All keys as one value: a row each takes twice the time.
        ((keys,),) = self._connection.execute(
            "SELECT json_group_array(rowid) FROM "
            "(SELECT rowid FROM titles WHERE titles MATCH ? LIMIT ?)",
            (expression, limit),
        ).fetchall()
        return msgspec.json.decode(keys, type=list[int])
