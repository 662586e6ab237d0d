"""Importing papers: what files are understood, what is counted, and that nothing is lost."""

import bz2
import gzip
import json
import lzma
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.processes import processes_of, until
from titletui.corpus import jobs
from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.errors import TitletuiError, UsageError
from titletui.importing.job import Source, corpus_name_for, start_import
from titletui.importing.paper_reader import PaperReader, Position, RejectedRecord
from titletui.importing.reader_process import ReaderProcess
from titletui.importing.tables import ColumnChoice
from titletui.jobs import launch
from titletui.jobs.events import Note, Progress
from titletui.jobs.job import Job, State
from titletui.paths import Home

KAGGLE = {
    "id": "0704.0001",
    "submitter": "Pavel Nadolsky",
    "authors": "C. Bal\\'azs, E. L. Berger, P. M. Nadolsky, C.-P. Yuan",
    "title": "Calculation of prompt diphoton production cross sections at Tevatron\n  and LHC",
    "comments": "37 pages",
    "journal-ref": None,
    "categories": "hep-ph",
    "license": None,
    "abstract": "  A fully differential calculation\nin perturbative QCD.\n",
    "versions": [
        {"version": "v1", "created": "Mon, 2 Apr 2007 19:18:42 GMT"},
        {"version": "v2", "created": "Tue, 24 Jul 2007 20:10:27 GMT"},
    ],
    "update_date": "2008-11-26",
    "authors_parsed": [["Bal\\'azs", "C.", ""]],
}


def read(path: Path) -> tuple[list[Paper], list[RejectedRecord]]:
    with PaperReader(path) as reader:
        records = list(reader)
    papers = [record for record in records if isinstance(record, Paper)]
    return papers, [record for record in records if isinstance(record, RejectedRecord)]


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def titles(path: Path) -> list[str]:
    return [paper.title for paper in read(path)[0]]


def imported(home: Home, path: Path, name: str = "c") -> tuple[Job, dict[str, int]]:
    folder = start_import(home, Source(corpus=name, path=str(path)))
    until(lambda: not folder.state.alive)
    assert folder.state is State.DONE, folder.exit
    return folder, counts(folder)


def counts(folder: Job) -> dict[str, int]:
    return [event for event in folder.tail().read() if isinstance(event, Progress)][-1].counts


def notes(folder: Job) -> str:
    return "\n".join(event.text for event in folder.tail().read() if isinstance(event, Note))


def test_the_kaggle_snapshot_is_understood(tmp_path: Path) -> None:
    (paper,), bad = read(written(tmp_path, "arxiv.json", json.dumps(KAGGLE) + "\n"))
    assert bad == []
    assert (paper.id, paper.categories) == ("0704.0001", "hep-ph")
    assert (paper.created, paper.updated) == ("2007-04-02", "2007-07-24")
    assert paper.datestamp == "2008-11-26"
    assert paper.authors.startswith("C. Bal")


def test_a_table_without_a_header_is_understood_by_what_stands_in_it(tmp_path: Path) -> None:
    text = (
        "math/9201239\t1989-04-14\tmath.LO\tA note on canonical functions\n"
        'cs/9301111\t1989-12-31\tcs.CC\tNested "satisfiability", or not\n'
        "2401.00001\t2024-01-01\tcs.CL cs.LG\tA third title\n"
    )
    papers, bad = read(written(tmp_path, "x.tsv", text))
    assert bad == []
    assert papers[1] == Paper(
        id="cs/9301111",
        title='Nested "satisfiability", or not',
        categories="cs.CC",
        created="1989-12-31",
    )


def test_a_header_names_the_columns_in_any_order(tmp_path: Path) -> None:
    text = (
        "Abstract,Title,arXiv_ID,year\r\n"
        '"One,\r\ntwo lines","Hello, world",2401.00001v2,2024\r\n'
        ",Second,,\r\n"
    )
    papers, _ = read(written(tmp_path, "x.csv", text))
    assert papers[0].title == "Hello, world"
    assert papers[0].abstract.split() == ["One,", "two", "lines"]
    assert papers[0].id == "2401.00001"
    assert papers[1].title == "Second"


