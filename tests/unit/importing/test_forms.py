"""The forms of files that people bring: what is read of each, and what is refused."""

import json
import zipfile
from pathlib import Path

import pytest
import zstandard

from titletui.corpus.paper import Paper
from titletui.errors import UsageError
from titletui.importing.paper_reader import PaperReader, RejectedRecord
from titletui.importing.sources import corpus_name_for, pasted_path, source_files
from titletui.importing.tables import AmbiguousColumnsError, ColumnChoice

TITLES = [
    "Robust Speech Separation with Sparse Gates",
    "A Study of Beamforming, Revisited",
    'On the "Cocktail Party" Problem',
]
ABSTRACT = "We study how sparse gates separate speakers in noisy rooms and report gains. " * 5


def read(
    path: Path, choice: ColumnChoice | None = None
) -> tuple[list[Paper], list[RejectedRecord]]:
    with PaperReader(path, choice) as reader:
        records = list(reader)
    papers = [record for record in records if isinstance(record, Paper)]
    return papers, [record for record in records if isinstance(record, RejectedRecord)]


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def titles_of(path: Path) -> list[str]:
    papers, rejected = read(path)
    assert rejected == []
    return [paper.title for paper in papers]


BIB = "".join(
    f"@article{{k{n},\n  title = {{{{{title}}}}},\n  author = {{Doe, Jane and Poe, E.}},\n"
    f"  eprint = {{2401.0000{n}}},\n  year = 2024\n}}\n\n"
    for n, title in enumerate(TITLES, 1)
)
RIS = "".join(
    f"TY  - JOUR\r\nAU  - Doe, Jane\r\nTI  - {title}\r\nAB  - {ABSTRACT}\r\nPY  - 2024\r\n"
    "ER  - \r\n"
    for title in TITLES
)
NBIB = "".join(
    f"PMID- {n}\nTI  - {title.replace(' ', chr(10) + '      ', 1)}\nAB  - {ABSTRACT}\n"
    f"FAU - Doe, Jane\nDP  - 2024 Jan 3\n\n"
    for n, title in enumerate(TITLES, 1)
)
WOS = "FN Clarivate\nVR 1.0\n" + "".join(
    f"PT J\nAU Doe, J\n   Poe, E\nTI {title.replace(' ', chr(10) + '   ', 1)}\nAB {ABSTRACT}\n"
    "PY 2024\nER\n\n"
    for title in TITLES
)
ATOM = (
    '<?xml version="1.0"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
    + "".join(
        f"<entry><id>http://arxiv.org/abs/2401.0000{n}v1</id><title>{title}</title>"
        f"<summary>{ABSTRACT}</summary><author><name>J. Doe</name></author>"
        '<category term="eess.AS"/></entry>\n'
        for n, title in enumerate(TITLES, 1)
    )
    + "</feed>"
)
MAIL = "".join(
    f"\\\\\narXiv:2401.0000{n}\nDate: Mon, 1 Jan 2024 10:00:00 GMT   (12kb)\n\nTitle: {title}\n"
    f"Authors: Jane Doe and E. Poe\nCategories: eess.AS cs.SD\n\\\\\n  {ABSTRACT}\n"
    f"\\\\ ( https://arxiv.org/abs/2401.0000{n} ,  12kb)\n{'-' * 78}\n"
    for n, title in enumerate(TITLES, 1)
)


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("a.bib", BIB, "BibTeX"),
        ("a.ris", RIS, "RIS"),
        ("a.nbib", NBIB, "PubMed"),
        ("a.txt", WOS, "Web of Science"),
        ("a.xml", ATOM, "feed"),
        ("a.eml", MAIL, "arXiv listing"),
    ],
)
def test_bibliographies_and_feeds_are_read(
    tmp_path: Path, name: str, content: str, form: str
) -> None:
    path = written(tmp_path, name, content)
    with PaperReader(path) as reader:
        assert reader.form == form
    papers, rejected = read(path)
    assert rejected == []
    assert [" ".join(paper.title.split()) for paper in papers] == TITLES
    assert {paper.year for paper in papers} == {2024}
    assert all("Doe" in paper.authors for paper in papers)
    if form != "BibTeX":
        assert all(paper.abstract.startswith("We study") for paper in papers)


