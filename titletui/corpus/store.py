"""corpus.db: papers, corpora, search.

Each call is one short transaction or one short read, so that screens, a harvest and an import do
not block each other; long results are streamed in pieces.
"""

import contextlib
import itertools
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Self

from titletui.corpus.normalize import NormalizedPapers, normalize
from titletui.corpus.pagination import Cursor, ListedPaper, Page, Paginator
from titletui.corpus.paper import Paper, plain_id
from titletui.corpus.recovery import (
    check_database,
    is_writable,
    mark_suspect,
    quarantine_database,
)
from titletui.corpus.schema import MIGRATIONS
from titletui.corpus.summary import SUMMARIES, CorpusSummary, summary_of
from titletui.corpus.upsert import Added, Change, PaperWriter, find_key
from titletui.database import DatabaseDamagedError, open_database, transaction, translate_errors
from titletui.errors import TitletuiError, UsageError
from titletui.paths import Home, checked_name
from titletui.tex import tex_to_unicode

__all__ = ["Added", "CorpusStore", "CorpusSummary", "Cursor", "ListedPaper", "Page"]

_BATCH = 10_000
_PIECE = 2_000
_CACHE_KIB = 64_000
_BULK_INDEX_OPTIONS = {"hashsize": 32 << 20, "automerge": 16}
_PAPER = """
    SELECT p.id, p.title, p.categories, p.authors, p.created, p.updated, p.datestamp, p.deleted,
    a.text FROM papers p LEFT JOIN abstracts a ON a.key = p.key WHERE p.key = ?"""
_PAPERS = """
    SELECT p.key, p.id, p.title, p.categories, p.authors, p.created, p.updated, p.datestamp,
    p.deleted, a.text FROM members m JOIN papers p ON p.key = m.key
    LEFT JOIN abstracts a ON a.key = p.key AND ?2
    WHERE m.corpus = ?1 AND m.key < ?3 ORDER BY m.key DESC LIMIT ?4"""
_TITLES = """
    SELECT p.key, p.title FROM members m JOIN papers p ON p.key = m.key
    WHERE m.corpus = ? AND m.key < ? ORDER BY m.key DESC LIMIT ?"""
_ALL_TITLES = "SELECT key, title FROM papers WHERE key < ? ORDER BY key DESC LIMIT ?"


WithinTransaction = Callable[[sqlite3.Connection, int, Added], None]
"""Writes more in the transaction that adds papers; gets the corpus's number and what was added."""


Journal = Callable[[sqlite3.Connection, list[int], list[Change]], None]
"""Records keys of papers that joined a corpus, and changed papers."""


class CorpusNumbers(NamedTuple):
    """A corpus's row number, how many papers it has, and a count of the changes to it."""

    number: int
    papers: int
    changes: int


