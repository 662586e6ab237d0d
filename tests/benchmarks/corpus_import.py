"""An import of made-up records, and in turn with it a bare loop over the same file.

The bare loop decodes with msgspec, inserts the same rows into the same tables with `executemany`,
10,000 a transaction, and fills the same FTS5 index. It keys papers as they come, each greater than
the last; an import keys them by their ids, so that the snapshot's old papers go before the others.
"""

import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import psutil

from tests.benchmarks.snapshot import write_snapshot
from titletui.corpus.store import CorpusStore
from titletui.importing.job import Source
from titletui.jobs.events import Progress
from titletui.jobs.job import create_job
from titletui.paths import Home, find_home

RATIO = 1.3
MEMORY = 500
_CURVE = 12

BARE = """
import sqlite3, sys, time
import msgspec
from titletui.corpus.schema import MIGRATIONS
class Version(msgspec.Struct):
    created: str
class Record(msgspec.Struct):
    id: str
    title: str
    abstract: str
    categories: str
    authors: str
    update_date: str
    versions: list[Version]
def store(batch, key):
    c.execute("BEGIN IMMEDIATE")
    c.executemany("INSERT INTO papers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(k, r.id, r.title, r.categories, r.authors, r.versions[0].created[5:16], "",
          r.update_date, 0) for k, r in enumerate(batch, key)])
    c.executemany("INSERT INTO abstracts VALUES (?, ?)",
        [(k, r.abstract) for k, r in enumerate(batch, key)])
    c.executemany("INSERT INTO members VALUES (1, ?)", [(k,) for k, _ in enumerate(batch, key)])
    c.executemany("INSERT INTO titles (rowid, title) VALUES (?, ?)",
        [(k, r.title) for k, r in enumerate(batch, key)])
    c.execute("COMMIT")
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("PRAGMA journal_mode = DELETE")
c.execute("PRAGMA synchronous = FULL")
c.execute("PRAGMA cache_size = -64000")
MIGRATIONS[0](c)
decode = msgspec.json.Decoder(Record).decode
batch, key = [], 1
with open(sys.argv[2], "rb") as file:
    for line in file:
        batch.append(decode(line))
        if len(batch) == 10_000:
            store(batch, key)
            key += len(batch)
            batch = []
if batch:
    store(batch, key)
"""


class Spent(msgspec.Struct, frozen=True):
    """What a command took.

    Attributes:
        wall, processor: seconds, of all its processes.
        first: seconds of processor of the first process alone.
        memory: the most MiB that its processes held together.
        curve: seconds since it began, and MiB held then.
    """

    wall: float
    processor: float
    first: float
    memory: float
    curve: list[tuple[float, float]]


def spent(command: list[str]) -> Spent:
    """Runs a command to its end."""
    began = time.perf_counter()
    process = psutil.Popen(command, stdout=subprocess.DEVNULL)
    processor = first = 0.0
    curve: list[tuple[float, float]] = []
    while process.poll() is None:
        try:
            family = [process, *process.children(recursive=True)]
            held = sum(one.memory_info().rss for one in family) / (1 << 20)
            times = [one.cpu_times() for one in family]
        except psutil.Error:
            continue
        curve.append((time.perf_counter() - began, held))
        processor = max(processor, sum(t.user + t.system for t in times))
        first = max(first, times[0].user + times[0].system)
        time.sleep(0.1)
    wall = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return Spent(wall, processor, first, max(held for _, held in curve), curve)


def imports(folder: Path, records: int, rounds: int) -> None:
    """Prints how long an import takes beside the bare loop, and what it holds in memory."""
    snapshot = folder / "snapshot.jsonl"
    write_snapshot(snapshot, records)
    size = snapshot.stat().st_size
    cores = len(os.sched_getaffinity(0))
    print(f"import of {records:,} records, {size / 1e9:.2f} GB ({size / records:.0f} bytes each), "
          f"on {cores} processor{'s' * (cores > 1)}", flush=True)  # fmt: skip
    ours: list[Spent] = []
    bare: list[Spent] = []
    for number in range(rounds):
        home = a_home(folder / f"import-{number}")
        job = create_job(home.jobs, "import", "k", Source(corpus="k", path=str(snapshot)))
        peer = folder / f"bare-{number}.db"
        loop = [sys.executable, "-c", BARE, str(peer), str(snapshot)]
        worker = [sys.executable, "-P", "-m", "titletui.importing.job", str(job.path)]
        if number % 2 == 0:
            bare.append(spent(loop))
        ours.append(spent(worker))
        if number % 2:
            bare.append(spent(loop))
        with CorpusStore(home.corpus_db) as store:
            assert store.summary("k").papers == records
        told = [event for event in job.tail().read() if isinstance(event, Progress)]
        print(
            f"  round {number + 1}: bare {bare[-1].wall:6.1f} s ({bare[-1].processor:.1f} of "
            f"processor), titletui {ours[-1].wall:6.1f} s ({ours[-1].processor:.1f}); "
            f"{peer.stat().st_size / 1e9:.2f} and {home.corpus_db.stat().st_size / 1e9:.2f} GB; "
            f"{len(told)} reports of progress",
            flush=True,
        )
        peer.unlink()
        shutil.rmtree(home.data)
    print(f"  {'titletui / bare':<28}{'median':>7}   rounds")
    for name, wanted in (("wall", f"≤ {RATIO}"), ("processor", ""), ("first", "")):
        ratios = [getattr(b, name) / getattr(a, name) for a, b in zip(bare, ours, strict=True)]
        what = {"first": "processor, storing alone"}.get(name, name)
        each = " ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"  {what:<28}{statistics.median(ratios):>7.2f}   {each}   {wanted}")
    pace = records / statistics.median(one.wall for one in ours)
    most = max(one.memory for one in ours)
    print(f"  records a second: bare {records / min(b.wall for b in bare):,.0f} at best, "
          f"titletui {pace:,.0f} in the median")  # fmt: skip
    print(f"  memory of both processes: {most:.0f} MiB at most, wanted ≤ {MEMORY}")
    curve = ours[-1].curve
    some = curve[:: max(1, len(curve) // _CURVE)]
    print("  MiB by second: " + "  ".join(f"{held:.0f} @{at:.0f}" for at, held in some))
    snapshot.unlink()


def a_home(root: Path) -> Home:
    """A new home of titletui's, which processes started from here share."""
    os.environ["TITLETUI_HOME"] = str(root)
    root.mkdir(mode=0o700)
    return find_home()
