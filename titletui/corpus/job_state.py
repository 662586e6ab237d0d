"""How far a job is with a corpus, kept beside the papers so that both are written at once."""

import sqlite3

from titletui.corpus.store import CorpusStore


def read_mark(store: CorpusStore, name: str, kind: str) -> bytes | None:
    """The state that was written last; None where there is none."""
    found = store.rows(
        "SELECT state FROM marks JOIN corpora ON number = corpus WHERE name = ? AND kind = ?",
        name,
        kind,
    )
    return bytes(found[0][0]) if found else None


def write_mark(connection: sqlite3.Connection, number: int, kind: str, state: bytes) -> None:
    """Remembers a state, in the caller's transaction.

    Args:
        number: the corpus's.
    """
    connection.execute(
        "INSERT INTO marks VALUES (?, ?, ?) "
        "ON CONFLICT (corpus, kind) DO UPDATE SET state = excluded.state",
        (number, kind, state),
    )


def forget_mark(store: CorpusStore, name: str, kind: str) -> None:
    """Forgets the state, where there is one."""
    with store.writing() as connection:
        connection.execute(
            "DELETE FROM marks WHERE corpus = (SELECT number FROM corpora WHERE name = ?) "
            "AND kind = ?",
            (name, kind),
        )
