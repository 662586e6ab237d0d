"""Processes that write to the stores and say, line by line in a file, what they were told is saved.

`python -m tests.support.store_writers start-others|migrate|hang …`; killed by the tests.
"""

import os
import signal
import sqlite3
import sys
import time
from pathlib import Path

from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.database import Migration, open_database
from titletui.shortlist.library import Library

PAUSE = 0.02


def star(path: Path, said: Path, name: str) -> None:
    """Stars for ever; says the title and the seconds it took.

    Whoever takes a lock again the moment it lets go keeps all others out: hence the pauses.
    """
    line = os.open(said, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with Library(path) as library:
        for number in range(10**9):
            title = f"Title {number} of {name} {os.getpid()}"
            began = time.perf_counter()
            library.star(title)
            os.write(line, f"{title}\t{time.perf_counter() - began:.6f}\n".encode())
            time.sleep(PAUSE)


def harvest(path: Path, said: Path, name: str) -> None:
    """Adds pages of 50 papers for ever; says the ids."""
    line = os.open(said, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with CorpusStore(path) as store:
        store.create(name)
        for number in range(10**9):
            ids = [f"x-{name}-{os.getpid()}-{number}-{i}" for i in range(50)]
            store.add(
                name, [Paper(id=one, title=f"Paper {one}", abstract="a " * 80) for one in ids]
            )
            os.write(line, "".join(f"{one}\n" for one in ids).encode())
            time.sleep(PAUSE)


def start_others() -> None:
    """Starts a writer for each line of standard input, in a process that is ready at once."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        kind, path, said, name = line.rstrip("\n").split("\t")
        child = os.fork()
        if child == 0:
            (star if kind == "star" else harvest)(Path(path), Path(said), name)
        print(child, flush=True)


def die_migrating(path: Path) -> None:
    """Is killed within its second migration."""

    def second(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("CREATE TABLE half (text TEXT)")
        connection.executemany("INSERT INTO half VALUES (?)", [("x" * 1000,)] * 500)
        connection.execute("UPDATE favourites SET note = 'half migrated'")
        os.kill(os.getpid(), signal.SIGKILL)

    from titletui.shortlist.schema import MIGRATIONS

    migrations: list[Migration] = [*MIGRATIONS, second]
    open_database(path, migrations)


def hang(path: Path) -> None:
    """Takes the lock and stops."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    print("held", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["start-others"]:
            start_others()
        case ["migrate", path]:
            die_migrating(Path(path))
        case ["hang", path]:
            hang(Path(path))
