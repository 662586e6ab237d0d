"""How fast corpora are: `python -m tests.benchmarks.corpus [records] [titles] [rounds] [folder]`.

Import: generated records of the Kaggle snapshot's form and size, read by an import job and, in the
same run and in turn with it, by a bare loop that decodes them with msgspec, inserts the same rows
into the same tables with `executemany`, 10,000 a transaction, and fills the same FTS5 index.

Queries: what the Corpus screen asks, against a store of `titles` titles: lists, deep pages, and a
search after each letter that is typed, in the large corpus and in small ones beside it.
"""

import itertools
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from titletui.corpus.files import Source
from titletui.corpus.insight import describe
from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.home import Home, find_home
from titletui.jobs.folder import create_job

RATIO = 1.3
MEMORY = 500
QUERY = 50.0
SMALL = {"small": 3_000, "middling": 60_000}

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


class Words:
    """Words as frequent as in a language: the n-th most frequent one 1/n as often as the first."""

    def __init__(self, count: int, seed: int) -> None:
        chance = random.Random(seed)
        parts = [
            a + b for a in "bcdfglmnprstv" for b in ("a", "e", "i", "o", "u", "en", "al", "tion")
        ]
        words = {
            "".join(chance.choices(parts, k=chance.choice((1, 2, 2, 3)))) for _ in range(count)
        }
        self.words = sorted(words, key=lambda word: (len(word), chance.random()))
        self._weights = list(itertools.accumulate(1 / (n + 5) for n in range(len(self.words))))
        self._chance = chance

    def some(self, least: int, most: int) -> str:
        k = self._chance.randint(least, most)
        return " ".join(self._chance.choices(self.words, cum_weights=self._weights, k=k))


def ids() -> Iterator[str]:
    """New arXiv ids, ten thousand a month from 2007-04 on."""
    for month in itertools.count(3):
        year, within = divmod(month, 12)
        width = 4 if year < 8 else 5
        for number in range(1, 9_999):
            yield f"{7 + year:02}{within + 1:02}.{number:0{width}}"


def write_snapshot(path: Path, count: int) -> None:
    """Records of the snapshot's form, about 1.5 kB each."""
    words = Words(30_000, 1)
    abstracts = [
        "  " + "\n".join(words.some(9, 12) for _ in range(13)) + ".\n" for _ in range(4_000)
    ]
    titles = [words.some(5, 14).capitalize() for _ in range(20_000)]
    chance = random.Random(2)
    with path.open("w") as file:
        for id_ in itertools.islice(ids(), count):
            record = {
                "id": id_,
                "submitter": "Jane Doe",
                "authors": "Jane Doe, E. L. Poe, P. M. Roe and C.-P. Low",
                "title": f"{chance.choice(titles)}\n  {chance.choice(titles)[:30]}",
                "comments": "37 pages, 15 figures; published version",
                "journal-ref": "J.Phys.D76:013009,2007",
                "doi": "10.1103/PhysRevD.76.013009",
                "report-no": None,
                "categories": "cs.CL cs.LG",
                "license": None,
                "abstract": chance.choice(abstracts),
                "versions": [
                    {"version": "v1", "created": "Mon, 2 Apr 2007 19:18:42 GMT"},
                    {"version": "v2", "created": "Tue, 24 Jul 2007 20:10:27 GMT"},
                ],
                "update_date": "2008-11-26",
                "authors_parsed": [["Doe", "Jane", ""], ["Poe", "E. L.", ""], ["Roe", "P. M.", ""]],
            }
            file.write(json.dumps(record) + "\n")


def run(command: list[str]) -> tuple[float, float, float, float]:
    """Seconds of wall, of processor, of processor in the first process alone, and the most MiB that
    its processes held together."""
    began = time.perf_counter()
    process = psutil.Popen(command, stdout=subprocess.DEVNULL)
    most = cpu = first = 0.0
    while process.poll() is None:
        try:
            family = [process, *process.children(recursive=True)]
            held = [one.memory_info().rss for one in family]
            times = [one.cpu_times() for one in family]
        except psutil.Error:
            continue
        most = max(most, sum(held) / (1 << 20))
        cpu = max(cpu, sum(t.user + t.system for t in times))
        first = max(first, times[0].user + times[0].system)
        time.sleep(0.05)
    wall = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return wall, cpu, first, most


