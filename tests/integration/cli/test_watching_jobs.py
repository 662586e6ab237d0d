"""Jobs are followed from the command line."""

import pytest

from tests.support.processes import counting, until
from titletui.cli import job_progress
from titletui.cli.job_progress import JobProgress, follow
from titletui.jobs.events import Progress
from titletui.jobs.job import State
from titletui.paths import Home


def interrupted_at(monkeypatch: pytest.MonkeyPatch, *looks: int) -> None:
    """Presses Ctrl-C while `follow` waits for its next look."""
    seen = iter(range(1, 1_000_000))

    def pressed(_: float) -> None:
        if next(seen) in looks:
            raise KeyboardInterrupt

    monkeypatch.setattr("titletui.cli.job_progress.time.sleep", pressed)


def test_a_second_ctrl_c_leaves_the_job_alone(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job = counting(home, "cs.CL", environment={"TITLETUI_LINGER": "2"})
    until(lambda: job.tail().read())
    with monkeypatch.context() as patch:
        interrupted_at(patch, 1, 2)
        assert follow(job, JobProgress(job), stopping="Stopping.", left="Left.") == "left"
    assert capsys.readouterr().err.split() == ["Stopping.", "Left."]
    until(lambda: job.state is State.STOPPED)


def test_a_job_that_takes_long_to_stop_is_left_alone(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job = counting(home, "cs.CL", environment={"TITLETUI_LINGER": "2"})
    until(lambda: job.tail().read())
    with monkeypatch.context() as patch:
        interrupted_at(patch, 1)
        end = follow(job, JobProgress(job), stopping="Stopping.", left="Left.", stop_timeout=0.0)
    assert end == "left"
    assert "cs.CL takes long to stop. Left." in capsys.readouterr().err


def test_without_a_terminal_it_says_now_and_then_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    far = Progress(
        done=1200, fraction=0.5, day="2024-05-01", eta=5_500.0, waiting="arXiv is silent"
    )
    with job_progress.ProgressLine("cs.CL") as line:
        line.update(far)
        assert capsys.readouterr().err == "", "it has only begun"
        monkeypatch.setattr(job_progress, "_PLAIN_EVERY", -1.0)
        line.update(far)
        line.say("A page was broken.")
    assert capsys.readouterr().err.splitlines() == [
        "cs.CL: 50 % · 1,200 papers · 2024-05-01 · 1 h 32 min left · arXiv is silent",
        "A page was broken.",
    ]
