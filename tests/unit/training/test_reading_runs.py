"""Runs are read a little at a time, the end of a long log first."""

import os
from pathlib import Path

import msgspec
import pytest

from tests.support.run_folders import run_folder
from titletui.jobs.event_log import EventLog, EventTail
from titletui.jobs.events import Note, Step
from titletui.jobs.job import Job, JobResult
from titletui.paths import Home
from titletui.tui.train import run_status
from titletui.tui.train.run_status import RunReader

MANY = 120_000


def long_run(home: Home) -> Job:
    job = run_folder(home, "long", [3.0], steps=MANY, ended=JobResult(outcome="done"))
    encode = msgspec.json.Encoder().encode
    with job.events.open("ab") as file:
        for step in range(2, MANY + 1):
            event = Step(step=step, loss=2.0, average=2.5, rate=1e-4, tokens=400, speed=812.0)
            file.write(encode(event) + b"\n")
    return job


@pytest.mark.fault("F37")
def test_the_end_of_a_long_log_is_there_at_once_and_the_whole_of_it_soon(home: Home) -> None:
    job = long_run(home)
    watch = RunReader(home.jobs)
    lines, shown = watch.look()
    view = shown["long"].view
    assert view.step == MANY
    assert lines[0].standing == "2.50"
    assert view.bad_lines == 0
    for _ in range(200):
        lines, shown = watch.look()
        if lines[0].read:
            break
    assert shown["long"].view.steps_done == list(range(1, MANY + 1))
    assert shown["long"].view.job == job


def test_a_log_read_in_portions_gives_the_same_events(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        for number in range(60_000):
            log.append(Note(text=f"{number} " + "x" * 40))
    whole = EventTail(path).read()
    tail = EventTail(path)
    portions = []
    while tail.unread:
        portions += tail.read(1 << 20)
    assert [event.t for event in portions] == [event.t for event in whole]
    assert tail.bad == 0


def test_the_last_bytes_begin_at_a_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        for number in range(100):
            log.append(Note(text=str(number)))
    tail = EventTail(path)
    tail.skip_to_last(200)
    texts = [event.text for event in tail.read() if isinstance(event, Note)]
    assert texts[-1] == "99"
    assert 1 <= len(texts) < 10
    assert tail.bad == 0
    short = EventTail(path)
    short.skip_to_last(1 << 20)
    assert len(short.read()) == 100


def test_a_run_that_is_done_is_not_read_again(home: Home) -> None:
    run_folder(home, "newer", [3.0] * 5, ended=JobResult(outcome="done"))
    old = run_folder(home, "old", [3.0] * 5, ended=JobResult(outcome="done"))
    watch = RunReader(home.jobs)
    watch.look({"newer"})
    before = os.stat(old.events).st_mtime
    old.events.write_bytes(b"")
    os.utime(old.events, (before, before))
    lines, _ = watch.look({"newer"})
    assert {line.name: line.standing for line in lines} == {"newer": "3.00", "old": "3.00"}


def test_a_run_that_there_was_no_time_for_is_read_in_the_next_look(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("old", "newer"):
        run_folder(home, name, [3.0] * 50, ended=JobResult(outcome="done"))
    monkeypatch.setattr(run_status, "_PIECE", 1000)
    watch = RunReader(home.jobs)
    with monkeypatch.context() as hurried:
        hurried.setattr(run_status, "_BUDGET", 0.0)
        lines, _ = watch.look({"newer"})
        assert [line.read for line in lines] == [False, False]
    for _ in range(200):
        lines, _ = watch.look({"newer"})
        if all(line.read for line in lines):
            break
    assert {line.name: line.standing for line in lines} == {"newer": "3.00", "old": "3.00"}


def test_a_line_that_is_still_being_written_is_waited_for(home: Home) -> None:
    job = run_folder(home, "torn", [3.0] * 5, steps=50, ended=JobResult(outcome="stopped"))
    line = msgspec.json.encode(Step(step=6, loss=2.0, average=2.0, rate=1e-4)) + b"\n"
    with job.events.open("ab") as file:
        file.write(line[:20])
    watch = RunReader(home.jobs)
    lines, shown = watch.look()
    assert (lines[0].read, shown["torn"].view.step, shown["torn"].view.bad_lines) == (True, 5, 0)
    with job.events.open("ab") as file:
        file.write(line[20:])
    assert watch.look()[1]["torn"].view.step == 6


def test_a_run_that_was_deleted_is_gone(home: Home) -> None:
    job = run_folder(home, "gone", [3.0], ended=JobResult(outcome="done"))
    watch = RunReader(home.jobs)
    assert len(watch.look()[0]) == 1
    job.delete()
    assert watch.look() == ([], {})