@pytest.mark.parametrize("header", ["", "title\n", "id,title\n", "title,id\n"])
def test_commas_in_titles_without_quotes_stay(tmp_path: Path, header: str) -> None:
    wanted = ["Attention, please", "One, two, three", "Plain", "Before,after"]
    lines = [
        f"2401.0000{n},{title}" if header.startswith("id") else
        f"{title},2401.0000{n}" if header.startswith("title,") else title
        for n, title in enumerate(wanted)
    ]  # fmt: skip
    path = written(tmp_path, "x.csv", header + "\n".join(lines) + "\n")
    assert titles(path) == wanted


def test_quoted_titles_with_commas_and_quotes_are_read_as_csv_means_them(tmp_path: Path) -> None:
    text = 'title\n"Attention, please"\n"He said ""no"""\nPlain\n'
    assert titles(written(tmp_path, "x.csv", text)) == [
        "Attention, please", 'He said "no"', "Plain"
    ]  # fmt: skip


def test_a_plain_list_is_one_title_a_line(tmp_path: Path) -> None:
    text = 'First title, with a comma\n\n  Second: a title  \n"Third"\nR[0,1] and [/b]'
    assert titles(written(tmp_path, "my.txt", text)) == [
        "First title, with a comma", "Second: a title", "Third", "R[0,1] and [/b]"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ending", "pack"),
    [
        (".gz", gzip.compress),
        (".xz", lzma.compress),
        (".bz2", bz2.compress),
        ("", bytes),
    ],
)
def test_compressed_files_are_seen_by_their_bytes(
    tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]
) -> None:
    data = pack((json.dumps(KAGGLE) + "\n").encode())
    assert len(titles(written(tmp_path, f"x.jsonl{ending}", data))) == 1
    assert len(titles(written(tmp_path, "named-otherwise", data))) == 1


def test_a_zip_with_one_file_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("arxiv-metadata.json", json.dumps(KAGGLE) + "\n")
    assert len(titles(path)) == 1
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("another", "x")
    with pytest.raises(UsageError, match="holds 2 files"):
        PaperReader(path)


@pytest.mark.parametrize(
    "data",
    [
        "\ufeffÄ title\r\nÜber — all\r\n".encode(),
        "Ä title\r\nÜber — all\r\n".encode(),
        "Ä title\nÜber — all".encode("utf-16"),
    ],
)
def test_bom_crlf_and_utf_16_are_read(tmp_path: Path, data: bytes) -> None:
    assert titles(written(tmp_path, "x.txt", data)) == ["Ä title", "Über — all"]


def test_latin_1_is_read_line_by_line_and_counted(tmp_path: Path, home: Home) -> None:
    data = "Ångström units\n".encode("latin-1") + "Ångström again\n".encode()
    data += json.dumps("x").encode()
    folder, found = imported(home, written(tmp_path, "x.txt", data))
    with CorpusStore(home.corpus_db) as store:
        assert list(store.titles("c"))[:2] == ["Ångström units", "Ångström again"]
    assert found["new"] == 3
    assert "read as Windows-1252" in notes(folder)


def test_bad_lines_are_counted_and_shown_with_their_numbers(tmp_path: Path, home: Home) -> None:
    lines = [
        json.dumps({"id": "2401.00001", "title": "Good"}),
        "{not json",
        json.dumps({"id": "2401.00002", "title": ""}),
        "",
        json.dumps({"id": "2401.00003", "title": "x" * 100_000}),
        json.dumps(["a list"]),
        json.dumps({"id": "2401.00004", "title": 7}),
        json.dumps({"id": "2401.00001", "title": "Good"}),
        json.dumps({"id": "2401.00005", "title": "Also good", "abstract": None}),
        '{"id": "2401.00006", "title": "cut',
    ]
    folder, found = imported(home, written(tmp_path, "x.jsonl", "\n".join(lines)))
    assert found == {"new": 2, "updated": 0, "skipped": 7, "bad": 6}
    said = notes(folder)
    for line in (2, 3, 5, 6, 7, 10):
        assert f"Line {line} was left out" in said
    assert "no title" in said
    assert "longer than 2,000" in said