class CorpusStore:
    """The corpora in one file.

    Raises:
        DatabaseDamagedError: the file is damaged (see `CorpusStore.open`).
        TitletuiError: the file is of a newer titletui, or cannot be opened.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self.notice = ""
        self._lock = threading.RLock()
        self._connection = open_database(path, MIGRATIONS, read_only=read_only)
        self._connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._connection.execute("PRAGMA temp_store = MEMORY")
        self._connection.create_function("tex_to_unicode", 1, tex_to_unicode, deterministic=True)
        self._paginator = Paginator(self._connection)

    @classmethod
    def open(cls, home: Home) -> Self:
        """Open the corpora of `home`, whatever state they are in.

        A damaged file is renamed and replaced by an empty one; a file that cannot be written is
        opened for reading. `notice` then holds a sentence about it.
        """
        path = home.corpus_db
        if path.exists() and not is_writable(path):
            store = cls(path, read_only=True)
            store.notice = f"{path} cannot be written; corpora are shown but not changed."
            return store
        try:
            store = cls(path)
            with store.reading() as connection:
                check_database(connection, path)
        except DatabaseDamagedError as error:
            notice = quarantine_database(path, error)
            store = cls(path)
            store.notice = notice
        return store

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def corpora(self) -> list[CorpusSummary]:
        """All corpora, by name."""
        with self.reading():
            found = self._connection.execute(f"{SUMMARIES} ORDER BY name COLLATE NOCASE").fetchall()
            return [summary_of(self._connection, row) for row in found]

    def summary(self, name: str) -> CorpusSummary:
        """The corpus of that name.

        Raises:
            UsageError: there is none.
        """
        with self.reading():
            row = self._connection.execute(
                f"{SUMMARIES} AND name = ?", (_storable(name),)
            ).fetchone()
            if row is None:
                raise self._unknown(name)
            return summary_of(self._connection, row)

    def create(self, name: str, *, category: str = "", source: str = "") -> None:
        """Create an empty corpus; one that exists stays as it is.

        Raises:
            UsageError: `name` cannot name a corpus.
        """
        name = checked_name(name, "corpus name")
        with self.writing():
            self._connection.execute(
                "INSERT INTO corpora (name, category, source, updated) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (name) DO NOTHING",
                (name, category, source, _now()),
            )

    def add(
        self,
        name: str,
        papers: Iterable[Paper],
        *,
        within_transaction: WithinTransaction | None = None,
    ) -> Added:
        """Add papers to a corpus.

        A stored paper is overwritten only by one of a later datestamp; what it lacks is filled in
        in any case.

        Args:
            papers: stored 10,000 a transaction.
            within_transaction: writes more in the same transaction; all papers then go into one.

        Raises:
            UsageError: there is no such corpus.
        """
        if within_transaction is not None:
            return self.add_normalized(
                name, normalize(papers), within_transaction=within_transaction
            )
        total = Added()
        source = iter(papers)
        while batch := list(itertools.islice(source, _BATCH)):
            total = total + self.add_normalized(name, normalize(batch))
        return total

    def add_normalized(
        self,
        name: str,
        papers: NormalizedPapers,
        *,
        within_transaction: WithinTransaction | None = None,
        journal: Journal | None = None,
    ) -> Added:
        """Add normalized papers to a corpus in one transaction (see `add`).

        Args:
            journal: records in the same transaction which papers joined the corpus and which
                were changed.
        """
        with self.writing() as connection:
            number = self._number(name)
            writer = PaperWriter(connection)
            added = writer.upsert(number, papers)
            if journal is not None and (writer.joined or writer.changed):
                journal(connection, writer.joined, writer.changed)
            if added.new or added.updated:
                connection.execute(
                    "UPDATE corpora SET papers = papers + ?, changes = changes + 1, updated = ? "
                    "WHERE number = ?",
                    (added.new, _now(), number),
                )
            if within_transaction is not None:
                within_transaction(connection, number, added)
        return added

    def tune_for_bulk_insert(self) -> None:
        """Tune the index of titles for inserting very many.

        FTS5 then flushes once a transaction rather than several times, and merges sixteen segments
        at a time rather than four: half the work, for searches that read a few more segments
        (sqlite.org/fts5.html, section 6). The setting is permanent.
        """
        with self.writing() as connection:
            for option, value in _BULK_INDEX_OPTIONS.items():
                connection.execute(
                    "INSERT INTO titles (titles, rank) VALUES (?, ?)", (option, value)
                )

    def rename(self, old: str, new: str) -> None:
        """Rename a corpus.

        Raises:
            UsageError: there is no `old`, or there is a `new`, or it cannot name a corpus.
        """
        new = checked_name(new, "corpus name")
        with self.writing():
            number = self._number(old)
            try:
                self._connection.execute(
                    "UPDATE corpora SET name = ? WHERE number = ?", (new, number)
                )
            except sqlite3.IntegrityError:
                raise UsageError(
                    f"There is a corpus named {new!r} already; choose another name."
                ) from None

    def delete(self, name: str) -> None:
        """Delete a corpus, and the papers that are in no other.

        Raises:
            UsageError: there is no such corpus.
        """
        self.hide(name)
        self.purge()

    def hide(self, name: str) -> None:
        """Take a corpus off all lists, for `purge` to delete.

        Raises:
            UsageError: there is no such corpus.
        """
        with self.writing():
            number = self._number(name)
            self._connection.execute(
                "UPDATE corpora SET hidden = 1, name = ? WHERE number = ?",
                (f"\x00{number}", number),
            )

    def hidden(self) -> int:
        """How many papers are in corpora that are hidden and not yet purged."""
        left: int = self.rows(
            "SELECT count(*) FROM members WHERE corpus IN (SELECT number FROM corpora WHERE hidden)"
        )[0][0]
        return left

    def purge(self, on_progress: Callable[[int], None] = lambda _: None) -> None:
        """Delete the hidden corpora, and the papers that are in no other.

        This takes many short transactions; where it is cut off, the next call goes on.

        Args:
            on_progress: called after each transaction with the papers deleted so far.
        """
        deleted = 0
        for (number,) in self.rows("SELECT number FROM corpora WHERE hidden"):
            while True:
                with self.writing():
                    if not PaperWriter(self._connection).delete_some(number, _BATCH):
                        break
                deleted += _BATCH
                on_progress(deleted)

    def delete_if_empty(self, name: str) -> bool:
        """Delete a corpus that has no papers; return whether it did."""
        with self.writing() as connection:
            number, papers, _ = self.numbers(name)
            return not papers and not PaperWriter(connection).delete_some(number, 1)

    def page(
        self, name: str, *, search: str = "", after: Cursor | None = None, limit: int = 200
    ) -> Page:
        """One page of the papers of a corpus that match `search`, the newest first.

        Args:
            search: words, the last of which may be a prefix; or an arXiv id.

        Raises:
            UsageError: there is no such corpus.
        """
        with self.reading():
            number, papers, changes = self.numbers(name)
            return self._paginator.page(
                number, papers, changes, search=search, after=after, limit=limit
            )

    def paper(self, id: str) -> Paper:  # noqa: A002
        """The paper with that arXiv id, in any of its spellings.

        Raises:
            UsageError: it is in no corpus.
        """
        with self.reading():
            key = find_key(self._connection, plain_id(id))
            row = self._connection.execute(_PAPER, (key,)).fetchone()
            if row is None:
                raise UsageError(f"There is no paper {id!r} in any corpus.")
            return _paper(row)

    def papers(self, name: str, *, abstracts: bool = True) -> Iterator[Paper]:
        """All papers of a corpus, the newest first.

        Raises:
            UsageError: there is no such corpus.
        """
        number = self._number(name)
        return (_paper(row[1:]) for row in self.stream(_PAPERS, number, abstracts))

    def titles(self, name: str | None) -> Iterator[str]:
        """All titles of a corpus, or of all, the newest first.

        Raises:
            UsageError: there is no such corpus.
        """
        if name is None:
            return (title for _, title in self.stream(_ALL_TITLES))
        return (title for _, title in self.stream(_TITLES, self._number(name)))

    def stream(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, read in pieces so that no reader blocks a writer.

        Args:
            query: its first column is a key, in falling order; its last two parameters are the
                key to stay below and the number of rows.
        """
        before = 1 << 62
        while rows := self.rows(query, *values, before, _PIECE):
            yield from rows
            before = rows[-1][0]

    def numbers(self, name: str) -> CorpusNumbers:
        """A corpus's row number, papers and changes.

        Raises:
            UsageError: there is no such corpus.
        """
        row = self._connection.execute(
            "SELECT number, papers, changes FROM corpora WHERE name = ? AND NOT hidden",
            (_storable(name),),
        ).fetchone()
        if row is None:
            raise self._unknown(name)
        return CorpusNumbers(*row)

    def _number(self, name: str) -> int:
        with self.reading():
            return self.numbers(name).number

    def _unknown(self, name: str) -> UsageError:
        known = self.rows("SELECT name FROM corpora WHERE NOT hidden ORDER BY updated DESC LIMIT 8")
        hint = f"there are: {', '.join(row[0] for row in known)}" if known else "there is none yet"
        return UsageError(f"There is no corpus named {name!r}; {hint}.")

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows of a query, for the modules that keep their own tables here."""
        with self.reading():
            return self._connection.execute(query, values).fetchall()

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Run the block in one transaction.

        Raises:
            TitletuiError: the store is read-only.
        """
        with self.reading():
            if self.read_only:
                raise TitletuiError(f"{self.path} was opened for reading only.")
            with transaction(self._connection):
                yield self._connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one thread at a time; errors of SQLite become `TitletuiError`s.

        Raises:
            DatabaseDamagedError: the next `CorpusStore.open` then reads every page.
        """
        try:
            with self._lock, translate_errors(self.path):
                yield self._connection
        except DatabaseDamagedError as error:
            raise mark_suspect(error, self.path) from error


def _paper(row: tuple[Any, ...]) -> Paper:
    id_, title, categories, authors, created, updated, datestamp, deleted, abstract = row
    return Paper(
        id=id_,
        title=title,
        abstract=abstract or "",
        categories=categories,
        authors=authors,
        created=created,
        updated=updated,
        datestamp=datestamp,
        deleted=bool(deleted),
    )


def _storable(name: str) -> str:
    """`name` as SQLite takes it: without the surrogates that stand for invalid UTF-8."""
    return name.encode(errors="replace").decode()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
