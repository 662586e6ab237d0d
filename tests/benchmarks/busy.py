"""How the app feels while everything works at once: `python -m tests.benchmarks.busy [seconds]`.

A run trains the starter, a harvest pages from a loopback server, titles stream; the app stands on
each mode in turn. Measured are the lag of its event loop, sampled every 5 ms, and the time from a
key until the highlight has moved, both without a terminal. Beside it an event loop with nothing to
do, in a process of its own at the same time, shows what the machine itself adds.
"""

import asyncio
import contextlib
import json
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection

from textual.events import Key

TICK = 0.005
KEY_EVERY = 0.1
LINE = "{:<12}{:>12}{:>8}{:>8}{:>14}{:>8}{:>12}"
WORDS = ("Neural", "Speech", "Audio", "Robust", "Graph", "Music", "Quantum", "Learning", "Fields")
EMPTY_LOOP = """
import asyncio, json, sys, time
async def main():
    lags, until = [], time.perf_counter() + float(sys.argv[1])
    while time.perf_counter() < until:
        began = time.perf_counter()
        await asyncio.sleep(0.005)
        lags.append(time.perf_counter() - began - 0.005)
    print(json.dumps(lags))
asyncio.run(main())
"""


def serve(records: int, tell: Connection) -> None:
    """A server that arXiv's harvest can be pointed to."""
    from tests.support.oai_server import OaiServer, Record

    draw = random.Random(1)
    table = [
        Record(
            id=f"2401.{number:05d}",
            stamp=f"2024-{number // 2_000 + 1:02d}-{number % 28 + 1:02d}",
            title=" ".join(draw.choices(WORDS, k=9)),
            abstract=" ".join(draw.choices(WORDS, k=150)),
        )
        for number in range(records)
    ]
    with OaiServer(table, page=500) as server:
        tell.send(server.url)
        time.sleep(3600)


@contextlib.contextmanager
def served() -> Iterator[str]:
    """The address of the server while it runs."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=serve, args=(20_000, there), daemon=True
    )
    process.start()
    try:
        yield here.recv()
    finally:
        process.kill()


async def lag(lags: list[float]) -> None:
    """Notes for ever how late the loop comes back."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(TICK)
        lags.append(time.perf_counter() - began - TICK)


async def measure(seconds: float) -> None:
    """Prints the table."""
    from titletui.arxiv.job import HarvestQuery, start_harvest
    from titletui.corpus.paper import Paper
    from titletui.corpus.store import CorpusStore
    from titletui.jobs import launch
    from titletui.paths import find_home
    from titletui.settings import GenerateSettings, Settings
    from titletui.training.launch.runs import prepare_run, start_run
    from titletui.training.presets import override, preset
    from titletui.tui.app import TitletuiApp
    from titletui.tui.widgets.row_list import RowList

    home, draw = find_home(), random.Random(2)
    papers = [
        Paper(id=f"2305.{number:05d}", title=" ".join(draw.choices(WORDS, k=9)))
        for number in range(5_000)
    ]
    with CorpusStore(home.corpus_db) as store:
        store.create("own")
        store.add("own", papers)
        recipe = override(preset("starter-titles"), {"steps": "5000", "eval_every": "200"})
        run = start_run(prepare_run(home, store, "own", recipe, name="own-1"))
    harvest = start_harvest(home, HarvestQuery(corpus="cs.CL", category="cs.CL"))
    settings = Settings(mode="generate", welcome=False, generate=GenerateSettings(count=1000))
    app = TitletuiApp(home, settings)
    heads = ("", "lag p50 ms", "p95", "max", "key p50 ms", "p95", "empty p95")
    print(LINE.format(*heads))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.pause(2)
        await pilot.press("enter")
        await asyncio.sleep(12)
        for mode, key in (("generate", "3"), ("train", "2"), ("corpus", "1"), ("shortlist", "4")):
            await pilot.press(key)
            await asyncio.sleep(1)
            beside = subprocess.Popen(
                [sys.executable, "-c", EMPTY_LOOP, str(seconds)], stdout=subprocess.PIPE
            )
            lags: list[float] = []
            watching = asyncio.create_task(lag(lags))
            keys = await _keys(app, app.screen.query(RowList).first(), seconds)
            watching.cancel()
            empty = json.loads((await asyncio.to_thread(beside.communicate))[0])
            cells = [statistics.median(lags), _p95(lags), max(lags)]
            cells += [statistics.median(keys), _p95(keys)] if keys else [0.0, 0.0]
            texts = [f"{cell * 1e3:.1f}" for cell in (*cells, _p95(empty))]
            print(LINE.format(mode, *texts), flush=True)
        print(f"run {run.state.value}, harvest {harvest.state.value}")
    for job in (run, harvest):
        launch.stop(job)


async def _keys(app, rows, seconds: float) -> list[float]:  # type: ignore[no-untyped-def]
    """Seconds from each key to the highlight's move, for `seconds`."""
    times: list[float] = []
    until = time.perf_counter() + seconds
    down = True
    while time.perf_counter() < until:
        await asyncio.sleep(KEY_EVERY)
        if len(rows.rows) < 2:
            continue
        before, began = rows.highlighted, time.perf_counter()
        down = before == 0 or (down and before != len(rows.rows) - 1)
        app._driver.send_message(Key("j" if down else "k", "j" if down else "k"))
        while rows.highlighted == before and time.perf_counter() - began < 2:
            await asyncio.sleep(0)
        times.append(time.perf_counter() - began)
    return times


def _p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]


if __name__ == "__main__":
    os.environ["TITLETUI_HOME"] = tempfile.mkdtemp(prefix="titletui-busy-")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with served() as url:
        os.environ.update(TITLETUI_OAI_URL=url, TITLETUI_OAI_INTERVAL="1")
        asyncio.run(measure(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0))
