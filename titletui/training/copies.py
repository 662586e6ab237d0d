"""Recognise copies and near-copies of training titles among sampled ones."""

import hashlib
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence

from titletui.text import NEAR_COPY, fold

_RARE_WORDS = 3
_CANDIDATES = 5_000


class TrainingTitles:
    """The titles of a training set, as hashes.

    Attributes:
        hashes: of the folded titles, ascending.
    """

    def __init__(self, hashes: Sequence[int]) -> None:
        self.hashes = hashes

    @classmethod
    def of(cls, titles: Iterable[str]) -> "TrainingTitles":
        return cls(array("Q", sorted(map(_title_hash, titles))))

    def __contains__(self, title: str) -> bool:
        wanted = _title_hash(title)
        index = bisect_left(self.hashes, wanted)
        return index < len(self.hashes) and self.hashes[index] == wanted

    def copy_rate(self, titles: list[str]) -> float:
        """The share of `titles` that are copies, 0…1; 0 for no titles."""
        return sum(title in self for title in titles) / len(titles) if titles else 0.0


def _title_hash(title: str) -> int:
    """A hash that ignores case, space and punctuation."""
    digest = hashlib.blake2b(fold(title).encode(errors="replace"), digest_size=8)
    return int.from_bytes(digest.digest(), "big")


class NearTitles:
    """Folded titles by their words, to find near-copies among those that share rare words."""

    def __init__(self, titles: Iterable[str]) -> None:
        self._folded: list[str] = []
        self._with_word: defaultdict[str, array[int]] = defaultdict(lambda: array("I"))
        for index, title in enumerate(map(fold, titles)):
            self._folded.append(title)
            for word in set(title.split()):
                self._with_word[word].append(index)

    def __contains__(self, title: str) -> bool:
        """Whether a title is at least `NEAR_COPY` similar, as written or with its words sorted."""
        from rapidfuzz import process
        from rapidfuzz.distance import Indel

        wanted = fold(title)
        found = self._candidates(wanted)
        if not found:
            return False
        rearranged = (_sorted_words(wanted), [_sorted_words(other) for other in found])
        return any(
            process.extractOne(
                one, others, scorer=Indel.normalized_similarity, score_cutoff=NEAR_COPY
            )
            for one, others in ((wanted, found), rearranged)
        )

    def _candidates(self, wanted: str) -> list[str]:
        """Titles that share one of the rarest words of `wanted`."""
        known = {word for word in wanted.split() if word in self._with_word}
        rarest = sorted(known, key=lambda word: len(self._with_word[word]))[:_RARE_WORDS]
        indices = {index for word in rarest for index in self._with_word[word][:_CANDIDATES]}
        return [self._folded[index] for index in indices]


def _sorted_words(title: str) -> str:
    return " ".join(sorted(title.split()))
