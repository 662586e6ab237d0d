"""Processes killed while they write: nothing that was said to be saved is lost."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Self

import psutil
import pytest

from titletui.shortlist.library import Library

REPOSITORY = Path(__file__).parents[2]
KILLS = 25
STARS = 100


class Writers:
    """Processes that write to the stores, started by one that has everything loaded."""

    def __init__(self) -> None:
        self._starter = subprocess.Popen(
            [sys.executable, "-m", "tests.support.store_writers", "start-others"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._running: set[int] = set()

    def start(self, kind: str, path: Path, said: Path, name: str) -> int:
        """Starts a writer and waits until it has saved something; returns its process id."""
        assert self._starter.stdin
        assert self._starter.stdout
        before = size(said)
        self._starter.stdin.write(f"{kind}\t{path}\t{said}\t{name}\n")
        self._starter.stdin.flush()
        pid = int(self._starter.stdout.readline())
        self._running.add(pid)
        until = time.monotonic() + 60
        while size(said) <= before:
            assert psutil.pid_exists(pid), "a writer ended by itself"
            assert time.monotonic() < until, "a writer saved nothing for a minute"
            time.sleep(0.005)
        return pid

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        self._running.remove(pid)
        while psutil.pid_exists(pid):
            time.sleep(0.001)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pid in list(self._running):
            self.kill(pid)
        self._starter.kill()
        self._starter.wait()


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@pytest.mark.fault("F55")
def test_nothing_is_lost_when_writers_and_starrers_are_killed(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    corpus, library = tmp_path / "corpus.db", tmp_path / "library.db"
    Library(library).close()
    jobs = [
        ("harvest", corpus, "a"),
        ("harvest", corpus, "b"),
        ("star", library, "c"),
        ("star", library, "d"),
    ]
    said = [tmp_path / f"said-{name}" for _, _, name in jobs]
    draw = random.Random(55)
    with Writers() as writers:
        running = [
            writers.start(kind, path, out, name)
            for (kind, path, name), out in zip(jobs, said, strict=True)
        ]
        for _ in range(KILLS):
            place = draw.randrange(len(jobs))
            time.sleep(draw.uniform(0, 0.1))
            writers.kill(running[place])
            kind, path, name = jobs[place]
            running[place] = writers.start(kind, path, said[place], name)
    for path in (corpus, library):
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with closing(sqlite3.connect(corpus)) as connection:
        ids = {one for (one,) in connection.execute("SELECT id FROM papers")}
    harvested = (said[0].read_text() + said[1].read_text()).splitlines()
    assert len(harvested) > 500
    lost = set(harvested) - ids
    starred = [line.split("\t") for out in said[2:] for line in out.read_text().splitlines()]
    with Library(library) as opened:
        kept = {one.text for one in opened.favourites()}
    lost |= {title for title, _ in starred} - kept
    record_property("records_lost", len(lost))
    assert not lost
    assert len(starred) > 20
    seconds = sorted(float(took) for _, took in starred)
    record_property("star_p99_ms", round(1000 * seconds[int(0.99 * len(seconds))], 1))
    assert seconds[int(0.99 * len(seconds))] < 2.5


@pytest.mark.fault("F56")
def test_a_star_that_is_shown_as_saved_survives_a_kill_at_once(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from titletui.shortlist.library import Library\n"
        "for number in range(int(sys.argv[2])):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        library = Library(Path(sys.argv[1]))\n"
        "        library.star(f'Title {number}')\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    _, status = os.waitpid(child, 0)\n"
        "    assert os.WTERMSIG(status) == signal.SIGKILL\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(path), str(STARS)], check=True, env=dict(os.environ)
    )
    with Library(path) as library:
        kept = library.favourites(sort="order")
        assert [one.text for one in kept] == [f"Title {number}" for number in range(STARS)]
        assert library.undo() == f"starred “Title {STARS - 1}”"