def test_a_brace_that_is_not_closed_costs_one_entry(tmp_path: Path) -> None:
    broken = BIB.replace("Revisited}}", "Revisited}")
    papers, _ = read(written(tmp_path, "a.bib", broken))
    assert {TITLES[0], TITLES[2]} <= {paper.title for paper in papers}


@pytest.mark.parametrize(
    "header",
    ["Document Title", "Article Title", "Item Title", "TI", "Titel", "TITLES", "Title (English)"],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_titles_of_exports_are_found_by_name(
    tmp_path: Path, header: str, delimiter: str
) -> None:
    cells = [["Authors", header, "Source title", "Abstract Note", "Publication Year"]]
    cells += [["Doe, J.", title, "Journal of Speech", ABSTRACT, "2024"] for title in TITLES]
    rows = (delimiter.join('"' + c.replace('"', '""') + '"' for c in row) for row in cells)
    papers, rejected = read(written(tmp_path, "a.csv", "\n".join(rows) + "\n"))
    assert rejected == []
    assert [paper.title for paper in papers] == TITLES
    assert papers[0].abstract.startswith("We study")
    assert papers[0].year == 2024


@pytest.mark.parametrize("before", ["sep=;\r\n", "# exported\n", '"About: exported on 1 Jan."\n'])
def test_lines_before_a_header_are_passed(tmp_path: Path, before: str) -> None:
    text = before + "Title;Year\n" + "".join(f"{n} Speech;2024\n" for n in ("Fine", "Good"))
    assert titles_of(written(tmp_path, "a.csv", text)) == ["Fine Speech", "Good Speech"]


def test_lines_that_end_in_carriage_returns_are_lines(tmp_path: Path) -> None:
    text = "Title,Year\rFine Speech,2024\rGood Speech,2023\r"
    assert titles_of(written(tmp_path, "a.csv", text)) == ["Fine Speech", "Good Speech"]


def test_a_stray_quote_costs_no_other_row(tmp_path: Path) -> None:
    rows = [f"{n},Speech in Room {n},2024" for n in range(1_000)]
    rows[10] = '10,"Speech in Room 10,2024'
    rows[500] = '500,"Speech, in Room 500",2024'
    papers, _ = read(written(tmp_path, "a.csv", "id,title,year\n" + "\n".join(rows) + "\n"))
    assert len({paper.title for paper in papers}) >= 999


def test_a_guess_among_columns_is_refused_until_one_is_named(tmp_path: Path) -> None:
    rows = [
        f"2024\tThe first text of row {n} here\tAnother text of row {n} there\n" for n in range(9)
    ]
    path = written(tmp_path, "a.tsv", "".join(rows))
    with pytest.raises(AmbiguousColumnsError, match="Which column holds the titles"):
        PaperReader(path)
    papers, _ = read(path, ColumnChoice(title="3"))
    assert papers[0].title == "Another text of row 0 there"


@pytest.mark.parametrize(
    "record",
    [
        {"Title": TITLES[0], "Abstract": None, "authors": [{"name": "J. Doe"}]},
        {"titles": TITLES[0], "abstract": float("nan"), "versions": ["v1"], "deleted": 0},
        {"title": [TITLES[0]], "date": 1704067200000, "categories": ["cs.SD", "eess.AS"]},
        {"title": {"value": TITLES[0]}, "abstract_inverted_index": {"We": [0], "study": [1]}},
        {"display_name": TITLES[0], "authorships": [{"author": {"display_name": "J."}}]},
        {"instruction": "Write", "input": ABSTRACT, "output": TITLES[0]},
        {"paper": {"title": TITLES[0], "year": "2024"}},
        {"title": TITLES[0] + "\ud800", "id": 7},
    ],
)
def test_only_the_title_of_a_record_is_required(tmp_path: Path, record: dict[str, object]) -> None:
    papers, rejected = read(written(tmp_path, "a.jsonl", json.dumps(record) + "\n" * 2))
    assert rejected == []
    assert papers[0].title.startswith(TITLES[0])


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("wrap", [list, lambda records: {"count": 3, "papers": list(records)}])
def test_arrays_and_wrappers_of_records_are_read(
    tmp_path: Path, indent: int | None, wrap: type[list[object]]
) -> None:
    records = [{"title": title, "authors": [{"name": "J."}]} for title in TITLES]
    path = written(tmp_path, "a.json", json.dumps(wrap(records), indent=indent))
    assert titles_of(path) == TITLES


def test_records_that_all_lack_a_title_are_refused_with_their_keys(tmp_path: Path) -> None:
    path = written(tmp_path, "a.json", json.dumps([{"a": 1, "b": 2}] * 3, indent=1))
    with pytest.raises(UsageError, match=r"JSON, but no"):
        PaperReader(path)


def test_a_record_nested_too_deeply_costs_no_other(tmp_path: Path) -> None:
    lines = [json.dumps({"title": f"Speech {n}"}) for n in range(5)]
    lines[2] = '{"title": "x", "a": ' + "[" * 100_000 + "]" * 100_000 + "}"
    papers, rejected = read(written(tmp_path, "a.jsonl", "\n".join(lines)))
    assert len(papers) == 4
    assert [one.line for one in rejected] == [3]


def test_numbers_and_bullets_of_lists_are_dropped(tmp_path: Path) -> None:
    for mark in ("- ", "* ", "• ", "{n}. ", "[{n}] ", "{n}) "):
        lines = [mark.format(n=n) + title for n, title in enumerate(TITLES, 1)]
        assert titles_of(written(tmp_path, "a.md", "# Mine\n\n" + "\n".join(lines))) == TITLES


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<!DOCTYPE html><html><title>Sign in</title></html>", "an HTML page"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n", "Git LFS pointer"),
        ("%PDF-1.7\n" + "x" * 500, "a PDF"),
        ("<?xml version='1.0'?>\n<library><book/></library>", "XML of a form"),
        (b"PAR1" + bytes(100), "Parquet"),
        ("\n".join(["The same line"] * 50), "many lines are equal"),
        ("\n".join(f"2024-01-01 10:00:{n:02} INFO loss" for n in range(50)), "like those of a log"),
        ((ABSTRACT + "\n") * 2, "many lines have more than"),
        ("The rooms that we study are noisy, and all the\nspeakers in them move about.\n" * 3,
         "running text"),
        ("\n".join(f"name{n % 3}: value {n}" for n in range(30)), "keys and values"),
    ],
)  # fmt: skip
def test_what_is_no_list_of_papers_is_refused(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        PaperReader(written(tmp_path, "a.txt", content))


@pytest.mark.parametrize("encoding", ["cp1252", "mac_roman", "utf-16", "utf-16-le", "shift_jis"])
def test_encodings_are_told_by_the_bytes(tmp_path: Path, encoding: str) -> None:
    titles = ["Bayes’ Rule – a Primer", "Schrödinger’s Café", "The “Cocktail Party”"]
    if encoding == "shift_jis":
        titles = ["音声認識のための深層学習", "話者適応の研究について", "雑音環境での音声強調"]
    path = written(tmp_path, "a.csv", ("Title\n" + "\n".join(titles) + "\n").encode(encoding))
    assert titles_of(path) == titles


def test_zstandard_and_zips_with_a_mac_s_resource_fork_are_read(tmp_path: Path) -> None:
    text = "\n".join(TITLES)
    path = written(tmp_path, "a.txt.zst", zstandard.ZstdCompressor().compress(text.encode()))
    assert titles_of(path) == TITLES
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("titles.txt", text)
        archive.writestr("__MACOSX/._titles.txt", "x")
        archive.writestr("README.md", "x")
    assert titles_of(tmp_path / "a.zip") == TITLES


def test_markup_of_other_sources_is_decoded(tmp_path: Path) -> None:
    path = written(
        tmp_path, "a.csv", "Title,Year\n<i>Ab initio</i> Q&amp;A for H<sub>2</sub>O,2024\n"
    )
    assert titles_of(path) == ["Ab initio Q&A for H2O"]


def test_paths_are_read_as_they_are_pasted(tmp_path: Path) -> None:
    path = written(tmp_path, "my titles.txt", "x")
    escaped = str(path).replace(" ", "\\ ")
    for typed in (f"'{path}'", f'"{path}"', escaped, path.as_uri(), str(path).replace(" ", "%20")):
        assert pasted_path(typed) == path
    with pytest.raises(UsageError, match="download it first"):
        pasted_path("https://arxiv.org/abs/2401.00001")
    assert source_files([str(tmp_path)]) == [path]
    assert source_files([str(tmp_path / "*.txt")]) == [path]
    assert corpus_name_for([path, path]) == tmp_path.name
