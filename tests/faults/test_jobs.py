"""Faults of processes and of the files between them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from tests.support.disks import read_only_folder
from tests.support.processes import (
    Nothing,
    counting,
    processes_of,
    start_counting,
    until,
    workers_of,
)
from titletui.jobs import launch, process_lock
from titletui.jobs.event_log import EventLog, EventTail
from titletui.jobs.events import Note, Progress, Step
from titletui.jobs.job import Job, JobResult, State, create_job, list_jobs
from titletui.paths import Home


def counted(folder: Job) -> list[int]:
    return [event.done for event in folder.tail().read() if isinstance(event, Progress)]


@pytest.mark.fault("F26")
def test_a_worker_goes_on_and_is_done_without_its_supervisor(home: Home) -> None:
    folder = counting(home, "orphan", "100")
    until(lambda: counted(folder))
    processes_of(folder)[0].kill()
    assert folder.state is State.RUNNING
    until(lambda: folder.state is State.DONE)
    assert counted(folder) == list(range(1, 101))


@pytest.mark.fault("F26")
def test_a_job_without_any_process_is_interrupted_and_can_go_on(home: Home) -> None:
    folder = counting(home, "dead")
    until(lambda: counted(folder))
    for process in processes_of(folder):
        process.kill()
    until(lambda: folder.state is State.INTERRUPTED)
    start_counting(folder, "2")
    until(lambda: folder.state is State.DONE)


@pytest.mark.fault("F34")
def test_a_killed_worker_is_told_from_a_failed_one(home: Home) -> None:
    folder = counting(home, "killed")
    until(lambda: counted(folder))
    assert launch.kill(folder)
    until(lambda: folder.state is State.FAILED)
    assert folder.exit is not None
    assert folder.exit.signal == signal.SIGKILL
    assert "killed (out of memory" in folder.exit.reason
    assert folder.state.resumable


@pytest.mark.fault("F36")
@pytest.mark.parametrize("change", ["start", "boot", "host"])
def test_a_reused_pid_a_reboot_and_another_host_are_never_signalled(
    home: Home, change: str
) -> None:
    bystander = subprocess.Popen(["sleep", "60"])
    folder = create_job(home.jobs, "run", "stale", Nothing())
    who = process_lock.identity(bystander.pid)
    assert who is not None
    stale = msgspec.structs.replace(who, **{change: "another"})
    folder.lock.write_bytes(msgspec.json.encode(stale))
    expected = State.REMOTE if change == "host" else State.INTERRUPTED
    assert folder.state is expected
    launch.stop(folder)
    assert not launch.kill(folder)
    time.sleep(0.2)
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


@pytest.mark.fault("F37")
def test_torn_and_foreign_lines_are_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        log.append(Note(text="first"))
    with path.open("ab") as file:
        file.write(b'garbage\n{"type":"unheard"}\n\xff\xfe\n{"type":"note","te')
    tail = EventTail(path)
    assert [event.text for event in tail.read() if isinstance(event, Note)] == ["first"]
    with EventLog(path) as log:
        log.append(Note(text="second"))
    assert [event.text for event in tail.read() if isinstance(event, Note)] == ["second"]
    assert tail.bad == 4


@pytest.mark.fault("F37")
def test_a_log_that_became_shorter_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        for number in range(10):
            log.append(Note(text=str(number)))
    tail = EventTail(path)
    assert len(tail.read()) == 10
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert len(tail.read()) == 1


@pytest.mark.fault("F37")
def test_a_million_lines_are_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    line = msgspec.json.encode(Step(step=1, loss=1.0, average=1.0, rate=0.1)) + b"\n"
    path.write_bytes(line * 1_000_000)
    began = time.monotonic()
    assert len(EventTail(path).read()) == 1_000_000
    assert time.monotonic() - began < 120


@pytest.mark.fault("F40")
def test_two_starts_at_once_make_one_worker(home: Home) -> None:
    folder = create_job(home.jobs, "harvest", "race", Nothing())
    code = (
        "import sys; from pathlib import Path; from titletui.jobs.job import Job;"
        "from tests.support.processes import start_counting;"
        "start_counting(Job(Path(sys.argv[1])))"
    )
    starters = [subprocess.Popen([sys.executable, "-c", code, str(folder.path)]) for _ in range(4)]
    assert {starter.wait() for starter in starters} <= {0, 1}
    until(lambda: counted(folder))
    until(lambda: len(workers_of(folder)) == 1)
    assert folder.state is State.RUNNING
    launch.stop(folder)
    until(lambda: folder.state is State.STOPPED)


@pytest.mark.fault("F41")
@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"\x00\xff", b'{"kind": "run"}', b"null"],
    ids=["empty", "half", "binary", "lacking", "null"],
)
def test_a_damaged_spec_leaves_the_other_jobs_alone(home: Home, damage: bytes) -> None:
    broken = create_job(home.jobs, "run", "broken", Nothing())
    whole = create_job(home.jobs, "run", "whole", Nothing())
    (broken.path / "spec.json").write_bytes(damage)
    states = {job.name: job.state for job in list_jobs(home.jobs)}
    assert states == {"broken": State.UNREADABLE, "whole": whole.state}
    with pytest.raises(Exception, match="cannot be read"):
        _ = Job(broken.path).spec


@pytest.mark.fault("F41")
def test_a_spec_of_a_newer_version_is_refused(home: Home) -> None:
    folder = create_job(home.jobs, "run", "newer", Nothing())
    spec = json.loads((folder.path / "spec.json").read_text())
    (folder.path / "spec.json").write_text(json.dumps({**spec, "schema": 99, "more": True}))
    assert Job(folder.path).state is State.UNREADABLE
    with pytest.raises(Exception, match="newer titletui"):
        _ = Job(folder.path).spec


@pytest.mark.fault("F41")
def test_a_damaged_exit_is_a_failure_that_can_be_resumed(home: Home) -> None:
    folder = counting(home, "bad-exit", "1")
    until(lambda: folder.state is State.DONE)
    (folder.path / "exit.json").write_bytes(b'{"outcome": "who knows"}')
    assert folder.state is State.FAILED
    assert folder.state.resumable
    start_counting(folder, "1")
    until(lambda: folder.state is State.DONE)


@pytest.mark.fault("F42")
def test_a_worker_that_cannot_even_begin_shows_its_last_words(home: Home) -> None:
    folder = create_job(home.jobs, "run", "no-module", Nothing())
    launch.start(folder, [sys.executable, "-c", "import no_such_module", str(folder.path)])
    until(lambda: folder.state is State.FAILED)
    assert folder.exit is not None
    assert "no_such_module" in folder.exit.reason


@pytest.mark.fault("F43")
def test_a_child_left_behind_does_not_look_like_a_worker(home: Home) -> None:
    folder = counting(home, "parent", environment={"TITLETUI_LEAVE_A_CHILD": "1"})
    until(lambda: counted(folder))
    worker = processes_of(folder)[1]
    (child,) = worker.children()
    assert launch.kill(folder)
    until(lambda: folder.state is State.FAILED)
    assert child.is_running()
    child.kill()


@pytest.mark.fault("F22")
def test_a_job_does_not_notice_that_its_starter_was_killed(home: Home) -> None:
    folder = create_job(home.jobs, "harvest", "survivor", Nothing())
    code = (
        "import os, signal, sys; from pathlib import Path;"
        "from titletui.jobs.job import Job;"
        "from tests.support.processes import start_counting;"
        "start_counting(Job(Path(sys.argv[1])));"
        "os.killpg(0, signal.SIGKILL)"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", code, str(folder.path)], start_new_session=True
    )
    assert starter.wait() == -signal.SIGKILL
    until(lambda: len(counted(folder)) > 5)
    assert os.getpid() not in {process.ppid() for process in processes_of(folder)[:1]}
    launch.stop(folder)
    until(lambda: folder.state is State.STOPPED)


@pytest.mark.fault("F34")
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("OSError(errno.ENOSPC, 'No space left')", "the disk is full"),
        ("OSError(errno.EROFS, 'Read-only', '/data/x')", "/data/x cannot be written"),
        ("MemoryError()", "out of memory"),
    ],
)
def test_what_a_machine_lacks_is_said_with_what_to_do(home: Home, fault: str, reason: str) -> None:
    folder = create_job(home.jobs, "run", "one", Nothing())
    assert worker(folder, fault).returncode == 1
    assert folder.state is State.FAILED
    assert folder.exit is not None
    assert folder.exit.reason == reason
    assert folder.exit.advice.endswith("then resume.")


@pytest.mark.fault("F34")
def test_a_worker_whose_folder_was_removed_ends_in_a_line(home: Home) -> None:
    folder = create_job(home.jobs, "run", "one", Nothing())
    ended = worker(folder, "(shutil.rmtree(sys.argv[1]) or ValueError('gone'))")
    assert ended.returncode == 1
    assert "exit.json: No such file or directory" in ended.stderr


def worker(folder: Job, fault: str) -> subprocess.CompletedProcess[str]:
    """A worker whose body raises `fault`."""
    code = (
        "import errno, shutil, sys\n"
        "from titletui.jobs.worker import run_worker\n"
        "def body(job):\n"
        f"    raise {fault}\n"
        "raise SystemExit(run_worker(body, sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", code, str(folder.path)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.fault("F60")
def test_a_job_on_a_disk_that_cannot_be_written_is_shown(home: Home) -> None:
    folder = create_job(home.jobs, "run", "one", Nothing())
    folder.record_exit(JobResult(outcome="done"), folder.began)
    folder.lock.touch()
    with read_only_folder(home.jobs) as jobs:
        (shown,) = list_jobs(jobs)
        assert not process_lock.is_held(shown.lock)
        assert shown.state is State.DONE
