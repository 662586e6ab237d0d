"""How fast, and how often, the nearest title is found: `python -m tests.benchmarks.novelty DB`.

DB is a corpus.db, such as `titletui import` fills. Each method gets the same titles: copies that
differ in case and punctuation, titles of which a fifth of the words are changed, and halves of two
titles joined. The peers compare with every title, or take the best by BM25 and compare these.
"""

import argparse
import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from rapidfuzz import process
from rapidfuzz.distance import Indel

from titletui.generation.novelty import NoveltyIndex
from titletui.text import NEAR_COPY, fold

EVERY_TITLE = "rapidfuzz, every title"
BM25_BEST = 100

Find = Callable[[str], str]


class Query(msgspec.Struct, frozen=True):
    """A title to look for and the one that it was made from."""

    kind: str
    text: str
    source: str


def main() -> None:
    """Prints a line a method; each query is given to all of them in turn.

    The seconds are the processor's, so that a busy machine changes little.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("db", type=Path)
    parser.add_argument("--titles", type=int, default=150, help="queries of each kind")
    parser.add_argument("--seconds", type=float, default=60, help="that a method may take in all")
    parser.add_argument("--tfidf", action="store_true", help="with TF-IDF too: takes gigabytes")
    arguments = parser.parse_args()
    titles = read_titles(arguments.db)
    queries = make_queries(titles, arguments.titles)
    novelty = NoveltyIndex(arguments.db)
    methods: dict[str, Find] = {
        EVERY_TITLE: everything(titles),
        "rapidfuzz, best 100 by BM25": by_bm25(arguments.db),
        "titletui": lambda text: novelty.check(text).title,
    }
    if arguments.tfidf:
        methods["TF-IDF of three letters"] = by_tfidf(titles)
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    found: dict[str, dict[Query, str]] = {name: {} for name in methods}
    for query in queries:
        for name, find in methods.items():
            if sum(seconds[name]) < arguments.seconds:
                began = time.process_time()
                found[name][query] = find(query.text)
                seconds[name].append(time.process_time() - began)
    print(
        f"{len(titles):,} titles; up to {len(queries)} queries, {arguments.seconds:g} s a method\n"
    )
    print(
        f"{'':30}{'queries':>8}{'median':>10}{'p95':>10}{'p99':>10}   found: copies changed  near"
    )
    for name in methods:
        report(name, sorted(seconds[name]), found[name], found[EVERY_TITLE])


def read_titles(db: Path) -> list[str]:
    """All titles; the file is read once, so that no method pays for a cold disk."""
    connection = sqlite3.connect(f"{db.absolute().as_uri()}?mode=ro", uri=True)
    return [title for (title,) in connection.execute("SELECT title FROM papers")]


def make_queries(titles: list[str], count: int) -> list[Query]:
    """As many of each kind, one of each in turn."""
    draw = random.Random(0)
    queries: list[Query] = []
    for one in draw.sample(titles, count):
        queries.append(Query("copy", f"{one.upper()} .", one))
        queries.append(Query("changed", disturb(one, titles, draw), one))
        first, second = one.split(), draw.choice(titles).split()
        joined = " ".join(first[: len(first) // 2] + second[len(second) // 2 :])
        queries.append(Query("joined", joined, one))
    return queries


def disturb(title: str, titles: list[str], draw: random.Random) -> str:
    """`title` with a fifth of its words, one at least, replaced, left out or added."""
    words = title.split()
    for _ in range(max(1, len(words) // 5)):
        place = draw.randrange(len(words))
        other = draw.choice(draw.choice(titles).split())
        kind = draw.random()
        if kind < 0.4:
            words[place] = other
        elif kind < 0.7 and len(words) > 2:
            del words[place]
        else:
            words.insert(place, other)
    return " ".join(words)


def everything(titles: list[str]) -> Find:
    folded = [fold(title) for title in titles]

    def find(text: str) -> str:
        found = process.extractOne(fold(text), folded, scorer=Indel.normalized_similarity)
        return titles[found[2]]

    return find


def by_bm25(db: Path) -> Find:
    connection = sqlite3.connect(f"{db.absolute().as_uri()}?mode=ro", uri=True)

    def find(text: str) -> str:
        words = " OR ".join(f'"{word}"' for word in fold(text).split())
        rows = connection.execute(
            "SELECT p.title FROM titles t JOIN papers p ON p.key = t.rowid "
            "WHERE titles MATCH ? ORDER BY rank LIMIT ?",
            (words, BM25_BEST),
        ).fetchall()
        return max((title for (title,) in rows), key=lambda one: similarity(text, one), default="")

    return find


def by_tfidf(titles: list[str]) -> Find:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3), min_df=3, dtype="float32")
    table = vectorizer.fit_transform([fold(title) for title in titles])

    def find(text: str) -> str:
        row = vectorizer.transform([fold(text)])
        return titles[int((table @ row.T).toarray().argmax())]

    return find


def similarity(one: str, other: str) -> float:
    return Indel.normalized_similarity(fold(one), fold(other))


def report(
    name: str, seconds: list[float], found: dict[Query, str], best: dict[Query, str]
) -> None:
    """A method's line.

    Args:
        best: what comparing with every title finds, for those queries that it was given.
    """
    copies, changed, near = [], [], []
    for query, title in found.items():
        alike = similarity(query.text, title)
        if query.kind == "copy":
            copies.append(fold(title) == fold(query.source))
        elif query.kind == "changed":
            changed.append(alike >= similarity(query.text, query.source))
        if query in best and similarity(query.text, best[query]) >= NEAR_COPY:
            near.append(alike >= similarity(query.text, best[query]) - 1e-9)
    times = "".join(f"{1000 * seconds[int(len(seconds) * at)]:7.2f} ms" for at in (0.5, 0.95, 0.99))
    shares = "  ".join(share(outcomes) for outcomes in (copies, changed, near))
    print(f"{name:30}{len(seconds):8}{times}          {shares}", flush=True)


def share(outcomes: list[bool]) -> str:
    return f"{100 * sum(outcomes) / max(1, len(outcomes)):5.1f}%"


if __name__ == "__main__":
    main()
