"""What a corpus is like: lengths, years, frequent words."""

import pytest

from titletui.corpus import statistics
from titletui.corpus.paper import Paper
from titletui.corpus.statistics import Lengths, compute_statistics, frequent_words
from titletui.corpus.store import CorpusStore
from titletui.errors import UsageError
from titletui.paths import Home


def test_lengths_have_mode_mean_median_and_p95() -> None:
    lengths = Lengths.of([*([3] * 10), *([5] * 6), *([9] * 3), 30])
    assert (lengths.mode, lengths.median, lengths.p95, lengths.texts) == (3, 3, 9, 20)
    assert lengths.mean == pytest.approx((30 + 30 + 27 + 30) / 20)
    assert lengths.counts[5] == 6
    assert Lengths.of([]).texts == 0


def test_what_a_cut_loses_is_told_in_texts_and_in_words() -> None:
    lengths = Lengths.of([5, 5, 10, 20])
    assert lengths.longer_than(5) == 0.5
    assert lengths.longer_than(20) == 0
    assert lengths.lost_by_cut(10) == pytest.approx(10 / 40)
    assert lengths.lost_by_cut(100) == 0
    assert Lengths().lost_by_cut(3) == Lengths().longer_than(3) == 0


def test_a_corpus_is_described_and_described_anew_when_it_changes(home: Home) -> None:
    with CorpusStore(home.corpus_db) as store:
        store.create("c")
        store.add(
            "c",
            [
                Paper(id="2401.00001", title="Speech and the speech of others", abstract="a b c"),
                Paper(id="2401.00002", title="Neural speech"),
                Paper(id="math/9201239", title="A note"),
                Paper(id="", title="Without a year"),
            ],
        )
        found = compute_statistics(store, "c")
        assert found.papers == found.measured == 4
        assert found.years[0] == (1992, 1)
        assert found.years[-1] == (2024, 2)
        assert sum(count for _, count in found.years) == 3
        assert found.words[0] == ("speech", 2)
        assert "the" not in dict(found.words)
        assert found.abstracts.texts == found.abstract_tokens.texts == 1
        assert found.title_tokens.texts == 4
        assert found.title_tokens.mean >= found.titles.mean
        assert compute_statistics(store, "c") == found
        store.add("c", [Paper(id="2501.00001", title="Something new and neural")])
        assert compute_statistics(store, "c").papers == 5
        with pytest.raises(UsageError):
            compute_statistics(store, "nope")


def test_what_was_found_is_remembered(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with CorpusStore(home.corpus_db) as store:
        store.create("c")
        store.add("c", [Paper(id="2401.00001", title="Speech")])
        found = compute_statistics(store, "c")
        monkeypatch.setattr(statistics, "_SAMPLE", "no SQL at all")
        assert compute_statistics(store, "c") == found
    with CorpusStore(home.corpus_db, read_only=True) as store:
        assert compute_statistics(store, "c") == found


def test_a_large_corpus_is_measured_by_an_even_sample(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "SAMPLE", 1_000)
    with CorpusStore(home.corpus_db) as store:
        store.create("c")
        store.add(
            "c",
            [
                Paper(id=f"{10 + n // 1_000}01.{n % 1_000:04}", title="w " * (1 + n // 1_000))
                for n in range(5_000)
            ],
        )
        found = compute_statistics(store, "c")
        assert 700 < found.measured < 1_400
        assert found.papers == 5_000
        for words in range(1, 6):
            assert 0.1 < found.titles.counts[words] / found.measured < 0.3
        assert [count for _, count in found.years] == [1_000] * 5


def test_an_empty_corpus_can_be_described(home: Home) -> None:
    with CorpusStore(home.corpus_db) as store:
        store.create("c")
        found = compute_statistics(store, "c")
        assert (found.papers, found.years, found.words) == (0, [], [])


def test_frequent_words_are_counted_once_a_title() -> None:
    titles = ["Deep deep deep learning", "The learning of 3D shapes", "State-of-the-art learning's"]
    words = dict(frequent_words(titles, 10))
    assert words["deep"] == 1
    assert words["learning"] == 2
    assert words["state-of-the-art"] == 1
    assert "of" not in words
    assert "3d" not in words
    assert frequent_words([], 5) == []
