"""What the Corpus screen asks of the store, timed against one of very many titles.

Lists, first and later pages, a search after each letter that is typed, in the large corpus and in
small ones beside it; abstracts, figures, renaming.
"""

import itertools
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks.corpus_import import a_home
from tests.benchmarks.snapshot import Words, new_ids
from titletui.corpus.pagination import END
from titletui.corpus.paper import Paper
from titletui.corpus.statistics import compute_statistics
from titletui.corpus.store import CorpusStore
from titletui.tui.corpus.page_window import PAGE

QUERY = 50.0
SMALL = {"small": 3_000, "middling": 60_000}


def fill(store: CorpusStore, titles: int) -> None:
    words = Words(60_000, 3)
    store.create("large")
    began = time.perf_counter()
    store.add(
        "large", (Paper(id=i, title=words.some(5, 14)) for i in itertools.islice(new_ids(), titles))
    )
    print(f"{titles:,} titles stored in {time.perf_counter() - began:.0f} s")
    every = list(itertools.islice(new_ids(), titles))
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
            for _ in range(20):
                timed(f"first page of {name}", store.page, name, limit=PAGE)
                timed(f"last page of {name}", store.page, name, after=END, limit=PAGE)
            before = store.page(name, after=END, limit=PAGE).previous
            for _ in range(20):
                timed(f"pages back of {name}", store.page, name, after=before, limit=PAGE)
                before = store.page(name, after=before, limit=PAGE).previous
            page = store.page(name)
            for row in page.rows:
                timed("abstract", store.paper, row.id)
            for _ in range(50):
                if page.next is None:
                    break
                timed(f"pages of {name}", store.page, name, after=page.next)
                page = store.page(name, after=page.next)
        for _ in range(20):
            timed("list of corpora", store.corpora)
        for name in ("large", *SMALL):
            timed("insight, counted", compute_statistics, store, name)
            for _ in range(10):
                timed("insight, remembered", compute_statistics, store, name)
        for old, new in (("large", "other"), ("other", "large")) * 5:
            timed("rename", store.rename, old, new)
        timed("delete: off the lists", store.hide, "large")
        purged(store, timed)
    print(f"{'queries, ms':<28}{'n':>5}{'median':>9}{'p95':>9}{'most':>9}{'p95 of':>12}")
    print(f"{'':<28}{'':>5}{'':>9}{f'≤ {QUERY:.0f}':>9}{'':>9}{'processor':>12}")
    for what, times in taken.items():
        walls, used = (sorted(column) for column in zip(*times, strict=True))
        middle = statistics.median(walls)
        print(
            f"  {what:<26}{len(times):>5}{middle:>9.1f}{_p95(walls):>9.1f}{walls[-1]:>9.1f}"
            f"{_p95(used):>12.1f}"
        )


def purged(store: CorpusStore, timed: Callable[..., None]) -> None:
    """Removes the papers of the deleted corpus, in a thread as the screen does, while pages of
    another corpus are asked for."""
    began = time.perf_counter()
    purge = threading.Thread(target=CorpusStore(store.path).purge)
    purge.start()
    while purge.is_alive():
        timed("pages while it is deleted", store.page, "middling", limit=PAGE)
        timed("search while it is deleted", store.page, "middling", search="tion")
        time.sleep(0.2)
    print(f"its papers were deleted in {time.perf_counter() - began:.0f} s")


def _p95(ordered: list[float]) -> float:
    return ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
