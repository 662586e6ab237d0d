"""Imports are undone: what they added goes, what they changed returns."""

from titletui.corpus.normalize import normalize
from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.corpus.undo import begin_import, last_import, record_changes, undo_import
from titletui.paths import Home


def add(store: CorpusStore, name: str, papers: list[Paper]) -> int:
    number = begin_import(store, name, "file.csv")
    store.add_normalized(
        name,
        normalize(papers),
        journal=lambda connection, joined, changed: record_changes(
            connection, number, joined, changed
        ),
    )
    return number


def paper(number: int, title: str = "Speech", stamp: str = "") -> Paper:
    return Paper(id=f"2401.{number:05}", title=f"{title} {number}", datestamp=stamp)


def test_an_import_is_undone_and_the_search_forgets_it(home: Home) -> None:
    with CorpusStore(home.corpus_db) as store:
        store.create("c")
        store.add("c", [paper(n) for n in range(5)])
        before = list(store.papers("c"))
        number = add(store, "c", [paper(1, "Changed", "2024-01-02"), *map(paper, range(5, 9))])
        record = last_import(store, "c")
        assert record is not None
        assert (record.number, record.added, record.changed) == (number, 4, 1)
        undone = undo_import(store, number)
        assert (undone.removed, undone.restored, undone.deleted_corpus) == (4, 1, False)
        assert list(store.papers("c")) == before
        assert store.summary("c").papers == 5
        assert store.page("c", search="changed").rows == []
        assert last_import(store) is None


def test_a_paper_that_changed_again_stays_and_an_empty_corpus_goes(home: Home) -> None:
    with CorpusStore(home.corpus_db) as store:
        store.create("other")
        store.add("other", [paper(1)])
        store.create("c")
        number = add(store, "c", [paper(1, "Changed", "2024-01-02"), paper(2)])
        store.add("other", [paper(1, "Newest", "2024-02-02")])
        undone = undo_import(store, number)
        assert (undone.removed, undone.kept, undone.deleted_corpus) == (2, 1, True)
        assert [one.title for one in store.papers("other")] == ["Newest 1"]
        assert [summary.name for summary in store.corpora()] == ["other"]


def test_tex_accents_and_letters_are_one_word_for_the_search(home: Home) -> None:
    with CorpusStore(home.corpus_db) as store:
        store.create("c")
        written = ('Schr\\"odinger', 'Schr\\"{o}dinger', "Schrödinger")
        store.add(
            "c", [Paper(id="", title=f"{name} Equation {n}") for n, name in enumerate(written)]
        )
        for typed in ("Schrödinger", "schrodinger", 'Schr\\"odinger'):
            assert len(store.page("c", search=typed).rows) == 3
        store.delete("c")
        assert store.rows("SELECT count(*) FROM titles WHERE titles MATCH 'equation'") == [(0,)]
