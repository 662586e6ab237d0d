"""Processes that write to the stores and say, line by line in a file, what they were told is saved.

`python -m tests.faults.store_writers star|harvest|migrate|hang …`; killed by the tests.
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
from titletui.shortlist.store import Library


def star(path: Path, said: Path, name: str) -> None:
    """Stars for ever; says the title and the seconds it took."""
    line = os.open(said, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with Library(path) as library:
        for number in range(10**9):
            title = f"Title {number} of {name} {os.getpid()}"
            began = time.perf_counter()
            library.star(title)
            os.write(line, f"{title}\t{time.perf_counter() - began:.6f}\n".encode())


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
    what, path, *rest = sys.argv[1:]
    match what:
        case "star":
            star(Path(path), Path(rest[0]), rest[1])
        case "harvest":
            harvest(Path(path), Path(rest[0]), rest[1])
        case "migrate":
            die_migrating(Path(path))
        case "hang":
            hang(Path(path))
