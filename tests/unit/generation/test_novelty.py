"""Copies and near-copies of a corpus's titles."""

import random
from pathlib import Path

import pytest

from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.errors import UsageError
from titletui.generation import nearest_title
from titletui.generation.novelty import NoveltyIndex

WORDS = [
    f"{a}{b}{c}"
    for a in ("spec", "vor", "mel", "tran")
    for b in "aeiou"
    for c in ("tal", "den", "rix", "son", "mon")
]
COMMON = ["a", "the", "of", "for", "with", "neural", "deep", "learning", "on", "and"]


def made_up_titles(count: int) -> list[str]:
    draw = random.Random(5)
    return [
        " ".join(
            draw.choice(COMMON if draw.random() < 0.5 else WORDS)
            for _ in range(draw.randint(4, 11))
        )
        for _ in range(count)
    ]


def fill(path: Path, name: str, titles: list[str], first: int = 0) -> None:
    with CorpusStore(path) as store:
        store.create(name)
        store.add(
            name,
            (
                Paper(id=f"{2001 + i // 50_000}.{i % 50_000:05}", title=title)
                for i, title in enumerate(titles, first)
            ),
        )


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small") / "corpus.db"
    fill(
        path,
        "as",
        [
            "Speaker Embeddings under Codec Mismatch in the Wild",
            "R[0,1] and $\\alpha$: A Survey",
            "Größe und Maß",
            "The The",
        ],
    )
    fill(path, "other", ["Quantum Gravity on a Napkin"], first=1_000)
    return path


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    path = tmp_path_factory.mktemp("large") / "corpus.db"
    titles = [*made_up_titles(14_000), "deep learning", "the of the", "On Vorital Speech Melamon"]
    fill(path, "all", titles)
    return path, titles


def test_a_title_that_differs_in_case_space_and_punctuation_is_a_copy(small: Path) -> None:
    with NoveltyIndex(small, "as") as novelty:
        verdict = novelty.check("speaker  embeddings, under codec-mismatch (in the WILD)")
        assert (verdict.kind, verdict.similarity, verdict.id) == ("copy", 1.0, "2001.00000")
        assert verdict.title == "Speaker Embeddings under Codec Mismatch in the Wild"
        assert verdict.year == 2020
        assert novelty.check("GRÖSSE und MASS").kind == "copy"
        assert novelty.check("r 0 1 and alpha -- a survey").kind == "copy"


def test_a_title_with_a_word_changed_or_moved_is_near(small: Path) -> None:
    with NoveltyIndex(small, "as") as novelty:
        changed = novelty.check("Speaker Embeddings under Channel Mismatch in the Wild")
        assert changed.kind == "near"
        assert 0.85 <= changed.similarity < 1
        moved = novelty.check("Codec Mismatch in the Wild under Speaker Embeddings")
        assert (moved.kind, moved.id) == ("near", "2001.00000")


def test_another_title_is_new_and_its_nearest_is_still_told(small: Path) -> None:
    with NoveltyIndex(small, "as") as novelty:
        verdict = novelty.check("Music Source Separation in the Wild")
        assert verdict.kind == "new"
        assert verdict.title
        assert novelty.check("").kind == novelty.check("§").kind == "new"


def test_only_the_papers_of_the_corpus_count_unless_none_is_named(small: Path) -> None:
    with NoveltyIndex(small, "as") as one, NoveltyIndex(small) as all_papers:
        assert (one.papers, all_papers.papers) == (4, 5)
        assert one.check("Quantum gravity on a napkin").kind == "new"
        assert all_papers.check("Quantum gravity on a napkin").kind == "copy"


def test_in_a_large_corpus_every_copy_is_found(large: tuple[Path, list[str]]) -> None:
    path, titles = large
    with NoveltyIndex(path, "all") as novelty, NoveltyIndex(path) as all_papers:
        assert novelty.papers == len(titles)
        for title in [*titles[::97], *titles[-3:]]:
            assert novelty.check(title.upper() + "!").kind == "copy", title
            assert all_papers.check(title).kind == "copy", title


def test_in_a_large_corpus_near_copies_are_found(large: tuple[Path, list[str]]) -> None:
    path, titles = large
    draw = random.Random(7)
    long = [title for title in titles if len(title.split()) >= 8][:150]
    found = 0
    with NoveltyIndex(path, "all") as novelty:
        for title in long:
            words = title.split()
            words[draw.randrange(len(words))] = "something"
            verdict = novelty.check(" ".join(words))
            found += verdict.title == title
            assert verdict.kind != "copy"
        assert found >= 0.95 * len(long)
        assert novelty.check("zzz yyy xxx").similarity == 0


def test_what_arrives_while_it_is_open_is_compared_too(tmp_path: Path) -> None:
    path = tmp_path / "corpus.db"
    with NoveltyIndex(path) as novelty:
        assert (novelty.papers, novelty.check("A Title").kind) == (0, "new")
        fill(path, "as", ["A Title"])
        assert novelty.check("A title").kind == "copy"
        assert novelty.papers == 1


def test_a_corpus_that_is_not_there_is_said(small: Path) -> None:
    with pytest.raises(UsageError, match="no corpus named 'nobody'"):
        NoveltyIndex(small, "nobody")


def test_words_that_were_forgotten_are_looked_up_again(
    large: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, titles = large
    monkeypatch.setattr(nearest_title, "_REMEMBERED", 3)
    with NoveltyIndex(path, "all") as novelty:
        for title in [*titles[:20], *titles[:5]]:
            assert novelty.check(title.upper()).kind == "copy"
        assert novelty.check("vorital spectal meldenmost").kind == "new"


def test_hostile_titles_are_compared_like_others(large: tuple[Path, list[str]]) -> None:
    with NoveltyIndex(large[0]) as novelty:
        for title in (
            '"',
            '" OR "',
            "NEAR(a b)",
            "title:*",
            "^",
            "\x00",
            "\ud800",
            "a" * 5000,
            "x " * 500,
        ):
            assert novelty.check(title).kind in ("new", "near")


def test_a_title_of_nothing_but_frequent_words_finds_the_one_that_has_them_too(
    tmp_path: Path,
) -> None:
    titles = [f"Deep Learning of Models for Speech: Part {n}" for n in range(12_500)]
    fill(tmp_path / "corpus.db", "all", ["Models of Deep Speech", "Learning for", *titles])
    with NoveltyIndex(tmp_path / "corpus.db", "all") as novelty:
        verdict = novelty.check("Models of Speech, Deep")
        assert (verdict.kind, verdict.title) == ("near", "Models of Deep Speech")
        assert novelty.check("learning FOR").kind == "copy"
        assert novelty.check("Deep Speech Models of Learning").similarity > 0.6
