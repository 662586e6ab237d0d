"""How long a star takes to be on disk while others write: `python -m tests.benchmarks.stars`.

Two processes fill the corpus and a second one stars beside us, as in the fault F55 but without the
kills. The peer is one row and one commit into a bare SQLite file in the same folder, in turns with
ours; both wait for the disk.
"""

import argparse
import multiprocessing
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.shortlist.library import Library

BOUND = 0.25


def main() -> None:
    """Prints median, p95, p99 and the longest of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stars", type=int, default=400)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        with CorpusStore(home / "corpus.db") as store:
            for number in range(2):
                store.create(f"corpus-{number}")
        Library(home / "library.db").close()
        others = [
            multiprocessing.Process(target=harvest, args=[home, number], daemon=True)
            for number in range(2)
        ]
        others.append(multiprocessing.Process(target=star_on, args=[home], daemon=True))
        for name, busy in (("alone", []), ("beside two harvests and a starrer", others)):
            for one in busy:
                one.start()
            ours, bare = measure(home, options.stars, name)
            print(f"\n{name}, {options.stars} stars, milliseconds")
            for what, times in (("a star", ours), ("one row in a bare SQLite file", bare)):
                print(f"  {what:32}{figures(times)}")
            verdict = "yes" if quantile(ours, 0.99) < BOUND else "NO"
            print(f"  p99 under {1000 * BOUND:.0f} ms: {verdict}")
        for one in others:
            one.kill()


def measure(home: Path, stars: int, name: str) -> tuple[list[float], list[float]]:
    """Seconds of each star and of each bare row, in turns."""
    ours, bare = [], []
    peer = sqlite3.connect(home / f"{name}.db", isolation_level=None)
    peer.execute("PRAGMA synchronous = FULL")
    peer.execute("CREATE TABLE stars (id INTEGER PRIMARY KEY, title TEXT)")
    with Library(home / "library.db") as library:
        for number in range(stars):
            began = time.perf_counter()
            library.star(f"{name}: the title number {number}")
            between = time.perf_counter()
            peer.execute("INSERT INTO stars (title) VALUES (?)", [f"title {number}"])
            bare.append(time.perf_counter() - between)
            ours.append(between - began)
    peer.close()
    return ours, bare


def harvest(home: Path, number: int) -> None:
    """Adds page after page of papers, as a harvest does."""
    page = 0
    with CorpusStore(home / "corpus.db") as store:
        while True:
            page += 1
            papers = (
                Paper(id=f"{number}{page:05d}.{at:05d}", title=f"On the Otters of {page} and {at}")
                for at in range(1000)
            )
            store.add(f"corpus-{number}", papers)


def star_on(home: Path) -> None:
    """Stars and unstars without a pause for breath."""
    number = 0
    with Library(home / "library.db") as library:
        while True:
            number += 1
            library.unstar(library.star(f"another title {number}").id)
            time.sleep(0.01)


def quantile(times: list[float], share: float) -> float:
    """The time that this share of them stays under."""
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


def figures(times: list[float]) -> str:
    """Median, p95, p99 and the longest in milliseconds."""
    of = (
        statistics.median(times),
        quantile(times, 0.95),
        quantile(times, 0.99),
        max(times),
    )
    names = ("median", "p95", "p99", "most")
    return "".join(f"{name} {1000 * time_:7.1f}   " for name, time_ in zip(names, of, strict=True))


if __name__ == "__main__":
    main()