def imports(folder: Path, records: int, rounds: int) -> None:
    snapshot = folder / "snapshot.jsonl"
    write_snapshot(snapshot, records)
    size = snapshot.stat().st_size
    print(f"import of {records:,} records, {size / 1e9:.2f} GB ({size / records:.0f} bytes each)")
    ours: list[tuple[float, float, float, float]] = []
    bare: list[tuple[float, float, float, float]] = []
    for number in range(rounds):
        home = a_home(folder / f"import-{number}")
        job = create_job(home.jobs, "import", "k", Source(corpus="k", path=str(snapshot)))
        path = folder / f"bare-{number}.db"
        bare.append(run([sys.executable, "-c", BARE, str(path), str(snapshot)]))
        ours.append(run([sys.executable, "-P", "-m", "titletui.corpus.files", str(job.path)]))
        with CorpusStore(home.corpus_db) as store:
            assert store.summary("k").papers == records
        print(f"  round {number + 1}: bare {bare[-1][0]:6.1f} s, titletui {ours[-1][0]:6.1f} s")
        path.unlink()
        shutil.rmtree(home.data)
    wall, cpu, first = (
        statistics.median(b[n] / a[n] for a, b in zip(bare, ours, strict=True)) for n in range(3)
    )
    pace = records / statistics.median(one[0] for one in ours)
    most = max(one[3] for one in ours)
    print(f"  records a second            bare {records / min(b[0] for b in bare):,.0f} at best, "
          f"titletui {pace:,.0f}")  # fmt: skip
    print(f"  wall, titletui / bare       {wall:5.2f}      wanted ≤ {RATIO}")
    print(f"  processor, titletui / bare  {cpu:5.2f}      (in two processes side by side)")
    print(f"  the same, its storing one   {first:5.2f}      (wall where two processors are free)")
    print(f"  memory of both processes    {most:5.0f} MiB  wanted ≤ {MEMORY}")
    snapshot.unlink()


def fill(store: CorpusStore, titles: int) -> None:
    words = Words(60_000, 3)
    store.create("large")
    began = time.perf_counter()
    store.add(
        "large", (Paper(id=i, title=words.some(5, 14)) for i in itertools.islice(ids(), titles))
    )
    print(f"{titles:,} titles stored in {time.perf_counter() - began:.0f} s")
    every = list(itertools.islice(ids(), titles))
    for name, count in SMALL.items():
        store.create(name)
        chosen = random.Random(4).sample(every, min(count, titles // 10))
        store.add(name, (Paper(id=id_, title=words.some(5, 14)) for id_ in chosen))


def typed(words: Words) -> Iterator[str]:
    """What stands in the search line after each letter of some queries."""
    chance = random.Random(5)
    for _ in range(12):
        common, rare = chance.choice(words.words[:50]), chance.choice(words.words[50:5_000])
        query = f"{rare} {common}" if chance.random() < 0.5 else f"{common} {rare}"
        yield from (query[:length] for length in range(1, len(query) + 1))


def queries(folder: Path, titles: int) -> None:
    words = Words(60_000, 3)
    with CorpusStore(a_home(folder / "queries").corpus_db) as store:
        fill(store, titles)
        taken: dict[str, list[tuple[float, float]]] = {}

        def timed(what: str, do: Callable[..., object], *values: object, **more: object) -> None:
            began, used = time.perf_counter(), time.process_time()
            do(*values, **more)
            took = time.perf_counter() - began, time.process_time() - used
            taken.setdefault(what, []).append((1_000 * took[0], 1_000 * took[1]))

        for name in ("large", *SMALL):
            timed("first search in a corpus", store.page, name, search="tion")
            for query in typed(words):
                timed(f"search in {name}", store.page, name, search=query)
            page = store.page(name)
            for _ in range(50):
                if page.next is None:
                    break
                timed(f"pages of {name}", store.page, name, after=page.next)
                page = store.page(name, after=page.next)
        for _ in range(20):
            timed("list of corpora", store.corpora)
        for name in ("large", *SMALL):
            timed("insight, counted", describe, store, name)
            for _ in range(10):
                timed("insight, remembered", describe, store, name)
    print(f"{'queries, ms':<28}{'n':>5}{'median':>9}{'p95':>9}{'most':>9}{'p95 of':>12}")
    print(f"{'':<28}{'':>5}{'':>9}{f'≤ {QUERY:.0f}':>9}{'':>9}{'processor':>12}")
    for what, times in taken.items():
        walls, used = (sorted(column) for column in zip(*times, strict=True))
        middle = statistics.median(walls)
        print(
            f"  {what:<26}{len(times):>5}{middle:>9.1f}{_p95(walls):>9.1f}{walls[-1]:>9.1f}"
            f"{_p95(used):>12.1f}"
        )


def _p95(ordered: list[float]) -> float:
    return ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]


def a_home(root: Path) -> Home:
    os.environ["TITLETUI_HOME"] = str(root)
    root.mkdir(mode=0o700)
    return find_home()


def main(arguments: list[str]) -> None:
    records, titles, rounds = (
        int(arguments[n]) if len(arguments) > n else default
        for n, default in enumerate((1_000_000, 3_000_000, 3))
    )
    with tempfile.TemporaryDirectory(dir=arguments[3] if len(arguments) > 3 else None) as folder:
        print(f"processors {os.cpu_count()}, load {os.getloadavg()[0]:.1f}")
        if records:
            imports(Path(folder), records, rounds)
        if titles:
            queries(Path(folder), titles)
        print(f"load at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main(sys.argv[1:])
