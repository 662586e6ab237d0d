"""What a harvest has seen: written together with the papers, page by page."""

import sqlite3
from collections.abc import Sequence

import msgspec

from titletui.arxiv.filters import Filter, keeps
from titletui.arxiv.oai_records import Entry
from titletui.corpus.job_state import read_mark, write_mark
from titletui.corpus.store import CorpusStore
from titletui.corpus.upsert import Added, find_key
from titletui.errors import TitletuiError

FILTERED = "filtered"
DELETED = "deleted"
_MARK = "harvest"
_UNKNOWN = """
    SELECT json_extract(j.value, '$[1]'), json_extract(j.value, '$[2]')
    FROM json_each(?1) j
    LEFT JOIN members m ON m.corpus = ?2 AND m.key = json_extract(j.value, '$[0]')
    LEFT JOIN papers p ON p.key = m.key
    LEFT JOIN aside a ON a.corpus = ?2 AND a.id = json_extract(j.value, '$[1]')
    WHERE coalesce(p.datestamp, '') < json_extract(j.value, '$[2]')
    AND coalesce(a.datestamp, '') < json_extract(j.value, '$[2]')"""
_ASIDE = """
    INSERT INTO aside VALUES (?, ?, ?, ?, ?) ON CONFLICT (corpus, id) DO UPDATE
    SET datestamp = excluded.datestamp, reason = excluded.reason, raw = excluded.raw"""
_WITHDRAW = "UPDATE papers SET deleted = 1, datestamp = ?2 WHERE key = ?1 AND datestamp <= ?2"


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What a harvest pulls.

    Attributes:
        category: arXiv's code for it.
        start, until: days of the last modification, both inclusive, or empty.
        filters: which of the papers are kept.
    """

    corpus: str
    category: str
    start: str = ""
    until: str = ""
    filters: tuple[Filter, ...] = ()


class HarvestCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Counters of a harvest.

    Attributes:
        new, updated, skipped: as `Added` has them; what the filters leave out is `filtered`.
        deleted: records that arXiv has withdrawn.
        aside: records without a usable paper, kept with their raw bytes.
        repaired: papers of which characters had to be replaced.
        recovered: papers that the list had lost and the check found.
    """

    seen: int = 0
    new: int = 0
    updated: int = 0
    skipped: int = 0
    filtered: int = 0
    deleted: int = 0
    aside: int = 0
    repaired: int = 0
    recovered: int = 0
    pages: int = 0


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """How far a harvest is.

    Attributes:
        stage: `list`, then `check`, then `done`.
        since: the first day of the window; empty where it has none.
        oldest: the first datestamp that came.
        reached: the datestamp of the last record that was stored.
        token: for the next page.
        first_day: the server's day at the first page.
        watermark: `first_day` of the last harvest that became complete; where the next starts.
        rounds: checks that found something missing.
    """

    query: Query
    stage: str = "list"
    since: str = ""
    oldest: str = ""
    reached: str = ""
    token: str = ""
    first_day: str = ""
    watermark: str = ""
    rounds: int = 0
    tally: HarvestCounts = HarvestCounts()


