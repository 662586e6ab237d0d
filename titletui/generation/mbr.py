"""Which of several titles of one abstract says what most of them say."""

from collections.abc import Sequence

from titletui.text import fold


def agreement(titles: Sequence[str]) -> list[float]:
    """How much each title has in common with the others, 0…1.

    That is its mean ROUGE-L F-measure against them (Lin 2004, unstemmed): the title that agrees
    most is the choice of least expected loss among samples of a model (Kumar and Byrne 2004).
    """
    from rapidfuzz.distance import Indel
    from rapidfuzz.process import cdist

    if len(titles) < 2:
        return [1.0] * len(titles)
    words = [fold(title).split() for title in titles]
    alike = cdist(words, words, scorer=Indel.normalized_similarity, processor=None)
    return [float(total - 1) / (len(titles) - 1) for total in alike.sum(axis=1)]


def by_agreement(titles: Sequence[str]) -> list[int]:
    """The places of the titles, those first that agree most."""
    shares = agreement(titles)
    return sorted(range(len(titles)), key=lambda place: -shares[place])
