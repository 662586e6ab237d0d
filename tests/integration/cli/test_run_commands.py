"""runs, watch, stop and train, as a script or a person calls them on runs that there are."""

import json
import math
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.disks import read_only_folder
from tests.support.processes import until
from tests.support.run_folders import held, overfit_run, run_folder
from tests.support.terminal import QUIT, Terminal
from titletui.cli import main
from titletui.cli.run_report import estimate
from titletui.corpus.store import CorpusStore
from titletui.jobs.events import AnyEvent, Diverged, Evaluated, HeldoutRising, Note, Progress
from titletui.jobs.job import JobResult
from titletui.jobs.lifetime import lifetime_limits
from titletui.paths import Home
from titletui.training.estimate import Forecast

DONE = JobResult(outcome="done")


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-V"]) == 0
    assert capsys.readouterr().out.startswith("titletui ")


def test_without_runs_the_list_says_how_one_is_started(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["runs"]) == 0
    out, error = capsys.readouterr()
    assert out == ""
    assert "`titletui train CORPUS` starts one" in error
    assert main(["runs", "--json"]) == 0
    assert capsys.readouterr() == ("", "")


def test_runs_are_listed_a_line_each_and_one_of_them_with_all_its_figures(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    overfit_run(home)
    more: list[AnyEvent] = [
        HeldoutRising(step=50, best=20),
        Note(text="a checkpoint was damaged", level="warning"),
        Evaluated(step=60, figures={"copies": 0.07}, words={"corpus": [("speech", 40)]}),
    ]
    ended = JobResult(outcome="failed", code=1, reason="out of memory", advice="Use less.")
    job = run_folder(home, "sad-1", [3.0] * 60, more=more, ended=ended)
    with job.events.open("ab") as file:
        file.write(b"{garbage\n")
    assert main(["runs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["sad-1", "over"]
    assert "held-out" in lines[0]
    assert main(["runs", "sad-1"]) == 0
    said = capsys.readouterr().out
    for part in (
        "The held-out loss is above its best since step 20.", "copies 0.0700",
        "words of the corpus: speech",
        "warning: a checkpoint was damaged", "1 lines of the log could not be read",
        "out of memory. Use less.",
    ):  # fmt: skip
        assert part in said
    assert main(["runs", "over"]) == 0
    said = "The model has memorized its titles since step 431: the loss is 0.097, under 0.1."
    assert said in capsys.readouterr().out
    assert main(["runs", "over", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["overfit_step"], facts["corpus"], facts["state"]) == (431, "eess.AS", "done")


def test_a_run_whose_plan_cannot_be_read_is_listed_with_the_reason(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    job = run_folder(home, "bad-1", [3.0] * 10, ended=DONE)
    (job.path / "spec.json").write_text("{")
    assert main(["runs", "bad-1"]) == 0
    assert "spec.json is damaged" in capsys.readouterr().out
    assert main(["runs", "bad-1", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert "corpus" not in facts
    assert "spec.json is damaged" in facts["reason"]


def test_watching_a_run_that_has_ended_shows_it_once_and_tells_how_it_ended(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    overfit_run(home)
    assert main(["watch", "over"]) == 0
    assert "has memorized its titles" in capsys.readouterr().err
    failed = JobResult(outcome="failed", reason="diverged at step 2")
    run_folder(home, "nan-1", [3.0, math.nan], more=[Diverged(step=2)], ended=failed)
    assert main(["watch", "nan-1"]) == 1
    assert "diverged at step 2" in capsys.readouterr().err
    waits = Progress(done=5, total=20, unit="MB", waiting="downloads gpt2")
    run_folder(home, "slow-1", [], steps=5, more=[waits], ended=failed)
    assert main(["watch", "slow-1"]) == 1
    assert "0/5" in capsys.readouterr().err


def test_a_run_that_is_over_is_stopped_already(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    job = run_folder(home, "a-1", [3.0] * 10, ended=DONE)
    assert main(["stop", "a-1"]) == 0
    assert "a-1 is done already." in capsys.readouterr().err
    assert not job.stop_requested


def test_the_name_of_a_run_that_is_there_goes_on_with_it_or_watches_it(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    job = run_folder(home, "a-1", [3.0] * 10, steps=500, ended=JobResult(outcome="stopped"))
    with held(job):
        assert main(["train", "eess.AS", "--run", "a-1", "--detach"]) == 0
    out, error = capsys.readouterr()
    assert "watching it" in error
    assert out == "a-1\n"
    began = job.began
    assert main(["train", "eess.AS", "--run", "a-1", "--detach", "--json"]) == 0
    out, error = capsys.readouterr()
    assert "a-1 resumes." in error
    assert json.loads(out)["name"] == "a-1"
    until(lambda: job.began != began)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "toy", "--set", "steps"], "--set takes KEY=VALUE, not 'steps'"),
        (["train", "toy", "--set", "colour=red"], "colour"),
        (["watch", "nope"], "There is no run named 'nope'; there is none yet"),
        (["runs", "nope"], "There is no run named 'nope'"),
        (["continue", "nope", "--estimate"], "nope"),
    ],
)
def test_bad_input_is_one_clear_sentence(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert message in error
    assert len(error.splitlines()) == 1


def test_an_estimate_says_what_is_known_and_no_more() -> None:
    assert estimate(Forecast()) == []
    whole = Forecast(
        examples=90, tokens=900, heldout=10, steps=12, epochs=2.0, parameters=5_600_000,
        memory=2_000_000_000, seconds=8_000.0, problem="It is too large.", note="Measured.",
    )  # fmt: skip
    assert estimate(whole) == [
        "90 examples, 900 title tokens; 10 held out",
        "12 steps, 2 epochs",
        "5.6 million parameters",
        "memory: 2.00 GB, an unknown amount free",
        "time: about 2 h 13 min, without evaluations",
        "note: Measured.",
        "it does not fit: It is too large.",
    ]


def test_a_port_that_is_taken_is_told_before_anything_is_served(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert main(["serve", "--port", str(other.getsockname()[1])]) == 1
    assert "choose one with --port" in capsys.readouterr().err


def test_the_app_needs_a_terminal() -> None:
    command = [sys.executable, "-m", "titletui"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "titletui: The app needs a terminal; `titletui --help` lists commands for scripts."
    ]


def test_leaving_the_app_says_what_goes_on_without_it(home: Home) -> None:
    job = run_folder(home, "a-1", [3.0] * 10, steps=500)
    with held(job), Terminal() as terminal:
        terminal.until("● a-1 step 10")
        terminal.press(QUIT)
        assert terminal.ended() == 0
        assert "a-1 trains on; `titletui` shows it again." in terminal.text


@pytest.mark.fault("F60")
def test_on_a_disk_that_cannot_be_written_the_lists_are_shown_and_why_nothing_can_be_kept(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["shortlist", "--add", "A Title"]) == 0
    with CorpusStore(home.corpus_db) as store:
        store.create("a")
    capsys.readouterr()
    with read_only_folder(home.data) as folder:
        monkeypatch.setenv("TITLETUI_HOME", str(folder))
        assert main(["shortlist"]) == 0
        out, error = capsys.readouterr()
        assert out.startswith("A Title")
        assert "nothing can be starred" in error
        assert main(["corpora"]) == 0
        out, error = capsys.readouterr()
        assert out.startswith("a ")
        assert "cannot be written" in error


def test_ctrl_c_ends_the_watching_and_not_the_run(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job = run_folder(home, "a-1", [3.0] * 10, steps=500)

    def pressed(_: float) -> None:
        raise KeyboardInterrupt

    with held(job), monkeypatch.context() as patch:
        patch.setattr("titletui.cli.job_progress.time.sleep", pressed)
        assert main(["watch", "a-1"]) == 130
    assert "a-1 keeps running; `titletui watch a-1` shows it again." in capsys.readouterr().err
    assert not job.stop_requested


def test_a_machine_that_ends_processes_at_logout_warns_at_the_start(
    home: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "logind.conf").write_text("[Login]\nKillUserProcesses=yes\n")
    monkeypatch.setattr(lifetime_limits, "__defaults__", (os.environ, tmp_path, [tmp_path]))
    job = run_folder(home, "a-1", [3.0] * 10, steps=500)
    with held(job):
        assert main(["train", "eess.AS", "--run", "a-1", "--detach"]) == 0
    assert "Run `loginctl enable-linger` once" in capsys.readouterr().err
    assert main(["doctor"]) == 0
    assert "KillUserProcesses=yes" in capsys.readouterr().out
