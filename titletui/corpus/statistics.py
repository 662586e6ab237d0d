"""Statistics of a corpus: lengths, years, frequent words.

Lengths and words of a corpus of more than 100,000 papers come from an even sample.
"""

import functools
import hashlib
import heapq
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from itertools import accumulate
from typing import Self

import msgspec

from titletui.corpus.paper import key_month, year_keys
from titletui.corpus.store import CorpusNumbers, CorpusStore
from titletui.paths import STARTER

SAMPLE = 100_000
FREQUENT_WORDS = 100
TOKENIZED = 400
"""Papers whose lengths in tokens are measured."""

_TOKENIZER = STARTER / "tokenizer.json"
_SAMPLE = """
    SELECT m.key, p.title, a.text FROM members m JOIN papers p ON p.key = m.key
    LEFT JOIN abstracts a ON a.key = m.key
    WHERE m.corpus = ? AND ((m.key & 0xFFFFFFF) * 2654435761 >> 16) % ? = 0 AND m.key < ?
    ORDER BY m.key DESC LIMIT ?"""
_OTHER_YEARS = """
    SELECT substr(p.created, 1, 4), count(*) FROM members m JOIN papers p ON p.key = m.key
    WHERE m.corpus = ? AND m.key < 0 AND p.created GLOB '[12][0-9][0-9][0-9]*' GROUP BY 1"""
_ENGLISH = """
    a about above after against all along also although among an and any are as at be because
    been before being below between both but by can cannot could did do does doing down during
    each every few for from further had has have having he her here hers him his how i if in
    into is it its it's itself just less many may me might more most much must my near need new
    no nor not now of off on once one only onto or other our out over own per same she should
    since so some still such than that the their them then there these they this those through
    thus to too toward towards two under until up upon us use used using very via was we were
    what when where whether which while who whom whose why will with within without would yet
    you your
"""
STOP_WORDS = frozenset(_ENGLISH.split())
_WORD = re.compile(r"[^\W\d_](?:[\w'’-]*\w)?")


class Lengths(msgspec.Struct, frozen=True, kw_only=True):
    """Lengths of texts, in words or in tokens.

    Attributes:
        counts: `counts[n]` texts have length n.
        texts: how many were measured.
    """

    counts: list[int] = []
    texts: int = 0
    mode: int = 0
    mean: float = 0.0
    median: int = 0
    p95: int = 0

    @classmethod
    def of(cls, lengths: Iterable[int]) -> Self:
        """The statistics of some lengths."""
        counter = Counter(lengths)
        texts = counter.total()
        if not texts:
            return cls()
        counts = [counter[n] for n in range(max(counter) + 1)]
        return cls(
            counts=counts,
            texts=texts,
            mode=max(counter, key=lambda n: (counter[n], -n)),
            mean=round(sum(n * count for n, count in counter.items()) / texts, 2),
            median=_quantile(counts, texts, 0.5),
            p95=_quantile(counts, texts, 0.95),
        )

    def longer_than(self, length: int) -> float:
        """The share of texts that truncation to `length` shortens, 0…1."""
        return sum(self.counts[length + 1 :]) / self.texts if self.texts else 0.0

    def lost_by_cut(self, length: int) -> float:
        """The share of all words or tokens that truncation to `length` loses, 0…1."""
        total = sum(n * count for n, count in enumerate(self.counts))
        lost = sum((n - length) * count for n, count in enumerate(self.counts) if n > length)
        return lost / total if total else 0.0


class CorpusStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Statistics of a corpus.

    Attributes:
        measured: papers whose lengths and words were counted.
        titles, abstracts: lengths in words.
        years: papers by year of submission, for those that have one.
        words: the most frequent words of titles, without stop words.
        title_tokens, abstract_tokens: lengths in tokens of the starter, of `TOKENIZED` papers.
        tokenizer: hash of the tokenizer that counted them; empty where there was none.
    """

    papers: int
    measured: int
    titles: Lengths
    abstracts: Lengths
    years: list[tuple[int, int]]
    words: list[tuple[str, int]]
    title_tokens: Lengths = Lengths()
    abstract_tokens: Lengths = Lengths()
    tokenizer: str = ""


def compute_statistics(store: CorpusStore, name: str) -> CorpusStatistics:
    """The statistics of a corpus, stored until it or the tokenizer changes.

    Raises:
        UsageError: there is no such corpus.
    """
    numbers = store.numbers(name)
    stored = _load(store, numbers)
    if stored is not None:
        return stored
    titles: list[int] = []
    abstracts: list[int] = []
    words: Counter[str] = Counter()
    tokenized: list[tuple[str, str]] = []
    every = max(1, min(numbers.papers, SAMPLE) // TOKENIZED)
    step = max(1, numbers.papers // SAMPLE)
    for _, title, abstract in store.stream(_SAMPLE, numbers.number, step):
        if len(titles) % every == 0:
            tokenized.append((title, abstract or ""))
        titles.append(len(title.split()))
        words.update(_words(title))
        if abstract:
            abstracts.append(len(abstract.split()))
    statistics = CorpusStatistics(
        papers=numbers.papers,
        measured=len(titles),
        titles=Lengths.of(titles),
        abstracts=Lengths.of(abstracts),
        years=_years(store, numbers.number),
        words=_most_frequent(words, FREQUENT_WORDS),
        title_tokens=_token_lengths([title for title, _ in tokenized]),
        abstract_tokens=_token_lengths([abstract for _, abstract in tokenized if abstract]),
        tokenizer=_tokenizer_hash(),
    )
    _save(store, numbers, statistics)
    return statistics


def frequent_words(titles: Iterable[str], n: int) -> list[tuple[str, int]]:
    """The `n` words that occur in most titles, without stop words."""
    counter: Counter[str] = Counter()
    for title in titles:
        counter.update(_words(title))
    return _most_frequent(counter, n)


def _token_lengths(texts: list[str]) -> Lengths:
    """Lengths in tokens of the starter; empty where the package came without it."""
    if not texts or not _TOKENIZER.exists():
        return Lengths()
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(_TOKENIZER))
    encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
    return Lengths.of(len(one.ids) for one in encoded)


@functools.cache
def _tokenizer_hash() -> str:
    if not _TOKENIZER.exists():
        return ""
    return hashlib.blake2b(_TOKENIZER.read_bytes(), digest_size=8).hexdigest()


def _years(store: CorpusStore, number: int) -> list[tuple[int, int]]:
    """Papers by year: of the arXiv id, else the year that `created` begins with."""
    years: Counter[int] = Counter()
    least, greatest = store.rows(
        "SELECT min(key), max(key) FROM members WHERE corpus = ? AND key >= 0", number
    )[0]
    if least is not None:
        for year in range(int(key_month(least)[:4]), int(key_month(greatest)[:4]) + 1):
            years[year] = store.rows(
                "SELECT count(*) FROM members WHERE corpus = ? AND key >= ? AND key < ?",
                number,
                *year_keys(year),
            )[0][0]
    for created, count in store.rows(_OTHER_YEARS, number):
        years[int(created)] += count
    if not years:
        return []
    return [(year, years[year]) for year in range(min(years), max(years) + 1)]


def _load(store: CorpusStore, numbers: CorpusNumbers) -> CorpusStatistics | None:
    """The stored statistics, if they are of this state of the corpus and of this tokenizer."""
    found = store.rows(
        "SELECT insight FROM insights WHERE corpus = ? AND changes = ?",
        numbers.number,
        numbers.changes,
    )
    try:
        stored = msgspec.json.decode(found[0][0], type=CorpusStatistics) if found else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return stored if stored and stored.tokenizer == _tokenizer_hash() else None


def _save(store: CorpusStore, numbers: CorpusNumbers, statistics: CorpusStatistics) -> None:
    if store.read_only:
        return
    with store.writing() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO insights SELECT ?, ?, ? FROM corpora WHERE number = ?1",
            (numbers.number, numbers.changes, msgspec.json.encode(statistics)),
        )


def _words(title: str) -> set[str]:
    return {word for word in _WORD.findall(title.lower()) if len(word) > 1} - STOP_WORDS


def _most_frequent(counter: Counter[str], n: int) -> list[tuple[str, int]]:
    return heapq.nsmallest(n, counter.items(), key=lambda entry: (-entry[1], entry[0]))


def _quantile(counts: list[int], texts: int, share: float) -> int:
    return bisect_left(list(accumulate(counts)), share * texts)
