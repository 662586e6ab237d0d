"""A job is a folder and a detached process, and nothing else."""

import os
import platform
import signal
import stat
from pathlib import Path

import msgspec
import pytest

from tests.support.disks import small_disk
from tests.support.processes import Nothing, counting, processes_of, start_counting, until
from tests.support.run_folders import held
from titletui.errors import TitletuiError, UsageError
from titletui.jobs import launch, process_lock, slurm_queue
from titletui.jobs.event_log import EventLog, EventTail
from titletui.jobs.events import AnyEvent, Ended, Note, Progress, Started, Step
from titletui.jobs.job import Job, JobResult, State, create_job, find_job, list_jobs
from titletui.paths import Home


def numbers(folder: Job) -> list[int]:
    return [event.done for event in folder.tail().read() if isinstance(event, Progress)]


def test_a_job_runs_in_a_session_of_its_own_and_is_done(home: Home) -> None:
    folder = counting(home, "short", "5")
    until(lambda: folder.state is State.DONE)
    assert numbers(folder) == [1, 2, 3, 4, 5]
    assert isinstance(folder.tail().read()[-1], Ended)
    assert folder.exit is not None
    assert folder.exit.code == 0


def test_a_running_job_outlives_who_started_it_and_stops_when_asked(home: Home) -> None:
    folder = counting(home, "long")
    until(lambda: numbers(folder))
    supervisor, worker = processes_of(folder)
    assert folder.state is State.RUNNING
    assert os.getsid(worker.pid) == os.getsid(supervisor.pid) == supervisor.pid != os.getsid(0)
    assert worker.open_files()
    assert os.readlink(f"/proc/{worker.pid}/fd/0") == "/dev/null"
    launch.stop(folder)
    launch.stop(folder)
    until(lambda: folder.state is State.STOPPED)
    until(lambda: not processes_of(folder))


def test_a_stop_request_in_the_folder_is_enough(home: Home) -> None:
    folder = counting(home, "asked")
    until(lambda: numbers(folder))
    folder.request_stop()
    assert folder.state in (State.STOPPING, State.STOPPED)
    until(lambda: folder.state is State.STOPPED)


def test_a_stopped_job_goes_on_in_the_same_folder(home: Home) -> None:
    folder = counting(home, "twice")
    until(lambda: numbers(folder))
    launch.stop(folder)
    until(lambda: folder.state is State.STOPPED)
    start_counting(folder, "3")
    until(lambda: folder.state is State.DONE)
    starts = [event for event in folder.tail().read() if isinstance(event, Started)]
    assert len(starts) == 2


def test_a_running_job_is_not_started_twice(home: Home) -> None:
    folder = counting(home, "once")
    until(lambda: folder.state is State.RUNNING)
    with pytest.raises(TitletuiError, match="running already"):
        launch.start(folder)
    launch.stop(folder)
    until(lambda: folder.state is State.STOPPED)


def test_a_worker_that_fails_says_why_in_one_line(home: Home) -> None:
    folder = counting(home, "wrong", "-1")
    until(lambda: folder.state is State.FAILED)
    assert folder.exit is not None
    assert folder.exit.reason == "ValueError: cannot count below zero"
    assert "Traceback" in "\n".join(folder.last_log_lines())


def test_a_name_is_taken_once(home: Home) -> None:
    create_job(home.jobs, "run", "one", Nothing())
    with pytest.raises(TitletuiError, match="already"):
        create_job(home.jobs, "run", "one", Nothing())


@pytest.mark.parametrize("name", ["starter", "new", "a@b", "a@best"])
def test_a_run_cannot_have_the_name_of_another_model(home: Home, name: str) -> None:
    with pytest.raises(UsageError, match="is not a valid run name"):
        create_job(home.jobs, "run", name, Nothing())
    run = create_job(home.jobs, "run", "mine", Nothing())
    with pytest.raises(UsageError, match="is not a valid run name"):
        run.rename(name)
    assert create_job(home.jobs, "harvest", name, Nothing()).name == name


