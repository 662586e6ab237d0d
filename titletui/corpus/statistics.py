"""What a corpus is like: lengths, years, frequent words.

Lengths and words of a corpus of more than 100,000 papers are those of an even sample.
"""

import heapq
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from itertools import accumulate
from typing import Self

import msgspec

from titletui.corpus.paper import key_month, year_keys
from titletui.corpus.store import CorpusStore
from titletui.paths import STARTER

SAMPLE = 100_000
WORDS_KEPT = 100
TOKENIZED = 400
_TOKENIZER = STARTER / "tokenizer.json"
_SAMPLE = """
    SELECT m.key, p.title, a.text FROM members m JOIN papers p ON p.key = m.key
    LEFT JOIN abstracts a ON a.key = m.key
    WHERE m.corpus = ? AND ((m.key & 0xFFFFFFF) * 2654435761 >> 16) % ? = 0 AND m.key < ?
    ORDER BY m.key DESC LIMIT ?"""
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
    """How long texts are, in words or in tokens.

    Attributes:
        counts: `counts[n]` texts have n words.
        texts: how many were measured.
        letters: in all texts together.
    """

    counts: list[int] = []
    texts: int = 0
    letters: int = 0
    mode: int = 0
    mean: float = 0.0
    median: int = 0
    p95: int = 0

    @classmethod
    def of(cls, lengths: Iterable[int], letters: int = 0) -> Self:
        """The statistics of these numbers of words."""
        counter = Counter(lengths)
        texts = counter.total()
        if not texts:
            return cls()
        counts = [counter[n] for n in range(max(counter) + 1)]
        return cls(
            counts=counts,
            texts=texts,
            letters=letters,
            mode=max(counter, key=lambda n: (counter[n], -n)),
            mean=round(sum(n * count for n, count in counter.items()) / texts, 2),
            median=_quantile(counts, texts, 0.5),
            p95=_quantile(counts, texts, 0.95),
        )

    def longer_than(self, words: int) -> float:
        """The share of texts that a cut at so many words shortens, 0…1."""
        return sum(self.counts[words + 1 :]) / self.texts if self.texts else 0.0

    def lost_by_cut(self, words: int) -> float:
        """The share of all words that a cut at so many words loses, 0…1."""
        total = sum(n * count for n, count in enumerate(self.counts))
        lost = sum((n - words) * count for n, count in enumerate(self.counts) if n > words)
        return lost / total if total else 0.0


class Insight(msgspec.Struct, frozen=True, kw_only=True):
    """What a corpus is like.

    Attributes:
        measured: papers whose lengths and words were counted.
        years: papers by year of submission, for those that have one.
        words: the most frequent words of titles, without stop words.
        title_tokens, abstract_tokens: lengths in tokens of the starter, of some hundred papers.
    """

    papers: int
    measured: int
    titles: Lengths
    abstracts: Lengths
    years: list[tuple[int, int]]
    words: list[tuple[str, int]]
    title_tokens: Lengths = Lengths()
    abstract_tokens: Lengths = Lengths()


def describe(store: CorpusStore, name: str) -> Insight:
    """What a corpus is like; remembered until it changes.

    Raises:
        UsageError: there is no such corpus.
    """
    number, papers, changes = store.numbers(name)
    known = store.rows(
        "SELECT insight FROM insights WHERE corpus = ? AND changes = ?", number, changes
    )
    if known:
        return msgspec.json.decode(known[0][0], type=Insight)
    titles: list[int] = []
    abstracts: list[int] = []
    letters = [0, 0]
    words: Counter[str] = Counter()
    some: list[tuple[str, str]] = []
    every = max(1, min(papers, SAMPLE) // TOKENIZED)
    for _, title, abstract in store.stream(_SAMPLE, number, max(1, papers // SAMPLE)):
        if len(titles) % every == 0:
            some.append((title, abstract or ""))
        titles.append(len(title.split()))
        letters[0] += len(title)
        words.update(_words(title))
        if abstract:
            abstracts.append(len(abstract.split()))
            letters[1] += len(abstract)
    insight = Insight(
        papers=papers,
        measured=len(titles),
        titles=Lengths.of(titles, letters[0]),
        abstracts=Lengths.of(abstracts, letters[1]),
        years=_years(store, number),
        words=_most(words, WORDS_KEPT),
        title_tokens=_tokens([title for title, _ in some]),
        abstract_tokens=_tokens([abstract for _, abstract in some if abstract]),
    )
    _remember(store, number, changes, insight)
    return insight


def frequent_words(titles: Iterable[str], n: int) -> list[tuple[str, int]]:
    """The `n` words that stand in most titles, without stop words."""
    counter: Counter[str] = Counter()
    for title in titles:
        counter.update(_words(title))
    return _most(counter, n)


def _tokens(texts: list[str]) -> Lengths:
    """Lengths in tokens of the starter; none where the package came without it."""
    if not texts or not _TOKENIZER.exists():
        return Lengths()
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(_TOKENIZER))
    encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
    return Lengths.of(len(one.ids) for one in encoded)


def _years(store: CorpusStore, number: int) -> list[tuple[int, int]]:
    ends = store.rows(
        "SELECT min(key), max(key) FROM members WHERE corpus = ? AND key >= 0", number
    )[0]
    if ends[0] is None:
        return []
    years: list[tuple[int, int]] = []
    for year in range(int(key_month(ends[0])[:4]), int(key_month(ends[1])[:4]) + 1):
        count = store.rows(
            "SELECT count(*) FROM members WHERE corpus = ? AND key >= ? AND key < ?",
            number,
            *year_keys(year),
        )[0][0]
        years.append((year, count))
    return years


def _remember(store: CorpusStore, number: int, changes: int, insight: Insight) -> None:
    """Keeps what was found, unless the store is read-only."""
    if store.read_only:
        return
    with store.writing() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO insights SELECT ?, ?, ? FROM corpora WHERE number = ?1",
            (number, changes, msgspec.json.encode(insight)),
        )


def _words(title: str) -> set[str]:
    return {word for word in _WORD.findall(title.lower()) if len(word) > 1} - STOP_WORDS


def _most(counter: Counter[str], n: int) -> list[tuple[str, int]]:
    return heapq.nsmallest(n, counter.items(), key=lambda entry: (-entry[1], entry[0]))


def _quantile(counts: list[int], texts: int, share: float) -> int:
    return bisect_left(list(accumulate(counts)), share * texts)
