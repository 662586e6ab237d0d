"""`titletui generate`, as a script uses it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.models import TITLES, tiny_gpt2
from tests.support.processes import Nothing, until
from tests.support.terminal import Terminal
from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.generation.mbr import agreement
from titletui.jobs.job import create_job
from titletui.paths import Home


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gpt2(tmp_path_factory.mktemp("model"))


def generate(*arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "titletui", "generate", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--temperature", "hot"], "--temperature"),
        (["--temperature", "-1"], "--temperature"),
        (["--temperature", "nan"], "--temperature"),
        (["-n", "0"], "-n"),
        (["-n", "1001"], "-n"),
        (["--top-p", "0"], "--top-p"),
        (["--top-k", "1.5"], "--top-k"),
        (["--length", "0"], "--length"),
        (["--seed", "x"], "--seed"),
        (["--year", "soon"], "--year"),
        (["--abstract", "/nowhere"], "/nowhere"),
        (["--against", "nowhere"], "nowhere"),
    ],
)
def test_a_bad_value_is_refused_in_one_sentence(arguments: list[str], said: str) -> None:
    done = generate(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_each_title_is_one_object_with_its_score_and_novelty(home: Home, model: Path) -> None:
    asked = ["--model", str(model), "-n", "4", "--length", "6", "--seed", "3", "--prefix", "Neur"]
    with CorpusStore(home.corpus_db) as store:
        store.create("mine")
        store.add("mine", [Paper(id="2301.00001", title=TITLES[0])])
    done = generate(*asked, "--json", "--against", "mine")
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == 4
    for title in found:
        assert set(title) == {"text", "perplexity", "tokens", "novelty", "seed", "model"}
        assert set(title["novelty"]) == {"kind", "similarity", "id", "title"}
        assert title["text"].startswith("Neur")
        assert (title["seed"], title["model"]) == (3, str(model))
    again = generate(*asked)
    assert sorted(again.stdout.splitlines()) == sorted(
        line for line in again.stdout.splitlines() if line.startswith("Neur")
    )
    assert len(again.stdout.splitlines()) == 4


def test_an_abstract_comes_from_standard_input(model: Path) -> None:
    done = generate("--model", str(model), "-n", "1", "--abstract", "-", stdin="We study x. " * 80)
    assert done.returncode == 0
    assert "left out" in done.stderr
    assert generate("--model", str(model), "--abstract", "-").returncode == 2


def test_only_new_titles_are_printed_until_there_are_enough(home: Home, model: Path) -> None:
    asked = ["--model", str(model), "--length", "1", "--prefix", "Neural", "--temperature", "0.3"]
    first = generate(*asked, "-n", "30", "--seed", "1", "--json")
    copies = sorted({json.loads(line)["text"] for line in first.stdout.splitlines()})[:5]
    with CorpusStore(home.corpus_db) as store:
        store.create("mine")
        store.add("mine", [Paper(id=f"2301.{n:05}", title=text) for n, text in enumerate(copies)])
    done = generate(*asked, "-n", "30", "--seed", "1", "--json", "--new-only")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(title["novelty"]["kind"] == "new" for title in found)
    if done.returncode == 0:
        assert len(found) == 30
    else:
        assert "are new" in done.stderr


def test_an_unknown_model_fails_with_one_sentence() -> None:
    done = generate("--model", "/nowhere/model")
    assert done.returncode in (1, 2)
    assert len(done.stderr.strip().splitlines()) == 1


def test_ctrl_c_ends_it_with_130_and_leaves_no_server(model: Path) -> None:
    command = ["generate", "--model", str(model), "-n", "1000", "--length", "200"]
    process = subprocess.Popen(
        [sys.executable, "-m", "titletui", *command], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    servers = [int(pid) for pid in children.read_text().split()] if children.exists() else []
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(20) == 130
    process.stdout.close()
    until(lambda: not any(Path(f"/proc/{server}").exists() for server in servers))


def test_the_title_that_says_what_most_say_can_come_first(home: Home, tmp_path: Path) -> None:
    abstract = tmp_path / "abstract.txt"
    abstract.write_text("We track underwater gliders under ice with a Kalman filter.")
    asked = ["--abstract", str(abstract), "-n", "5", "--seed", "2"]
    plain = generate(*asked)
    done = generate(*asked, "--sort", "agreement")
    assert done.returncode == 0, done.stderr
    titles = done.stdout.splitlines()
    assert sorted(titles) == sorted(plain.stdout.splitlines())
    shares = agreement(titles)
    assert shares == sorted(shares, reverse=True)


def test_new_titles_alone_end_when_there_are_enough(model: Path, home: Home) -> None:
    with CorpusStore(home.corpus_db) as store:
        store.create("one")
        store.add("one", [Paper(id="2401.00001", title="Speech")])
    done = generate("--model", str(model), "-n", "2", "--length", "6", "--new-only", "--json")
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["novelty"]["kind"] for one in found] == ["new", "new"]


def test_in_a_terminal_it_says_what_is_being_loaded(model: Path) -> None:
    words = ["generate", "--model", str(model), "-n", "1", "--length", "4"]
    with Terminal([sys.executable, "-m", "titletui", *words]) as terminal:
        terminal.until("loading ")
        assert terminal.ended() == 0


def test_an_empty_corpus_file_compares_with_nothing(home: Home, model: Path) -> None:
    home.corpus_db.touch()
    done = generate("--model", str(model), "-n", "1", "--length", "4", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["novelty"]["kind"] == "new"


def test_a_mistyped_run_is_not_looked_up_on_the_hub(home: Home) -> None:
    create_job(home.jobs, "run", "eess-as-1", Nothing())
    done = generate("--model", "eess-as-2")
    assert done.returncode == 2
    assert "eess-as-2 is neither a run nor a folder (did you mean eess-as-1?)" in done.stderr
