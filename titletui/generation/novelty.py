"""Copies and near-copies: how a candidate stands to the titles of a corpus.

A small corpus is compared title by title, in memory. In a large one, papers that share the
candidate's rarest words are found through the full-text index, ranked by how rare what they share
is, and the best of them compared. The similarity of two titles is twice their longest common
subsequence over both lengths (rapidfuzz), as written or with their words sorted, whichever is more.
"""

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any, Self

from titletui.candidate import Novelty
from titletui.corpus.paper import submission_year
from titletui.corpus.schema import MIGRATIONS
from titletui.database import DatabaseReadOnlyError, open_database, translate_errors
from titletui.errors import UsageError
from titletui.generation.nearest_title import COMPARED, Alike, Nearest, Postings
from titletui.text import NEAR_COPY, clean, fold

_IN_MEMORY = 12_000
_LOOKED_AT = 1_000
_RELOAD_SHARE = 20
_TIMEOUT = 5.0


class NoveltyIndex:
    """Compares candidates with a corpus; may be used from any thread."""

    def __init__(self, corpus_db: Path, corpus: str | None = None) -> None:
        """Opens the corpora for reading; a file that is not there is an empty corpus.

        Args:
            corpus: a corpus's name; None compares with all papers there are.

        Raises:
            UsageError: there is no such corpus.
            TitletuiError: `corpus_db` cannot be opened.
        """
        self._path = corpus_db
        self._corpus = corpus
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._number: int | None = None
        self._papers = 0
        self._version = -1
        self._titles: Alike | None = None
        self._reload_from = 0.0
        self._postings: Postings | None = None
        with self._lock:
            self._refresh()

    def close(self) -> None:
        with self._lock:
            self._disconnect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def papers(self) -> int:
        """How many papers a candidate is compared with."""
        return self._papers

    def check(self, title: str) -> Novelty:
        """How `title` stands to the corpus as it is now (one of a few thousand papers that is
        being filled, as it was some seconds ago).

        Raises:
            TitletuiError: the corpora cannot be read.
        """
        wanted = fold(clean(title))
        with self._lock:
            try:
                nearest = self._nearest(wanted)
            except DatabaseReadOnlyError:
                # A writer was killed within a commit: opening the file anew takes that back.
                self._disconnect()
                nearest = self._nearest(wanted)
        if nearest is None:
            return Novelty(kind="new")
        kind = "copy" if nearest.same else "near" if nearest.similarity >= NEAR_COPY else "new"
        return Novelty(
            kind=kind,
            similarity=nearest.similarity,
            id=nearest.id,
            title=nearest.title,
            year=submission_year(nearest.id),
        )

    def _nearest(self, wanted: str) -> Nearest | None:
        self._refresh()
        if self._connection is None or not wanted:
            return None
        if self._papers <= _IN_MEMORY:
            return self._all_titles().nearest(wanted)
        with translate_errors(self._path):
            return self._among_those_that_share_words(wanted)

    def _among_those_that_share_words(self, wanted: str) -> Nearest | None:
        if self._postings is None:
            assert self._connection is not None
            self._postings = Postings(self._connection, self._papers)
        if self._number is None:
            keys = self._postings.ranked(wanted, COMPARED)
        else:
            keys = self._members(self._postings.ranked(wanted, _LOOKED_AT))[:COMPARED]
        rows = self._all(
            "SELECT p.id, p.title FROM json_each(?) j CROSS JOIN papers p ON p.key = j.value",
            str(keys),
        )
        return Alike(rows).nearest(wanted)

    def _members(self, keys: list[int]) -> list[int]:
        """Those of `keys` that are in the corpus, in the same order."""
        rows = self._all(
            "SELECT m.key FROM json_each(?) j "
            "CROSS JOIN members m ON m.corpus = ? AND m.key = j.value",
            str(keys),
            self._number,
        )
        return [key for (key,) in rows]

    def _all_titles(self) -> Alike:
        if self._titles is None:
            began = time.monotonic()
            if self._number is None:
                rows = self._all("SELECT id, title FROM papers")
            else:
                rows = self._all(
                    "SELECT p.id, p.title FROM members m JOIN papers p ON p.key = m.key "
                    "WHERE m.corpus = ?",
                    self._number,
                )
            self._titles = Alike(rows)
            now = time.monotonic()
            self._reload_from = now + _RELOAD_SHARE * (now - began)
        return self._titles

    def _refresh(self) -> None:
        """Forgets what was remembered of the file, if somebody has changed it since."""
        if self._connection is None:
            if not self._path.exists() or self._path.stat().st_size == 0:
                return
            self._connection = open_database(
                self._path, MIGRATIONS, read_only=True, timeout=_TIMEOUT
            )
            self._connection.execute("PRAGMA cache_size = -32000")
            self._version = -1
        ((version,),) = self._all("PRAGMA data_version")
        if version == self._version or (self._titles and time.monotonic() < self._reload_from):
            return
        self._titles = self._postings = None
        self._count()
        self._version = version

    def _count(self) -> None:
        if self._corpus is not None:
            found = self._all(
                "SELECT number, papers FROM corpora WHERE name = ? AND NOT hidden", self._corpus
            )
            if not found:
                raise UsageError(f"There is no corpus named {self._corpus!r} to compare with.")
            self._number, self._papers = found[0]
            return
        ((self._papers,),) = self._all(
            "SELECT count(*) FROM (SELECT 1 FROM papers LIMIT ?)", _IN_MEMORY + 1
        )
        if self._papers > _IN_MEMORY:
            ((members,),) = self._all("SELECT coalesce(sum(papers), 0) FROM corpora")
            self._papers = max(self._papers, members)

    def _all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        assert self._connection is not None
        with translate_errors(self._path):
            return self._connection.execute(query, values).fetchall()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._titles = self._postings = None
