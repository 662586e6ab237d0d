"""Undoing imports: what each added and changed is kept until it is undone or too old."""

import hashlib
import sqlite3
from array import array
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from titletui.corpus.normalize import PaperRow
from titletui.corpus.store import CorpusStore
from titletui.corpus.upsert import Change, PaperWriter
from titletui.errors import TitletuiError, UsageError

KEPT_IMPORTS = 20
"""Imports that can be undone, the newest ones."""

_SELECT = """
    SELECT i.number, c.name, i.source, i.time, i.added, i.changed
    FROM imports i JOIN corpora c ON c.number = i.corpus AND NOT c.hidden"""
_CURRENT = """
    SELECT p.key, p.id, p.title, p.categories, p.authors, p.created, p.updated, p.datestamp,
    p.deleted, coalesce(a.text, '') FROM papers p LEFT JOIN abstracts a ON a.key = p.key
    WHERE p.key = ?"""


class ImportRecord(msgspec.Struct, frozen=True):
    """An import that can be undone.

    Attributes:
        time: when it began, ISO 8601 in UTC.
        added: papers that it added to the corpus.
        changed: papers that it changed.
    """

    number: int
    corpus: str
    source: str
    time: str
    added: int
    changed: int


class Undone(msgspec.Struct, frozen=True):
    """What undoing an import did.

    Attributes:
        removed: papers that are no longer in the corpus.
        restored: papers that are as they were before.
        kept: papers that were changed again since and stay as they are.
        deleted_corpus: nothing was left of the corpus.
    """

    corpus: str
    removed: int = 0
    restored: int = 0
    kept: int = 0
    deleted_corpus: bool = False


def begin_import(store: CorpusStore, corpus: str, source: str) -> int:
    """Begin to record an import; return its number. Records of the oldest imports are deleted."""
    with store.writing() as connection:
        number = store.numbers(corpus).number
        cursor = connection.execute(
            "INSERT INTO imports (corpus, source, time) VALUES (?, ?, ?)",
            (number, source, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
        )
        new = cursor.lastrowid
        assert new is not None
        old = connection.execute(
            "SELECT number FROM imports ORDER BY number DESC LIMIT -1 OFFSET ?", (KEPT_IMPORTS,)
        ).fetchall()
        for (one,) in old:
            _forget(connection, one)
    return new


def record_changes(
    connection: sqlite3.Connection, number: int, joined: Sequence[int], changed: Sequence[Change]
) -> None:
    """Record what one transaction of an import did.

    Args:
        joined: keys of the papers that are new in the corpus.
        changed: rows before and after.
    """
    before = [(change.before, hash_row(change.after)) for change in changed]
    connection.execute(
        "INSERT INTO import_changes (import, joined, changed) VALUES (?, ?, ?)",
        (number, array("q", joined).tobytes(), msgspec.json.encode(before)),
    )
    connection.execute(
        "UPDATE imports SET added = added + ?, changed = changed + ? WHERE number = ?",
        (len(joined), len(changed), number),
    )


def last_import(store: CorpusStore, corpus: str | None = None) -> ImportRecord | None:
    """The newest import that can be undone, into `corpus` or into any; None if there is none.

    Raises:
        UsageError: there is no such corpus.
    """
    if corpus is not None:
        store.summary(corpus)
    found = store.rows(
        f"{_SELECT} WHERE ?1 IS NULL OR c.name = ?1 ORDER BY i.number DESC LIMIT 1", corpus
    )
    return ImportRecord(*found[0]) if found else None


def undo_import(
    store: CorpusStore, number: int, on_progress: Callable[[int], None] = lambda _: None
) -> Undone:
    """Undo an import: what it added is removed, what it changed is as it was before.

    A paper that was changed again since stays. This takes one short transaction for each of the
    import's own; where it is cut off, the next call goes on.

    Args:
        on_progress: called after each transaction with the papers undone so far.

    Raises:
        UsageError: there is no such import.
    """
    found = store.rows(f"{_SELECT} WHERE i.number = ?", number)
    if not found:
        raise UsageError("That import cannot be undone: it is too old, or was undone already.")
    corpus = ImportRecord(*found[0]).corpus
    removed = restored = kept = 0
    while True:
        with store.writing() as connection:
            row = connection.execute(
                "SELECT number, joined, changed FROM import_changes WHERE import = ? "
                "ORDER BY number DESC LIMIT 1",
                (number,),
            ).fetchone()
            if row is None:
                _forget(connection, number)
                break
            change, joined, changed = row
            writer = PaperWriter(connection)
            for before, after_hash in _decode(changed):
                current = connection.execute(_CURRENT, (before.key,)).fetchone()
                if current is not None and hash_row(PaperRow(*current)) == after_hash:
                    writer.replace(PaperRow(*current), before)
                    restored += 1
                else:
                    kept += 1
            keys = array("q")
            keys.frombytes(joined)
            corpus_number = store.numbers(corpus).number
            gone = writer.leave(corpus_number, list(keys))
            removed += gone
            connection.execute(
                "UPDATE corpora SET papers = papers - ?, changes = changes + 1 WHERE number = ?",
                (gone, corpus_number),
            )
            connection.execute("DELETE FROM import_changes WHERE number = ?", (change,))
        on_progress(removed + restored)
    return Undone(corpus, removed, restored, kept, store.delete_if_empty(corpus))


def hash_row(row: PaperRow) -> str:
    """A short hash of a paper's row."""
    return hashlib.blake2b(msgspec.json.encode(row), digest_size=8).hexdigest()


def _decode(changed: bytes) -> list[tuple[PaperRow, str]]:
    try:
        return msgspec.json.decode(changed, type=list[tuple[PaperRow, str]])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise TitletuiError(f"What the import changed cannot be read ({error}).") from error


def _forget(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("DELETE FROM import_changes WHERE import = ?", (number,))
    connection.execute("DELETE FROM imports WHERE number = ?", (number,))
