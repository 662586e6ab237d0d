"""The progress of a job with a corpus, committed in the same transaction as the papers."""

import sqlite3

from titletui.corpus.store import CorpusStore


def read_state(store: CorpusStore, corpus: str, kind: str) -> bytes | None:
    """The state that was written last; None where there is none.

    Args:
        kind: of the job, `harvest` or `import`.
    """
    found = store.rows(
        "SELECT state FROM marks JOIN corpora ON number = corpus WHERE name = ? AND kind = ?",
        corpus,
        kind,
    )
    return bytes(found[0][0]) if found else None


def write_state(connection: sqlite3.Connection, number: int, kind: str, state: bytes) -> None:
    """Write a state in the caller's transaction.

    Args:
        number: of the corpus (see `CorpusStore.numbers`).
    """
    connection.execute(
        "INSERT INTO marks VALUES (?, ?, ?) "
        "ON CONFLICT (corpus, kind) DO UPDATE SET state = excluded.state",
        (number, kind, state),
    )


def delete_state(store: CorpusStore, corpus: str, kind: str) -> None:
    """Delete the state, if there is one."""
    with store.writing() as connection:
        connection.execute(
            "DELETE FROM marks WHERE corpus = (SELECT number FROM corpora WHERE name = ?) "
            "AND kind = ?",
            (corpus, kind),
        )
