"""How soon a key is answered on the Corpus screen: `python -m tests.benchmarks.corpus_keys [keys]`.

A loopback server gives 50,000 records in 20 pages of 2,500, as fast as they are asked for. In an
80×24 pty the highlight goes down the papers; from each key until the next bytes are painted, first
with nothing running, then while the harvest pages into the store.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.support.oai_server import papers, serving
from tests.support.terminal import CORPUS, Terminal
from titletui.arxiv.job import HarvestQuery, start_harvest
from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.jobs import launch
from titletui.paths import find_home

WANTED = 100.0
_KEYS = ("j", "j", "j", "k")


def answered(terminal: Terminal, key: str) -> float:
    """Milliseconds until something is painted."""
    began = time.perf_counter()
    terminal.press(key)
    while not terminal.read(1.0):
        if time.perf_counter() - began > 10:
            raise SystemExit("no answer within 10 s")
    return 1_000 * (time.perf_counter() - began)


def pressed(terminal: Terminal, count: int) -> list[float]:
    """The times of so many keys, each after the screen has come to rest for a moment."""
    times = []
    for number in range(count):
        while terminal.read(0.02):
            continue
        times.append(answered(terminal, _KEYS[number % len(_KEYS)]))
        time.sleep(0.05)
    return sorted(times)


def told(what: str, times: list[float]) -> None:
    p95 = times[int(0.95 * len(times))]
    print(
        f"  {what:<24}{len(times):>5}{statistics.median(times):>9.1f}{p95:>9.1f}{times[-1]:>9.1f}"
    )


def main(arguments: list[str]) -> None:
    count = int(arguments[0]) if arguments else 150
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(papers(50_000, a_day=400), page=2_500) as server,
    ):
        server.today = "2025-12-31"
        root = Path(folder) / "home"
        root.mkdir(mode=0o700)
        os.environ |= {
            "TITLETUI_HOME": str(root),
            "TITLETUI_OAI_URL": server.url,
            "TITLETUI_OAI_INTERVAL": "0.5",
        }
        home = find_home()
        with CorpusStore(home.corpus_db) as store:
            store.create("here")
            store.add("here", (Paper(id=f"2301.{n:05}", title=f"Paper {n}") for n in range(5_000)))
        with Terminal() as terminal:
            terminal.until("titletui")
            terminal.press(CORPUS)
            terminal.until("5,000 papers")
            terminal.press("l")
            terminal.quiet(0.5)
            print(f"key to paint, ms, load {os.getloadavg()[0]:.1f}")
            print(
                f"  {'':<24}{'n':>5}{'median':>9}{'p95':>9}{'most':>9}   wanted p95 < {WANTED:.0f}"
            )
            told("nothing runs", pressed(terminal, count))
            job = start_harvest(home, HarvestQuery(corpus="cs.CL", category="cs.CL"))
            while server.sent_pages < 1:
                terminal.read(0.05)
            during = pressed(terminal, count)
            told("while a harvest pages", during)
            print(f"  pages that came meanwhile {server.sent_pages} of 20")
            launch.stop(job)
            while job.state.alive:
                time.sleep(0.1)


if __name__ == "__main__":
    main(sys.argv[1:])
