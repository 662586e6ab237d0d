"""scrape, import, corpora and export, as a script calls them."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.harvests import missing, point_to
from tests.support.oai_server import Reply, papers, serving, spread
from tests.support.processes import until
from tests.support.terminal import Terminal
from titletui.cli import main
from titletui.corpus import statistics
from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.jobs.job import Job, State
from titletui.paths import Home


def titles_file(folder: Path, count: int = 50) -> Path:
    path = folder / "mine.txt"
    path.write_text("".join(f"Title {n} with R[0,1] and [/b]\n" for n in range(count)))
    return path


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_an_import_ends_with_what_became_of_the_papers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", str(titles_file(tmp_path)), "--json"]) == 0
    (told,) = printed(capsys)
    assert told == {
        "name": "mine.txt", "state": "done", "papers": 50,
        "new": 50, "updated": 0, "skipped": 0, "bad": 0,
    }  # fmt: skip
    assert main(["import", str(titles_file(tmp_path)), "--name", "again"]) == 0
    assert "again: 50 papers (50 new" in capsys.readouterr().out


def test_corpora_are_listed_shown_renamed_exported_and_deleted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], home: Home
) -> None:
    main(["import", str(titles_file(tmp_path)), "--name", "one", "--category", "cs.CL"])
    capsys.readouterr()
    assert main(["corpora", "--json"]) == 0
    (summary,) = printed(capsys)
    assert {"name", "papers", "category", "earliest", "latest", "updated"} <= set(summary)
    assert (summary["name"], summary["papers"], summary["category"]) == ("one", 50, "cs.CL")
    assert main(["corpora", "one", "--json", "--cut", "3"]) == 0
    (shown,) = printed(capsys)
    assert shown["titles"]["mode"] == 6  # type: ignore[index]
    cut = {"at": 3, "titles": 1.0, "abstracts": 0.0}
    assert shown["cut"] == cut | {"titles_by_tokens": 1.0, "abstracts_by_tokens": 0.0}
    assert main(["corpora", "one", "--cut", "3"]) == 0
    said = capsys.readouterr().out
    assert "words per title: mode 6" in said
    assert "a cut at 3 words shortens 100.0 %" in said
    assert main(["corpora", "one", "--rename", "two"]) == 0
    out = tmp_path / "out.jsonl"
    assert main(["export", "two", str(out)]) == 0
    assert len(out.read_text().splitlines()) == 50
    assert main(["export", "two", str(out)]) == 2
    assert main(["corpora", "two", "--delete"]) == 2
    assert main(["corpora", "two", "--delete", "--yes"]) == 0
    assert not any(home.jobs.glob("import/[!.]*"))
    capsys.readouterr()
    assert main(["corpora", "--json"]) == 0
    assert printed(capsys) == []


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["scrape", "cs.XX"], 2, "no category 'cs.XX'"),
        (["scrape", "cs.CL", "--from", "soon"], 2, "no day"),
        (["scrape", "cs.CL", "--filter", "x"], 2, "no filter"),
        (["scrape", "cs.CL", "--name", "../x"], 2, "not a valid corpus name"),
        (["import", "/no/such/file"], 2, "cannot be read"),
        (["corpora", "nope"], 2, "no corpus named"),
        (["corpora", "nope", "--delete", "--yes"], 2, "no corpus named"),
        (["corpora", "--delete", "--yes"], 2, "Name the corpus"),
        (["export", "nope", "x.jsonl"], 2, "no corpus named"),
        (["export", "nope", "-"], 2, "no corpus named"),
    ],
)
def test_bad_input_is_one_clear_sentence(
    words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == code
    out, error = capsys.readouterr()
    assert out == ""
    assert message in error
    assert len(error.splitlines()) == 1


def test_a_server_that_cannot_be_reached_is_told_and_can_be_tried_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TITLETUI_OAI_URL", "http://127.0.0.1:9/oai")
    assert main(["scrape", "cs.CL"]) == 1
    error = capsys.readouterr().err
    assert "cannot be reached" in error
    assert "resume later" in error
    assert "Traceback" not in error


def test_a_detached_scrape_is_watched_by_the_same_command(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(papers(300), page=50) as server:
        point_to(server, monkeypatch, interval=0.1)
        assert main(["scrape", "cs.CL", "--detach", "--json"]) == 0
        (told,) = printed(capsys)
        assert told["name"] == "cs.CL"
        assert told["state"] in ("queued", "starting", "running")
        assert main(["scrape", "cs.CL", "--json"]) == 0
        (told,) = printed(capsys)
        assert (told["papers"], told["new"]) == (300, 300)
        assert sum(asked.verb == "ListRecords" for asked in server.asked) == 6


def test_ctrl_c_stops_a_scrape_cleanly_and_the_same_command_goes_on(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(500), page=50) as server:
        point_to(server, monkeypatch, interval=0.2)
        command = [sys.executable, "-m", "titletui", "scrape", "cs.CL", "--json"]
        scrape = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        until(lambda: server.sent_pages >= 3)
        scrape.send_signal(signal.SIGINT)
        out, error = scrape.communicate(timeout=30)
        assert scrape.returncode == 130
        assert json.loads(out)["state"] == "stopped"
        assert b"Traceback" not in error
        assert b"the same command resumes it" in error
        folder = Job(home.jobs / "harvest" / "cs.CL")
        assert folder.state is State.STOPPED
        asked = len(server.asked)
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        assert json.loads(done.stdout)["papers"] == 500
        assert "resumptionToken" in server.asked[asked].query
        assert not missing(home, server.records)


def test_in_a_terminal_a_scrape_shows_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, home: Home
) -> None:
    with serving(spread(200, 10)) as server:
        point_to(server, monkeypatch)
        server.fault = lambda asked, _: Reply(hang=60) if len(server.asked) == 3 else None
        with Terminal([sys.executable, "-m", "titletui", "scrape", "cs.CL"]) as terminal:
            terminal.until("100 papers")
            assert "cs.CL" in terminal.text
            assert "━" in terminal.text, "a bar"
            terminal.press("\x03")
            assert terminal.ended() == 130
    assert Job(home.jobs / "harvest" / "cs.CL").state is State.STOPPED


def test_a_corpus_is_deleted_in_a_terminal_once_a_person_says_yes(
    tmp_path: Path, home: Home
) -> None:
    main(["import", str(titles_file(tmp_path)), "--name", "one"])
    command = [sys.executable, "-m", "titletui", "corpora", "one", "--delete"]
    for answer, code, left in (("n", 1, ["one"]), ("y", 0, [])):
        with Terminal(command) as terminal:
            terminal.until("Delete the corpus one with 50 papers?")
            terminal.press(f"{answer}\r")
            assert terminal.ended() == code
        with CorpusStore(home.corpus_db) as store:
            assert [summary.name for summary in store.corpora()] == left


def test_a_corpus_goes_through_a_pipe(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    main(["import", str(titles_file(tmp_path)), "--name", "one"])
    capfdbinary.readouterr()
    assert main(["export", "one", "-"]) == 0
    lines = capfdbinary.readouterr().out.splitlines()
    assert {json.loads(line)["title"] for line in lines} == {
        f"Title {n} with R[0,1] and [/b]" for n in range(50)
    }


def test_a_corpus_that_is_being_filled_is_not_deleted(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(papers(300), page=50) as server:
        point_to(server, monkeypatch, interval=0.2)
        assert main(["scrape", "cs.CL", "--detach"]) == 0
        assert main(["corpora", "cs.CL", "--delete", "--yes"]) == 1
        assert "is running; stop it first" in capsys.readouterr().err
        folder = Job(home.jobs / "harvest" / "cs.CL")
        until(lambda: folder.state is State.DONE)
        assert main(["corpora", "cs.CL", "--delete", "--yes"]) == 0
        with CorpusStore(home.corpus_db) as store:
            assert store.corpora() == []


def test_hostile_titles_are_printed_harmlessly(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "bad.txt"
    path.write_text("\x1b]0;owned\x07 evil evil\n\x9b31m \u202eevil words\n", encoding="utf-8")
    assert main(["import", str(path), "--name", "\u202ebad"]) == 0
    assert main(["corpora"]) == 0
    assert main(["corpora", "\u202ebad"]) == 0
    out, error = capsysbinary.readouterr()
    for harmful in (b"\x1b", b"\x07", "\x9b".encode(), "\u202e".encode()):
        assert harmful not in out
        assert harmful not in error


def test_a_large_corpus_is_said_to_be_measured_by_a_sample(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(statistics, "SAMPLE", 100)
    monkeypatch.setattr(statistics, "TOKENIZED", 10)
    with CorpusStore(home.corpus_db) as store:
        store.create("c")
        store.add("c", [Paper(id=f"2401.{n:05}", title=f"Speech {n}") for n in range(999)])
        newest = store.page("c").rows[1].id
        store.add("c", [Paper(id=newest, title="Speech", abstract="We study speech in rooms.")])
    assert main(["corpora", "c"]) == 0
    said = capsys.readouterr().out
    assert "from an even sample of" in said
    assert "in tokens: mean" in said
