"""The corpus store: papers, membership, pages, search, damage."""

import random
import sqlite3
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.corpora import some_papers
from titletui.corpus.fts_query import match_expression
from titletui.corpus.pagination import END, Paginator
from titletui.corpus.paper import Paper, arxiv_key
from titletui.corpus.store import Added, CorpusStore, Page
from titletui.errors import TitletuiError, UsageError
from titletui.paths import Home


@pytest.fixture
def store(home: Home) -> CorpusStore:
    store = CorpusStore(home.corpus_db)
    store.create("c", category="cs.CL")
    return store


def all_pages(store: CorpusStore, name: str, search: str = "", limit: int = 7) -> list[str]:
    page = store.page(name, search=search, limit=limit)
    ids = [row.id for row in page.rows]
    while page.next:
        page = store.page(name, search=search, after=page.next, limit=limit)
        ids += [row.id for row in page.rows]
    return ids


def all_pages_backwards(
    store: CorpusStore, name: str, search: str = "", limit: int = 7
) -> list[str]:
    page = store.page(name, search=search, after=END, limit=limit)
    assert page.next is None
    ids = [row.id for row in page.rows]
    while page.previous:
        page = store.page(name, search=search, after=page.previous, limit=limit)
        assert page.next is not None or not page.rows
        ids = [row.id for row in page.rows] + ids
    return ids


def found(store: CorpusStore, search: str, name: str = "c") -> set[str]:
    return {row.title for row in store.page(name, search=search).rows}


def test_pages_give_each_paper_once_and_the_newest_first(store: CorpusStore) -> None:
    papers = [*some_papers(50), *some_papers(30, 19), Paper(id="math/9201239", title="Old")]
    random.Random(1).shuffle(papers)
    assert store.add("c", papers) == Added(81, 0, 0)
    ids = all_pages(store, "c")
    assert len(ids) == 81 == len(set(ids))
    keys = [arxiv_key(id_) or 0 for id_ in ids]
    assert keys == sorted(keys, reverse=True)
    assert ids[-1] == "math/9201239"


@pytest.mark.parametrize("search", ["", "neural", "paper 1", "nothing of that kind", "2405.00004"])
def test_pages_from_the_end_are_those_from_the_beginning(store: CorpusStore, search: str) -> None:
    store.add("c", some_papers(63))
    store.create("other")
    store.add("other", some_papers(800, 25))
    for name in ("c", "other"):
        for limit in (7, 200):
            forwards = all_pages(store, name, search, limit)
            assert all_pages_backwards(store, name, search, limit) == forwards
    first = store.page("c", limit=10)
    assert first.previous is None
    second = store.page("c", after=first.next, limit=10)
    assert store.page("c", after=second.previous, limit=10).rows == first.rows


def test_a_page_tells_the_year_and_how_many_there_are(store: CorpusStore) -> None:
    store.add("c", some_papers(30))
    page = store.page("c", limit=10)
    assert (page.total, page.exact, len(page.rows)) == (30, True, 10)
    assert {row.year for row in page.rows} == {2024}
    assert store.page("c", search="paper 7").total == 1


def test_a_list_of_titles_keeps_its_order(store: CorpusStore) -> None:
    titles = [f"Title {n}" for n in random.Random(2).sample(range(100), 100)]
    store.add("c", [Paper(id="", title=title) for title in titles])
    assert list(store.titles("c")) == titles
    assert store.page("c").rows[0].year is None


def test_search_finds_words_and_their_beginnings_in_any_order(store: CorpusStore) -> None:
    store.add(
        "c",
        [
            Paper(id="2401.00001", title="Neural Machine Translation for Ångström"),
            Paper(id="2401.00002", title="A Study of R[0,1] and $\\alpha$-Stable Laws"),
            Paper(id="2401.00003", title="Speech Recognition, revisited"),
        ],
    )
    assert len(found(store, "trans neu")) == 0
    assert len(found(store, "translation neu")) == 1
    assert len(found(store, "angstrom")) == 1
    assert len(found(store, "r[0,1")) == 1
    assert len(found(store, '"speech recognition"')) == 1
    assert len(found(store, '"recognition speech"')) == 0
    assert found(store, "2401.00002") == {"A Study of R[0,1] and $\\alpha$-Stable Laws"}
    assert found(store, "https://arxiv.org/abs/2401.00002v3") == found(store, "2401.00002")