def test_an_unknown_job_is_answered_with_the_known_ones(home: Home) -> None:
    with pytest.raises(UsageError, match="there is none yet"):
        find_job(home.jobs, "run", "two")
    create_job(home.jobs, "run", "one", Nothing())
    with pytest.raises(UsageError, match="there are: one"):
        find_job(home.jobs, "run", "two")


def test_jobs_are_listed_the_newest_first(home: Home) -> None:
    for name in ("b", "a", "c"):
        create_job(home.jobs, "run", name, Nothing())
    assert [job.name for job in list_jobs(home.jobs)] == ["c", "a", "b"]


def test_a_deleted_job_is_gone_and_a_running_one_is_not_deleted(home: Home) -> None:
    folder = counting(home, "gone")
    until(lambda: folder.state is State.RUNNING)
    with pytest.raises(TitletuiError, match="running"):
        folder.delete()
    launch.stop(folder)
    until(lambda: folder.state is State.STOPPED)
    folder.delete()
    assert list_jobs(home.jobs) == []
    assert os.listdir(folder.path.parent) == []


def test_only_the_owner_reads_a_job(home: Home) -> None:
    before = os.umask(0)
    try:
        folder = counting(home, "private", "1")
    finally:
        os.umask(before)
    until(lambda: folder.state is State.DONE)
    for path in (folder.path, *folder.path.iterdir(), home.jobs):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_job_is_given_no_secret_of_another_program(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("HF_TOKEN", "hf_hunter3")
    folder = counting(home, "secretive")
    until(lambda: folder.state is State.RUNNING)
    for process in processes_of(folder):
        assert "hunter" not in str(process.environ())
    launch.stop(folder)
    until(lambda: folder.state is State.STOPPED)
    assert launch.worker_environment("run")["HF_TOKEN"] == "hf_hunter3"


def test_events_come_back_as_they_were_said(tmp_path: Path) -> None:
    said: list[AnyEvent] = [
        Started(pid=1, step=3),
        Step(step=4, loss=None, average=1.5, rate=0.1),
        Note(text="é\n"),
    ]
    with EventLog(tmp_path / "events.jsonl") as log:
        for event in said:
            log.append(event)
    assert EventTail(tmp_path / "events.jsonl").read() == said


def test_a_tail_gives_each_event_once(tmp_path: Path) -> None:
    tail = EventTail(tmp_path / "events.jsonl")
    assert tail.read() == []
    with EventLog(tail.path) as log:
        log.append(Note(text="a"))
        assert [event.text for event in tail.read() if isinstance(event, Note)] == ["a"]
        log.append(Note(text="b"))
        log.append(Note(text="c"))
        assert [event.text for event in tail.read() if isinstance(event, Note)] == ["b", "c"]
    assert tail.read() == []


def test_a_signal_goes_only_to_the_process_that_holds_the_lock(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not process_lock.signal_holder(path, signal.SIGTERM)
    held = process_lock.Lock(path)
    holder = process_lock.holder(path)
    assert holder is not None
    assert (holder.pid, holder.alive) == (os.getpid(), True)
    held.release()
    assert not process_lock.is_held(path)
    assert not process_lock.signal_holder(path, signal.SIGKILL)


def test_a_work_of_another_shape_is_told_in_a_sentence(home: Home) -> None:
    class Other(msgspec.Struct):
        needed: int

    folder = create_job(home.jobs, "run", "odd", Nothing())
    with pytest.raises(TitletuiError, match="cannot be read"):
        folder.work(Other)


def test_the_end_of_an_earlier_worker_does_not_end_a_later_one(home: Home) -> None:
    folder = create_job(home.jobs, "run", "again", Nothing())
    folder.prepare()
    earlier = folder.began
    folder.record_exit(JobResult(outcome="failed", code=1), earlier)
    assert folder.exit is not None
    folder.prepare()
    folder.record_exit(JobResult(outcome="failed", code=1), earlier)
    assert folder.state is State.STARTING


def test_folders_are_one_job_by_their_path_and_empty_lines_are_no_events(home: Home) -> None:
    folder = create_job(home.jobs, "run", "one", Nothing())
    assert {folder, Job(folder.path)} == {folder}
    with EventLog(folder.events) as log:
        log.append(Note(text="first"))
    with folder.events.open("ab") as file:
        file.write(b"\n\n")
    tail = folder.tail()
    assert [event.text for event in tail.read() if isinstance(event, Note)] == ["first"]
    assert tail.bad == 0


def test_a_running_job_keeps_its_name_and_a_link_is_not_deleted(home: Home) -> None:
    folder = create_job(home.jobs, "run", "one", Nothing())
    with held(folder), pytest.raises(TitletuiError, match="one is running; stop it before"):
        folder.rename("two")
    link = home.jobs / "run" / "link"
    link.symlink_to(folder.path)
    with pytest.raises(TitletuiError, match="is a symbolic link; remove it by hand"):
        Job(link).delete()
    assert folder.path.is_dir()


def test_a_job_whose_log_cannot_be_written_is_not_started(home: Home) -> None:
    folder = create_job(home.jobs, "run", "one", Nothing())
    folder.log.mkdir()
    with pytest.raises(TitletuiError, match="one cannot be started"):
        launch.start(folder)


def test_a_folder_of_jobs_that_is_none_is_told(home: Home) -> None:
    home.jobs.mkdir(exist_ok=True)
    (home.jobs / "run").write_text("in the way")
    with pytest.raises(TitletuiError, match=r"run cannot be read \(Not a directory\)"):
        list_jobs(home.jobs)


@pytest.mark.parametrize("system", ["Linux", "Darwin"])
def test_a_process_is_known_by_its_start_on_every_system(
    monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    mine = process_lock.identity(os.getpid())
    assert mine is not None
    assert mine == process_lock.identity(os.getpid())
    assert mine != process_lock.identity(os.getppid())
    assert process_lock.identity(1 << 22) is None


@pytest.mark.parametrize("with_descriptors", [True, False])
def test_only_the_holder_itself_is_signalled_with_or_without_process_descriptors(
    home: Home, monkeypatch: pytest.MonkeyPatch, with_descriptors: bool
) -> None:
    if not with_descriptors:
        monkeypatch.delattr(os, "pidfd_open")
    folder = create_job(home.jobs, "run", "one", Nothing())
    with held(folder):
        who = process_lock.holder(folder.lock)
        assert who is not None
        for wrong in (
            msgspec.structs.replace(who, start="1"),
            msgspec.structs.replace(who, pid=1 << 22),
        ):
            folder.lock.write_bytes(msgspec.json.encode(wrong))
            assert not process_lock.signal_holder(folder.lock, signal.SIGTERM)
        assert folder.state is State.RUNNING
        folder.lock.write_bytes(msgspec.json.encode(who))
        assert process_lock.signal_holder(folder.lock, signal.SIGKILL)
        until(lambda: not process_lock.is_held(folder.lock))


def test_a_queue_that_nobody_can_ask_leaves_a_job_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ticket = slurm_queue.SlurmTicket("7", 1.0)
    assert slurm_queue.ask(tmp_path, ticket, anew=True).place is slurm_queue.Place.UNKNOWN
    assert not slurm_queue.cancel(tmp_path, ticket)


def test_an_event_that_a_full_disk_cut_does_not_spoil_the_next_one(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        path = disk / "events.jsonl"
        with EventLog(path) as log:
            log.append(Note(text="first"))

            def fill() -> None:
                for _ in range(100):
                    log.append(Note(text="x" * 3_000))

            with pytest.raises(OSError, match="No space left"):
                fill()
            whole = path.read_bytes().count(b"\n")
            assert not path.read_bytes().endswith(b"\n")
            os.truncate(path, path.stat().st_size - 1_000)
            log.append(Note(text="last"))
        tail = EventTail(path)
        assert [event.text for event in tail.read() if isinstance(event, Note)][-1] == "last"
        assert tail.bad == 1
        assert path.read_bytes().count(b"\n") == whole + 2
