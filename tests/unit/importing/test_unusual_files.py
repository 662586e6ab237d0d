"""Files that are odd: foreign letters, gaps and open quotes in tables, what stands in the way."""

import json
from pathlib import Path

import pytest

from titletui.cli import main
from titletui.corpus.export import export_corpus
from titletui.corpus.paper import Paper
from titletui.corpus.statistics import compute_statistics
from titletui.corpus.store import CorpusStore
from titletui.errors import TitletuiError
from titletui.importing import reader_process
from titletui.importing.paper_reader import PaperReader, Position, RejectedRecord
from titletui.importing.tables import find_table
from titletui.paths import Home

LONG = "We study noisy rooms and how people speak in them. " * 6


def read(path: Path) -> tuple[list[str], list[RejectedRecord]]:
    """Titles and bad lines."""
    with PaperReader(path) as reader:
        records = list(reader)
    titles = [record.title for record in records if isinstance(record, Paper)]
    return titles, [record for record in records if isinstance(record, RejectedRecord)]


def test_records_in_latin_1_are_read_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "old.jsonl"
    lines = [
        json.dumps({"title": title}, ensure_ascii=False) for title in ("Größe", "Plain", "Maß")
    ]
    path.write_bytes("\n".join([*lines, "", '{"title": "ö"']).encode("latin-1"))
    with PaperReader(path) as reader:
        records = list(reader)
        assert (reader.foreign_lines, reader.encoding) == (3, "Windows-1252")
    assert [one.title for one in records if isinstance(one, Paper)] == ["Größe", "Plain", "Maß"]
    assert [one.line for one in records if isinstance(one, RejectedRecord)] == [5]


def test_abstracts_are_told_from_titles_by_their_length_and_dates_by_their_form(
    tmp_path: Path,
) -> None:
    path = tmp_path / "papers.tsv"
    rows = [
        ("", f"2024-01-0{n}", f"Neural Speech Number {n}", LONG, f"2024-02-0{n}", "cs.CL")
        for n in range(1, 6)
    ]
    path.write_text("".join("\t".join(row) + "\n\n" for row in rows))
    with PaperReader(path) as reader:
        papers = [one for one in reader if isinstance(one, Paper)]
    assert [one.title for one in papers] == [f"Neural Speech Number {n}" for n in range(1, 6)]
    assert papers[0].abstract.startswith("We study noisy rooms")
    assert (papers[0].created, papers[0].categories) == ("2024-01-01", "cs.CL")


def test_a_quote_that_is_never_closed_costs_no_more_than_its_row(tmp_path: Path) -> None:
    path = tmp_path / "papers.csv"
    endless = "x" * 200_000
    path.write_text(f'id,title\n1,Speech\n2,"open {endless}\n3,Music\n')
    titles, bad = read(path)
    assert titles == ["Speech", "Music"]
    (only,) = bad
    assert only.line == 3
    assert "it is no row of a table" in only.reason


def test_what_is_no_table_is_a_list_of_titles() -> None:
    assert find_table([], ".csv") is None
    assert find_table(["\n", "\n"], ".csv") is None
    assert find_table([f'a,"{"x" * 200_000}"\n'], ".csv") is None
    assert find_table(["One Title\n", "Another, with a comma\n"], ".txt") is None
    semicolons = find_table(["id;title\n", "1;A, b\n"], ".csv")
    assert semicolons is not None
    assert semicolons.dialect.delimiter == ";"


def test_a_corpus_is_shown_with_its_days_its_years_and_its_source(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["corpora"]) == 0
    assert "There is no corpus yet" in capsys.readouterr().err
    with CorpusStore(home.corpus_db) as store:
        store.create("a", category="cs.CL", source="arXiv")
        papers = [
            Paper(id=f"{year}01.0000{n}", title=f"Speech {n}", created=f"20{year}-01-01")
            for n in range(1, 4)
            for year in (23, 24)
        ]
        store.add("a", papers)
        assert compute_statistics(store, "a").papers == 6
    assert main(["corpora", "a"]) == 0
    said = capsys.readouterr().out
    assert "submitted 2023-01 … 2024-01, updated" in said
    assert "2023         3" in said
    assert main(["corpora", "a", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "cut" not in found
    assert found["years"] == [{"year": 2023, "papers": 3}, {"year": 2024, "papers": 3}]


def test_an_export_onto_a_folder_or_over_a_full_name_says_why(home: Home, tmp_path: Path) -> None:
    with CorpusStore(home.corpus_db) as store:
        store.create("a")
        store.add("a", [Paper(id="2401.00001", title="Speech")])
        (tmp_path / "out.txt").mkdir()
        with pytest.raises(TitletuiError, match=r"out\.txt"):
            export_corpus(store, "a", tmp_path / "out.txt", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_a_day_that_is_none_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "papers.jsonl"
    versions = [{"version": "v1", "created": "soon"}]
    path.write_text(json.dumps({"id": "0704.0001", "title": "A Title", "versions": versions}))
    with PaperReader(path) as reader:
        (paper,) = reader
    assert isinstance(paper, Paper)
    assert paper.created == ""


def test_a_corpus_that_may_only_be_read_is_counted_too(home: Home) -> None:
    with CorpusStore(home.corpus_db) as store:
        store.create("a")
        store.add("a", [Paper(id="2401.00001", title="Speech")])
    with CorpusStore(home.corpus_db, read_only=True) as store:
        assert compute_statistics(store, "a").papers == 1
        assert compute_statistics(store, "a").words == [("speech", 1)]


def test_titles_that_begin_with_a_bracket_are_no_json_array(tmp_path: Path) -> None:
    path = tmp_path / "papers.txt"
    path.write_text("[Re] Speech in Noise\nMusic in Rooms\n")
    assert read(path) == (["[Re] Speech in Noise", "Music in Rooms"], [])


def test_empty_rows_and_endless_titles_of_a_table_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "papers.csv"
    path.write_text(f"id,title\n1,Speech\n,\n2,{'long ' * 500}\n3,Music\n")
    titles, bad = read(path)
    assert titles == ["Speech", "Music"]
    assert [(one.line, one.reason) for one in bad] == [
        (4, "its title is longer than 2,000 characters")
    ]


def test_a_table_of_single_words_has_no_titles(tmp_path: Path) -> None:
    path = tmp_path / "words.csv"
    path.write_text("2401.00001,speech\n2401.00002,music\n")
    assert find_table(path.read_text().splitlines(keepends=True), ".csv") is None


def test_utf_16_is_read_on_where_it_was_left(tmp_path: Path) -> None:
    path = tmp_path / "papers.txt"
    path.write_bytes("Größe\nSpeech\nMusic\n".encode("utf-16"))
    with PaperReader(path) as reader:
        reader.skip_to(Position(len("Größe\nSpeech\n".encode()), 2))
        assert [one.title for one in reader if isinstance(one, Paper)] == ["Music"]


def test_long_records_come_in_smaller_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "papers.txt"
    path.write_text("".join(f"Speech in Noise {number}\n" for number in range(50)))
    monkeypatch.setattr(reader_process, "_BATCH_BYTES", 200)
    with PaperReader(path) as reader:
        read_in = [piece.read for piece in reader_process.chunks(reader)]
    assert sum(read_in) == 50
    assert max(read_in) < 20