class Ledger:
    """The harvest of one corpus, in the store."""

    def __init__(self, store: CorpusStore, corpus: str) -> None:
        self._store = store
        self._corpus = corpus

    def chain(self) -> Chain | None:
        """How far the last harvest came; None where there was none."""
        state = read_mark(self._store, self._corpus, _MARK)
        if state is None:
            return None
        try:
            chain = msgspec.json.decode(state, type=Chain)
        except msgspec.MsgspecError as error:
            raise TitletuiError(
                f"What was kept of the harvest of {self._corpus} cannot be read ({error}); "
                "delete the corpus and scrape it again."
            ) from error
        query = msgspec.structs.replace(chain.query, corpus=self._corpus)
        return msgspec.structs.replace(chain, query=query)

    def write(self, chain: Chain) -> None:
        """Remembers how far the harvest is."""
        self._store.add(self._corpus, (), also=lambda c, number, _: _keep(c, number, chain))

    def store(self, chain: Chain, entries: Sequence[Entry], *, recovered: int = 0) -> Chain:
        """Stores a page and how far the harvest is with it, in one transaction.

        Returns `chain` with its tally brought up to date.
        """
        filters = chain.query.filters
        kept = [e for e in entries if e.paper is not None and keeps(filters, e.paper)]
        filtered = [e for e in entries if e.paper is not None and not keeps(filters, e.paper)]
        without = [e for e in entries if e.paper is None and e.id]
        after = chain

        def also(connection: sqlite3.Connection, number: int, added: Added) -> None:
            nonlocal after
            _set_aside(connection, number, without, [*filtered, *(e for e in kept if e.raw)])
            after = msgspec.structs.replace(
                chain, tally=_counted(chain.tally, entries, added, len(filtered), recovered)
            )
            _keep(connection, number, after)

        self._store.add(self._corpus, [e.paper for e in kept if e.paper is not None], also=also)
        return after

    def unknown(self, entries: Sequence[Entry]) -> list[Entry]:
        """Those of `entries` that are neither in the corpus nor set aside, or newer than there."""
        number = self._store.numbers(self._corpus)[0]
        with self._store.reading() as connection:
            asked = [[find_key(connection, e.id), e.id, e.datestamp] for e in entries if e.id]
        found = self._store.rows(_UNKNOWN, msgspec.json.encode(asked).decode(), number)
        missing = {id_ for id_, _ in found}
        return [entry for entry in entries if entry.id in missing]

    def aside(self) -> list[Entry]:
        """The records that were kept aside, with their raw bytes."""
        number = self._store.numbers(self._corpus)[0]
        found = self._store.rows(
            "SELECT id, datestamp, reason, raw FROM aside WHERE corpus = ? AND reason <> ? "
            "ORDER BY id",
            number,
            FILTERED,
        )
        return [Entry(id=i, datestamp=d, reason=reason, raw=raw) for i, d, reason, raw in found]

    def finish(self, chain: Chain) -> None:
        """Remembers that the harvest is complete, and forgets what only the check needed."""

        def also(connection: sqlite3.Connection, number: int, _: Added) -> None:
            connection.execute(
                "DELETE FROM aside WHERE corpus = ? AND reason = ?", (number, FILTERED)
            )
            _keep(connection, number, chain)

        self._store.add(self._corpus, (), also=also)


def _keep(connection: sqlite3.Connection, number: int, chain: Chain) -> None:
    write_mark(connection, number, _MARK, msgspec.json.encode(chain))


def _set_aside(
    connection: sqlite3.Connection,
    number: int,
    without: Sequence[Entry],
    others: Sequence[Entry],
) -> None:
    rows = [(number, e.id, e.datestamp, e.reason, e.raw) for e in without]
    rows += [(number, e.id, e.datestamp, "repaired" if e.raw else FILTERED, e.raw) for e in others]
    connection.executemany(_ASIDE, rows)
    for entry in without:
        if entry.reason == DELETED:
            key = find_key(connection, entry.id)
            connection.execute(_WITHDRAW, (key, entry.datestamp))


def _counted(
    tally: HarvestCounts, entries: Sequence[Entry], added: Added, filtered: int, recovered: int
) -> HarvestCounts:
    deleted = sum(entry.reason == DELETED for entry in entries)
    return msgspec.structs.replace(
        tally,
        seen=tally.seen + len(entries),
        new=tally.new + added.new,
        updated=tally.updated + added.updated,
        skipped=tally.skipped + added.skipped,
        filtered=tally.filtered + filtered,
        deleted=tally.deleted + deleted,
        aside=tally.aside + sum(bool(e.reason) for e in entries) - deleted,
        repaired=tally.repaired + sum(e.repaired for e in entries),
        recovered=tally.recovered + recovered,
        pages=tally.pages + 1,
    )