def test_many_bad_lines_are_summed_up(tmp_path: Path, home: Home) -> None:
    data = json.dumps({"id": "2401.00001", "title": "Good"}) + "\n" + "{oops\n" * 1_000
    folder, found = imported(home, written(tmp_path, "x.jsonl", data))
    assert found["bad"] == 1_000
    assert notes(folder).count("was left out") == 1
    assert "999 more" in notes(folder)


def test_rows_that_do_not_fit_the_header_are_counted_by_line(tmp_path: Path) -> None:
    text = 'id,title\n2401.00001,A\n2401.00002\n2401.00003,"two\nlines"\n2401.00004,\n'
    papers, bad = read(written(tmp_path, "x.csv", text))
    assert [paper.id for paper in papers] == ["2401.00001", "2401.00003"]
    assert [one.line for one in bad] == [3, 6]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("x.jsonl", b"", "empty"),
        ("x.txt", b"\n \n\n", "empty"),
        ("x.json", b'[\n{"id": "1"}\n]', "no field of its records is a title"),
        ("x.bin", bytes(range(256)) * 20, "no text"),
        ("x.gz", b"\x1f\x8bnot gzip at all", "x.gz"),
    ],
)
def test_files_that_hold_no_papers_are_refused_in_one_sentence(
    home: Home, tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    path = written(tmp_path, name, data)
    with pytest.raises(TitletuiError, match=message):
        start_import(home, Source(corpus="c", path=str(path)))
    assert list((home.jobs).glob("import/*")) == []


def test_a_file_that_is_not_there_and_a_folder_are_refused(home: Home, tmp_path: Path) -> None:
    for path in (tmp_path / "nope", tmp_path):
        with pytest.raises(UsageError, match="cannot be read"):
            start_import(home, Source(corpus="c", path=str(path)))


def test_a_file_that_is_cut_short_keeps_what_came_before(home: Home, tmp_path: Path) -> None:
    lines = "".join(json.dumps({"id": f"2401.{n:05}", "title": f"T {n}"}) + "\n"
                    for n in range(30_000))  # fmt: skip
    whole = gzip.compress(lines.encode())
    path = written(tmp_path, "x.jsonl.gz", whole[: len(whole) * 2 // 3])
    folder = start_import(home, Source(corpus="c", path=str(path)))
    until(lambda: not folder.state.alive)
    assert folder.state is State.FAILED
    assert folder.exit is not None
    with CorpusStore(home.corpus_db) as store:
        kept = store.summary("c").papers
    assert f"breaks off after line {kept:,} " in folder.exit.reason
    assert kept > 15_000
    path.write_bytes(whole)
    _, found = imported(home, path)
    assert found["new"] == 30_000 - kept


def large(path: Path, count: int) -> Path:
    with path.open("w") as file:
        for n in range(count):
            record = {
                "id": f"{10 + n // 120_000}{1 + n // 10_000 % 12:02}.{n % 10_000:04}",
                "title": f"Title {n}",
                "abstract": f"Abstract {n} " * 20,
            }
            file.write(json.dumps(record) + "\n")
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_a_killed_import_goes_on_where_it_was_and_loses_nothing(
    home: Home, tmp_path: Path, packed: bool
) -> None:
    path = large(tmp_path / "big.jsonl", 60_000)
    if packed:
        path = written(tmp_path, "big.jsonl.gz", gzip.compress(path.read_bytes(), 1))
    source = Source(corpus="c", path=str(path))
    folder = start_import(home, source)
    until(lambda: any(isinstance(e, Progress) and e.done > 0 for e in folder.tail().read()))
    for process in processes_of(folder):
        process.kill()
    until(lambda: not folder.state.alive)
    with CorpusStore(home.corpus_db) as store:
        before = store.summary("c").papers
    assert start_import(home, source) == folder
    until(lambda: folder.state is State.DONE)
    assert counts(folder) == {"new": 60_000, "updated": 0, "skipped": 0, "bad": 0}
    if before < 60_000:
        assert "Goes on after line" in notes(folder)
    with CorpusStore(home.corpus_db) as store:
        assert len({paper.id for paper in store.papers("c")}) == 60_000


def test_an_import_is_stopped_and_resumed(home: Home, tmp_path: Path) -> None:
    source = Source(corpus="c", path=str(large(tmp_path / "big.jsonl", 60_000)))
    folder = start_import(home, source)
    until(lambda: any(isinstance(e, Progress) and e.done > 0 for e in folder.tail().read()))
    asked = time.monotonic()
    launch.stop(folder)
    until(lambda: not folder.state.alive)
    assert time.monotonic() - asked < 60
    assert folder.state is State.STOPPED
    until(lambda: not processes_of(folder))
    start_import(home, source)
    until(lambda: folder.state is State.DONE)
    with CorpusStore(home.corpus_db) as store:
        assert store.summary("c").papers == 60_000


def test_progress_tells_the_fraction_and_the_time_that_is_left(home: Home, tmp_path: Path) -> None:
    folder, _ = imported(home, large(tmp_path / "big.jsonl", 60_000))
    told = [event for event in folder.tail().read() if isinstance(event, Progress)]
    fractions = [event.fraction or 0 for event in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert told[1].eta is not None


def test_a_second_import_of_the_same_file_changes_nothing(home: Home, tmp_path: Path) -> None:
    path = large(tmp_path / "x.jsonl", 500)
    assert imported(home, path)[1]["new"] == 500
    assert imported(home, path)[1] == {"new": 0, "updated": 0, "skipped": 500, "bad": 0}


def test_two_files_are_not_imported_into_one_corpus_at_once(home: Home, tmp_path: Path) -> None:
    folder = start_import(home, Source(corpus="c", path=str(large(tmp_path / "a.jsonl", 60_000))))
    other = large(tmp_path / "b.jsonl", 5)
    with pytest.raises(TitletuiError, match="Another import into c is running"):
        start_import(home, Source(corpus="c", path=str(other)))
    until(lambda: folder.state is State.DONE)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("arxiv-eess.AS.jsonl.xz", "arxiv-eess.AS"),
        ("my-titles.txt", "my-titles.txt"),
        ("a.csv.gz", "a"),
        ("papers", "papers"),
        (".hidden.csv", "hidden"),
    ],
)
def test_a_corpus_is_named_after_its_file(file: str, name: str) -> None:
    assert corpus_name_for([Path(file)]) == name


def test_a_hangup_does_not_end_an_import(home: Home, tmp_path: Path) -> None:
    folder = start_import(home, Source(corpus="c", path=str(large(tmp_path / "x.jsonl", 30_000))))
    until(lambda: len(processes_of(folder)) >= 2)
    for process in processes_of(folder)[:2]:
        process.send_signal(signal.SIGHUP)
    until(lambda: not folder.state.alive)
    assert folder.state is State.DONE


def test_an_import_whose_work_cannot_be_read_begins_anew(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "titles.txt"
    path.write_text("A Title\nAnother Title\n")
    source = Source(corpus="a", path=str(path))
    first = start_import(home, source)
    until(lambda: first.state is State.DONE)
    (first.path / "spec.json").write_text("{")
    again = start_import(home, source)
    until(lambda: again.state is State.DONE)
    assert again.work(Source) == source


def test_who_holds_the_start_for_long_is_named(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_LOCK_TIMEOUT", 0.2)
    home.jobs.mkdir(exist_ok=True, mode=0o700)
    code = "import sys; from pathlib import Path; from titletui.jobs.process_lock import Lock; "
    code += "Lock(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(home.jobs / ".starting")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert other.stdout is not None
    assert other.stdout.readline() == b"held\n"
    (tmp_path / "titles.txt").write_text("A Title\n")
    source = Source(corpus="a", path=str(tmp_path / "titles.txt"))
    with pytest.raises(TitletuiError, match="Another titletui has held"):
        start_import(home, source)
    other.communicate(b"")
    job = start_import(home, source)
    until(lambda: job.state is State.DONE)


def test_a_reading_process_that_is_gone_is_told(tmp_path: Path) -> None:
    path = tmp_path / "papers.txt"
    path.write_text("Speech in Noise\n" * 1_000)
    with ReaderProcess(path, ColumnChoice(), Position(), lambda: False) as reading:
        reading.process.kill()
        with pytest.raises(TitletuiError, match=r"The process that reads .* ended with code"):
            list(reading)
