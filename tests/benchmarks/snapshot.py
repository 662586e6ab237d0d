"""Made-up papers that are to arXiv's in size, order and frequency of words as they are."""

import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import msgspec

_OLD_SHARE = 0.14
_OLD_ARCHIVES = (
    "astro-ph", "cond-mat", "gr-qc", "hep-ph", "hep-th", "math", "nucl-th", "quant-ph",
)  # fmt: skip
_OLD_MONTHS = [f"{year % 100:02}{month:02}" for year in range(1992, 2007) for month in range(1, 13)]
_TWO_PARAGRAPHS = 0.07


class Words:
    """Words as frequent as in a language: the n-th most frequent one 1/n as often as the first."""

    def __init__(self, count: int, seed: int) -> None:
        chance = random.Random(seed)
        parts = [
            a + b for a in "bcdfglmnprstv" for b in ("a", "e", "i", "o", "u", "en", "al", "tion")
        ]
        words = {
            "".join(chance.choices(parts, k=chance.choice((1, 2, 2, 3)))) for _ in range(count)
        }
        self.words = sorted(words, key=lambda word: (len(word), chance.random()))
        self._weights = list(itertools.accumulate(1 / (n + 5) for n in range(len(self.words))))
        self._chance = chance

    def some(self, least: int, most: int) -> str:
        k = self._chance.randint(least, most)
        return " ".join(self._chance.choices(self.words, cum_weights=self._weights, k=k))


def new_ids() -> Iterator[str]:
    """arXiv ids, ten thousand a month from 2007-04 on."""
    for month in itertools.count(3):
        year, within = divmod(month, 12)
        width = 4 if year < 8 else 5
        for number in range(1, 9_999):
            yield f"{7 + year:02}{within + 1:02}.{number:0{width}}"


def snapshot_ids(count: int) -> Iterator[str]:
    """So many ids in the order of the snapshot: as text, so that the oldest papers, archive by
    archive, come last."""
    old = round(count * _OLD_SHARE)
    yield from itertools.islice(new_ids(), count - old)
    a_month = -(-old // (len(_OLD_ARCHIVES) * len(_OLD_MONTHS)))
    olds = (
        f"{archive}/{month}{number:03}"
        for archive in _OLD_ARCHIVES
        for month in _OLD_MONTHS
        for number in range(1, a_month + 1)
    )
    yield from itertools.islice(olds, old)


def write_snapshot(path: Path, count: int) -> None:
    """Records of the snapshot's form, about 1,550 bytes each as there."""
    words = Words(30_000, 1)
    chance = random.Random(2)
    abstracts = [_abstract(words, chance) for _ in range(4_000)]
    titles = [words.some(5, 14).capitalize() for _ in range(20_000)]
    encode = msgspec.json.Encoder().encode
    with path.open("wb") as file:
        for id_ in snapshot_ids(count):
            record = {
                "id": id_,
                "submitter": "Jane Doe",
                "authors": "Jane Doe, E. L. Poe, P. M. Roe and C.-P. Low",
                "title": f"{chance.choice(titles)}\n  {chance.choice(titles)[:30]}",
                "comments": "37 pages, 15 figures; published version",
                "journal-ref": "J.Phys.D76:013009,2007",
                "doi": "10.1103/PhysRevD.76.013009",
                "report-no": None,
                "categories": "cs.CL cs.LG",
                "license": None,
                "abstract": chance.choice(abstracts),
                "versions": [
                    {"version": "v1", "created": "Mon, 2 Apr 2007 19:18:42 GMT"},
                    {"version": "v2", "created": "Tue, 24 Jul 2007 20:10:27 GMT"},
                ],
                "update_date": "2008-11-26",
                "authors_parsed": [["Doe", "Jane", ""], ["Poe", "E. L.", ""], ["Roe", "P. M.", ""]],
            }
            file.write(encode(record) + b"\n")


def _abstract(words: Words, chance: random.Random) -> str:
    lines = [words.some(10, 14) for _ in range(chance.randint(13, 18))]
    if chance.random() < _TWO_PARAGRAPHS:
        lines[6] = f"  {lines[6]}"
    return "  " + "\n".join(lines) + ".\n"
