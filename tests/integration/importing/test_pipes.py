"""Papers that come through a pipe are imported like those of a file."""

import gzip
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support.disks import small_disk
from tests.support.processes import until
from tests.support.terminal import Terminal
from titletui.corpus.store import CorpusStore
from titletui.errors import TitletuiError, UsageError
from titletui.importing.job import Source
from titletui.importing.line_reader import LineReader
from titletui.importing.stdin import receive_pipe, start_piped_import
from titletui.jobs.job import Job
from titletui.paths import Home

TITLES = "".join(f"Title number {n}\n" for n in range(500)).encode()


def titletui(*words: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "titletui", *words]
    return subprocess.run(command, input=given, capture_output=True, check=False, timeout=120)


def papers_of(home: Home, name: str) -> int:
    with CorpusStore(home.corpus_db) as store:
        return store.summary(name).papers


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
@pytest.mark.parametrize("data", [TITLES, gzip.compress(TITLES)], ids=["plain", "packed"])
def test_what_is_piped_in_is_imported(home: Home, name: str, data: bytes) -> None:
    done = titletui("import", name, given=data)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"piped: 500 papers (500 new")
    with CorpusStore(home.corpus_db) as store:
        assert store.summary("piped").source == "a pipe"
    assert not list(home.jobs.rglob("*piped-*"))


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_a_file_that_is_redirected_is_read_where_it_is(
    home: Home, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "mine.txt"
    path.write_bytes(TITLES)
    with path.open("rb") as file:
        command = [sys.executable, "-m", "titletui", "import", name]
        done = subprocess.run(command, stdin=file, capture_output=True, check=False, timeout=120)
    assert done.stdout.startswith(b"mine.txt: 500 papers (500 new")
    assert Job(home.jobs / "import" / "mine.txt").work(Source).path == str(path)


def test_a_named_pipe_gives_the_corpus_its_name(home: Home, tmp_path: Path) -> None:
    pipe = tmp_path / "fresh.csv"
    os.mkfifo(pipe)
    text = b"id,title\n2401.00001,One title\n2401.00002,Another title\n"
    threading.Thread(target=pipe.write_bytes, args=(text,), daemon=True).start()
    done = titletui("import", str(pipe))
    assert done.returncode == 0, done.stderr
    assert papers_of(home, "fresh") == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (b"", "What came through the pipe is empty"),
        (b"\x00\x01\x02" * 100, "What came through the pipe is no text"),
        (b'[{"id": "1"}]', "What came through the pipe is JSON, but no record"),
    ],
)
def test_a_pipe_without_papers_is_told_and_nothing_is_left(
    home: Home, given: bytes, message: str
) -> None:
    done = titletui("import", "-", given=given)
    assert done.returncode == 2
    assert done.stderr.decode().startswith(f"titletui: {message}")
    assert not list(home.jobs.rglob("*piped-*"))
    with CorpusStore(home.corpus_db) as store:
        assert store.corpora() == []


def test_a_second_pipe_into_the_same_corpus_is_read_too(home: Home) -> None:
    assert titletui("import", "-", "--name", "c", given=TITLES).returncode == 0
    assert titletui("import", "-", "--name", "c", given=b"One more title\n").returncode == 0
    assert papers_of(home, "c") == 501


def test_ctrl_c_while_the_pipe_is_read_leaves_nothing(home: Home) -> None:
    command = [sys.executable, "-m", "titletui", "import", "-"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(TITLES)
    process.stdin.flush()
    until(lambda: list(home.jobs.glob("import/.piped-*")))
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    process.stdin.close()
    assert not list(home.jobs.rglob("*piped-*"))


def test_what_was_taken_in_is_kept_until_all_is_in_the_store(home: Home, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    threading.Thread(target=pipe.write_bytes, args=(TITLES,), daemon=True).start()
    sizes: list[int] = []
    kept = receive_pipe(home, pipe, sizes.append)
    assert kept.read_bytes() == TITLES
    assert sizes == [len(TITLES)]
    folder = start_piped_import(home, Source(corpus="c", path=str(kept)))
    assert not kept.exists()
    until(lambda: not folder.state.alive)
    assert papers_of(home, "c") == 500
    assert not list(folder.path.glob("piped-*"))


def test_a_pipe_is_never_opened_where_a_file_is_wanted(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(UsageError, match="pipe it into `titletui import -`"):
            LineReader(path)


def test_what_a_killed_process_had_taken_in_is_cleared_away_by_the_next(home: Home) -> None:
    folder = home.jobs / "import"
    folder.mkdir(parents=True, mode=0o700)
    old, fresh = folder / ".piped-old", folder / ".piped-fresh"
    for left in (old, fresh):
        left.write_bytes(TITLES)
    os.utime(old, (0, 0))
    assert titletui("import", "-", given=TITLES).returncode == 0
    assert not old.exists()
    assert fresh.exists(), "another import may be taking it in"


def test_in_a_terminal_nothing_is_piped_in(home: Home) -> None:
    with Terminal([sys.executable, "-m", "titletui", "import", "-"]) as terminal:
        assert terminal.ended() == 2
        assert "Nothing is piped in" in terminal.text


def test_a_pipe_that_is_larger_than_the_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 512) as disk:
        (disk / "jobs").mkdir(mode=0o700)
        home = Home(disk, disk, disk, disk)
        fifo = tmp_path / "much.txt"
        os.mkfifo(fifo)
        feed = "import sys; open(sys.argv[1], 'wb').write(b'a title\\n' * 10**6)"
        feeder = subprocess.Popen(
            [sys.executable, "-c", feed, str(fifo)], stderr=subprocess.DEVNULL
        )
        told: list[int] = []
        with pytest.raises(TitletuiError, match=r"cannot be kept .*No space left.* free some"):
            receive_pipe(home, fifo, told.append)
        feeder.kill()
        feeder.wait()
        assert not list((disk / "jobs" / "import").iterdir())
