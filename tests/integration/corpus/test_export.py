"""A corpus is handed on without loss, and as titles."""

import tempfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.processes import until
from titletui.corpus.export import export_corpus
from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.errors import TitletuiError, UsageError
from titletui.importing.job import Source, start_import
from titletui.importing.paper_reader import PaperReader
from titletui.importing.reader_process import chunks
from titletui.jobs.job import State
from titletui.paths import Home

ANY = st.text(max_size=80)
WORDS = ANY | st.text('ab \n\t"\\,;{[<&\x00\x1b\x85\u2028\u202e\ufeff\U0001f600é', max_size=40)
DAYS = st.just("") | st.dates(date(1991, 8, 1), date(2030, 1, 1)).map(date.isoformat)
IDS = st.one_of(
    st.from_regex(r"(0[7-9]|1[0-9]|2[0-6])(0[1-9]|1[0-2])\.[0-9]{4,5}", fullmatch=True),
    st.from_regex(r"(math|hep-th|cs)/(9[1-9]|0[0-7])(0[1-9]|1[0-2])[0-9]{3}", fullmatch=True),
    st.just(""),
    WORDS,
)
PAPERS = st.builds(
    Paper,
    id=IDS,
    title=WORDS,
    abstract=WORDS,
    categories=WORDS,
    authors=WORDS,
    created=DAYS,
    updated=DAYS,
    datestamp=DAYS,
    deleted=st.booleans(),
)


@given(st.lists(PAPERS, min_size=1, max_size=12), st.sampled_from([".jsonl", ".jsonl.gz"]))
@settings(max_examples=40, deadline=None)
def test_whatever_a_corpus_holds_is_the_same_after_export_and_import(
    papers: list[Paper], ending: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / f"first{ending}", Path(folder) / f"second{ending}"
        with CorpusStore(Path(folder) / "a.db") as store:
            store.create("c")
            store.add("c", papers)
            before = list(store.papers("c"))
            assert export_corpus(store, "c", first) == len(before)
        if not before:
            return
        with CorpusStore(Path(folder) / "b.db") as store, PaperReader(first) as reader:
            store.create("c")
            for chunk in chunks(reader):
                assert chunk.rejected == []
                store.add_normalized("c", chunk.papers)
            assert list(store.papers("c")) == before
            assert store.summary("c").papers == len(before)
            export_corpus(store, "c", second)
        assert second.read_bytes() == first.read_bytes()


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz"])
def test_a_corpus_is_exported_and_imported_again_without_loss(
    home: Home, tmp_path: Path, ending: str
) -> None:
    papers = [
        Paper(
            id="2401.00001",
            title="R[0,1], [/b] and $\\alpha$",
            abstract='A "quote", \\n',
            authors="Doe, Jane; Poe, E.",
            categories="cs.CL cs.LG",
            created="2024-01-01",
            updated="2024-02-01",
            datestamp="2024-02-02",
        ),
        Paper(id="math/9201239", title="C1 \x9b31m, bidi \u202eevil", deleted=True),
        Paper(id="W123", title="𝔘nicode — Ångström"),
        Paper(id="", title="Only a title"),
    ]  # fmt: skip
    path = tmp_path / f"out{ending}"
    with CorpusStore(home.corpus_db) as store:
        store.create("c")
        store.add("c", papers)
        before = list(store.papers("c"))
        assert export_corpus(store, "c", path) == 4
        store.delete("c")
    folder = start_import(home, Source(corpus="again", path=str(path)))
    until(lambda: not folder.state.alive)
    assert folder.state is State.DONE
    with CorpusStore(home.corpus_db) as store:
        assert list(store.papers("again")) == before


def test_titles_are_exported_one_a_line_and_no_file_is_replaced_unasked(
    home: Home, tmp_path: Path
) -> None:
    path = tmp_path / "titles.txt"
    with CorpusStore(home.corpus_db) as store:
        store.create("c")
        store.add("c", [Paper(id="", title="One"), Paper(id="", title="Two")])
        export_corpus(store, "c", path)
        assert path.read_text() == "One\nTwo\n"
        with pytest.raises(UsageError, match="there already"):
            export_corpus(store, "c", path)
        export_corpus(store, "c", path, overwrite=True)
        for name in ("x.pdf", "x.jsonl.xz", "x"):
            with pytest.raises(UsageError, match="does not end in"):
                export_corpus(store, "c", tmp_path / name)
        with pytest.raises(TitletuiError, match="cannot be written"):
            export_corpus(store, "c", tmp_path / "no folder" / "x.txt")