HOSTILE = [
    '"', "'", "neural OR", "NEAR(", "a AND", "NOT", "*", "^x", "title:x", "x:", "(", "{a b}:c",
    "[/b]", "\\", "%", ";DROP TABLE papers", "\x00", "-", "--", "a*b*c*", "+", "\ud800", "𝔘", "ﷺ",
    "a" * 10_000, "a " * 10_000, '""', '"a', 'a"b"c"', "AND AND", "\u202e", "_", "…",
]  # fmt: skip


@pytest.mark.parametrize("typed", HOSTILE)
def test_nothing_that_is_typed_breaks_the_search(store: CorpusStore, typed: str) -> None:
    store.add("c", some_papers(5))
    assert isinstance(store.page("c", search=typed), Page)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_makes_an_expression_that_fts5_takes(typed: str) -> None:
    expression = match_expression(typed)
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5 (x)")
    if expression:
        connection.execute("SELECT * FROM t WHERE t MATCH ?", (expression,)).fetchall()
    connection.close()


def test_a_small_corpus_in_a_large_store_is_searched_with_the_same_result(
    store: CorpusStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create("small")
    store.add("c", some_papers(500))
    store.add("small", some_papers(20))
    monkeypatch.setattr(Paginator, "_prefers_own_index", lambda self, papers: False)
    without = {q: all_pages(store, "small", q) for q in ("neural", "paper 1", "neur", "17")}
    monkeypatch.undo()
    for query, ids in without.items():
        assert all_pages(store, "small", query) == ids
    store.add("small", [Paper(id="2402.99999", title="A neural latecomer")])
    assert "2402.99999" in all_pages(store, "small", "neural")


def test_more_hits_than_are_counted_are_told_as_at_least(
    store: CorpusStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("titletui.corpus.pagination.MOST_COUNTED", 50)
    store.create("large")
    store.add("large", some_papers(300, 25))
    store.add("c", some_papers(60))
    page = store.page("large", search="neural", limit=20)
    assert (page.total, page.exact, len(page.rows)) == (50, False, 20)
    assert len(all_pages(store, "large", "neural")) == 300
    assert len(all_pages(store, "c", "neural")) == 60
    assert not store.page("c", search="neural", limit=20).exact


def test_a_paper_is_overwritten_only_by_a_later_datestamp(store: CorpusStore) -> None:
    def put(title: str, stamp: str, abstract: str = "") -> Added:
        paper = Paper(id="2401.00001", title=title, datestamp=stamp, abstract=abstract)
        return store.add("c", [paper])

    assert put("First", "2024-01-05") == Added(1, 0, 0)
    assert put("Older", "2024-01-01") == Added(0, 0, 1)
    assert put("Newer", "2024-02-01", "An abstract") == Added(0, 1, 0)
    assert put("Newer", "2024-02-01", "An abstract") == Added(0, 0, 1)
    assert put("Older still", "2023-01-01", "Another") == Added(0, 0, 1)
    paper = store.paper("2401.00001")
    assert (paper.title, paper.abstract) == ("Newer", "An abstract")
    assert found(store, "newer") == {"Newer"}
    assert found(store, "first") == set()


def test_what_a_paper_lacks_is_filled_in(store: CorpusStore) -> None:
    store.add("c", [Paper(id="2401.00001", title="T", categories="cs.CL")])
    assert store.add("c", [Paper(id="2401.00001", title="T", abstract="A")]).updated == 1
    assert store.paper("2401.00001").categories == "cs.CL"
    assert store.paper("2401.00001").abstract == "A"


def test_papers_that_cannot_be_kept_are_counted(store: CorpusStore) -> None:
    odd = [
        Paper(id="2401.00001", title="  "),
        Paper(id="2401.00002", title="x" * 100_000),
        Paper(id="2401.00003", title="Good\n title"),
        Paper(id="arXiv:2401.00003v2", title="Good title"),
    ]
    assert store.add("c", odd) == Added(1, 0, 3)
    assert list(store.titles("c")) == ["Good title"]


def test_corpora_share_papers_and_deleting_one_leaves_the_others(store: CorpusStore) -> None:
    store.create("other")
    store.add("c", some_papers(30))
    store.add("other", some_papers(10))
    assert store.rows("SELECT count(*) FROM papers") == [(30,)]
    store.delete("c")
    assert [(s.name, s.papers) for s in store.corpora()] == [("other", 10)]
    assert store.rows("SELECT count(*) FROM papers") == [(10,)]
    assert len(found(store, "neural", "other")) == 10
    store.delete("other")
    assert store.corpora() == []
    for table in ("papers", "abstracts", "members", "marks", "insights"):
        assert store.rows(f"SELECT count(*) FROM {table}") == [(0,)]
    assert store.rows("SELECT count(*) FROM titles WHERE titles MATCH 'neural'") == [(0,)]


def test_a_deletion_that_was_cut_off_is_gone_from_the_list_and_ends_with_the_next(
    store: CorpusStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from titletui.corpus.upsert import PaperWriter

    store.create("other")
    store.add("c", some_papers(30))

    def power_cut(self: PaperWriter, corpus: int, count: int) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(PaperWriter, "delete_some", power_cut)
        with pytest.raises(KeyboardInterrupt):
            store.delete("c")
    assert [s.name for s in store.corpora()] == ["other"]
    store.create("c")
    assert store.summary("c").papers == 0
    store.delete("other")
    assert store.rows("SELECT count(*) FROM papers") == [(0,)]


def test_deleting_takes_as_long_for_each_paper_in_a_large_store_as_in_a_small_one(
    store: CorpusStore,
) -> None:
    def steps(papers: int) -> float:
        """Instructions of SQLite's machine for each paper that is deleted."""
        for name in ("gone", "kept"):
            store.create(name)
            store.add(name, (Paper(id=f"2401.{n:05}", title=f"T {n}") for n in range(papers)))
        counted = 0

        def count() -> int:
            nonlocal counted
            counted += 1_000
            return 0

        with store.reading() as connection:
            connection.set_progress_handler(count, 1_000)
            store.delete("gone")
            connection.set_progress_handler(None, 0)
        store.delete("kept")
        return counted / papers

    assert steps(4_000) < 2 * steps(500)


def test_a_corpus_is_renamed_but_not_onto_another(store: CorpusStore) -> None:
    store.create("other")
    store.rename("c", "d")
    assert {s.name for s in store.corpora()} == {"d", "other"}
    with pytest.raises(UsageError, match="already"):
        store.rename("d", "other")


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".x", "x\x00", "x" * 300, "-x", " x"])
def test_names_that_cannot_name_a_corpus_are_refused(store: CorpusStore, name: str) -> None:
    with pytest.raises(UsageError):
        store.create(name)
    with pytest.raises(UsageError):
        store.rename("c", name)


def test_an_unknown_corpus_is_told_with_those_that_there_are(store: CorpusStore) -> None:
    with pytest.raises(UsageError, match="'nope'; there are: c"):
        store.page("nope")
    with pytest.raises(UsageError):
        store.papers("nope")
    with pytest.raises(UsageError):
        store.paper("2401.00001")


def test_readers_and_a_writer_get_along(store: CorpusStore, home: Home) -> None:
    errors: list[BaseException] = []

    def read() -> None:
        try:
            with CorpusStore(home.corpus_db, read_only=True) as mine:
                for _ in range(20):
                    papers = list(mine.papers("c"))
                    assert len({paper.id for paper in papers}) == len(papers)
        except BaseException as error:
            errors.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for start in range(0, 2_000, 200):
        store.add("c", some_papers(2_000)[start : start + 200])
    for reader in readers:
        reader.join()
    assert not errors
    assert store.summary("c").papers == 2_000


def test_a_store_opened_for_reading_changes_nothing(store: CorpusStore, home: Home) -> None:
    store.add("c", some_papers(5))
    with CorpusStore(home.corpus_db, read_only=True) as mine:
        assert len(found(mine, "neural")) == 5
        with pytest.raises(TitletuiError):
            mine.add("c", some_papers(6))
        with pytest.raises(TitletuiError):
            mine.create("d")


def test_the_file_belongs_to_its_owner_alone(store: CorpusStore) -> None:
    assert store.path.stat().st_mode & 0o077 == 0
    assert store.rows("PRAGMA journal_mode") == [("delete",)]


def test_all_titles_of_all_corpora_are_streamed(store: CorpusStore, tmp_path: Path) -> None:
    store.add("c", some_papers(4_500))
    assert sum(1 for _ in store.titles(None)) == 4_500
    assert sum(1 for _ in store.papers("c", abstracts=False)) == 4_500
