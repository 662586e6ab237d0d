"""The state of a harvest, stored in the same transaction as the papers of each page."""

import sqlite3
from collections.abc import Sequence

import msgspec

from titletui.arxiv.filters import Filter, keeps
from titletui.arxiv.oai_records import OaiRecord, valid_day
from titletui.corpus.job_state import read_state, write_state
from titletui.corpus.store import CorpusStore
from titletui.corpus.upsert import Added, find_key
from titletui.errors import TitletuiError

DELETED = "deleted"
_FILTERED = "filtered"
_REPAIRED = "repaired"
_JOB = "harvest"
_DAYS = ("since", "oldest", "reached", "first_day", "watermark")
_UNKNOWN = """
    SELECT json_extract(j.value, '$[1]'), json_extract(j.value, '$[2]')
    FROM json_each(?1) j
    LEFT JOIN members m ON m.corpus = ?2 AND m.key = json_extract(j.value, '$[0]')
    LEFT JOIN papers p ON p.key = m.key
    LEFT JOIN aside a ON a.corpus = ?2 AND a.id = json_extract(j.value, '$[1]')
    WHERE coalesce(p.datestamp, '') < json_extract(j.value, '$[2]')
    AND coalesce(a.datestamp, '') < json_extract(j.value, '$[2]')"""
_QUARANTINE = """
    INSERT INTO aside VALUES (?, ?, ?, ?, ?) ON CONFLICT (corpus, id) DO UPDATE
    SET datestamp = excluded.datestamp, reason = excluded.reason, raw = excluded.raw"""
_QUARANTINED = """
    SELECT id, datestamp, reason, raw FROM aside WHERE corpus = ? AND reason <> ? ORDER BY id"""
_MARK_DELETED = "UPDATE papers SET deleted = 1, datestamp = ?2 WHERE key = ?1 AND datestamp <= ?2"


class HarvestQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What to harvest.

    Attributes:
        corpus: where the papers go.
        category: arXiv's code for it.
        start, until: ISO days of the last modification, both inclusive, or empty.
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
        seen: records that arXiv sent.
        new, updated, skipped: as `Added` counts them.
        filtered: papers that the filters leave out.
        deleted: records that arXiv has withdrawn.
        quarantined: records without a usable paper, kept with their raw bytes.
        repaired: papers in which characters that XML forbids were replaced.
        recovered: papers that the list had lost and reconciling found.
        pages: pages stored.
    """

    seen: int = 0
    new: int = 0
    updated: int = 0
    skipped: int = 0
    filtered: int = 0
    deleted: int = 0
    quarantined: int = msgspec.field(default=0, name="aside")
    repaired: int = 0
    recovered: int = 0
    pages: int = 0


class HarvestState(msgspec.Struct, frozen=True, kw_only=True):
    """How far a harvest is; what it needs to resume.

    Attributes:
        stage: `list` (pages of records), then `check` (reconciling), then `done`.
        since: the first day of the window; empty where it has none.
        oldest: the first datestamp that came.
        reached: the datestamp of the last record that was stored.
        token: resumption token for the next page.
        first_day: the server's day at the first page.
        watermark: `first_day` of the last complete harvest; the next update starts there.
        rounds: reconciling passes that found something missing.
    """

    query: HarvestQuery
    stage: str = "list"
    since: str = ""
    oldest: str = ""
    reached: str = ""
    token: str = ""
    first_day: str = ""
    watermark: str = ""
    rounds: int = 0
    counts: HarvestCounts = msgspec.field(default=HarvestCounts(), name="tally")


class HarvestStore:
    """Papers, state and quarantine of the harvest of one corpus."""

    def __init__(self, store: CorpusStore, corpus: str) -> None:
        self._store = store
        self._corpus = corpus

    def load(self) -> HarvestState | None:
        """The state that was saved last; None where there is none.

        Raises:
            TitletuiError: it is damaged.
        """
        data = read_state(self._store, self._corpus, _JOB)
        if data is None:
            return None
        try:
            state = msgspec.json.decode(data, type=HarvestState)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise TitletuiError(
                f"The saved state of the harvest of {self._corpus} cannot be read ({error}); "
                "delete the corpus and scrape it again."
            ) from error
        days = {name: valid_day(getattr(state, name)) for name in _DAYS}
        query = msgspec.structs.replace(state.query, corpus=self._corpus)
        return msgspec.structs.replace(state, query=query, **days)

    def save(self, state: HarvestState) -> None:
        """Save how far the harvest is."""
        self._store.add(self._corpus, (), within_transaction=lambda c, n, _: _write(c, n, state))

    def save_page(
        self, state: HarvestState, records: Sequence[OaiRecord], *, recovered: int = 0
    ) -> HarvestState:
        """Store the papers of a page and the state after it, in one transaction.

        Returns `state` with its counts brought up to date.
        """
        filters = state.query.filters
        kept: list[OaiRecord] = []
        filtered: list[OaiRecord] = []
        rejected: list[OaiRecord] = []
        for record in records:
            if record.paper is not None:
                (kept if keeps(filters, record.paper) else filtered).append(record)
            elif record.id:
                rejected.append(record)
        after = state

        def save_with(connection: sqlite3.Connection, number: int, added: Added) -> None:
            nonlocal after
            rows = [(number, r.id, r.datestamp, r.reason, r.raw) for r in rejected]
            rows += [(number, r.id, r.datestamp, _REPAIRED, r.raw) for r in kept if r.raw]
            rows += [
                (number, r.id, r.datestamp, _REPAIRED if r.raw else _FILTERED, r.raw)
                for r in filtered
            ]
            connection.executemany(_QUARANTINE, rows)
            for record in rejected:
                if record.reason == DELETED:
                    key = find_key(connection, record.id)
                    connection.execute(_MARK_DELETED, (key, record.datestamp))
            counts = _counted(state.counts, records, added, len(filtered), recovered)
            after = msgspec.structs.replace(state, counts=counts)
            _write(connection, number, after)

        papers = [record.paper for record in kept if record.paper is not None]
        self._store.add(self._corpus, papers, within_transaction=save_with)
        return after

    def unknown(self, records: Sequence[OaiRecord]) -> list[OaiRecord]:
        """Those of `records` that the corpus and its quarantine lack, or have in an older state."""
        number = self._store.numbers(self._corpus)[0]
        with self._store.reading() as connection:
            keyed = [[find_key(connection, r.id), r.id, r.datestamp] for r in records if r.id]
        found = self._store.rows(_UNKNOWN, msgspec.json.encode(keyed).decode(), number)
        missing = {id_ for id_, _ in found}
        return [record for record in records if record.id in missing]

    def quarantined(self) -> list[OaiRecord]:
        """The records in quarantine, with their raw bytes."""
        number = self._store.numbers(self._corpus)[0]
        return [
            OaiRecord(id=id_, datestamp=datestamp, reason=reason, raw=raw)
            for id_, datestamp, reason, raw in self._store.rows(_QUARANTINED, number, _FILTERED)
        ]

    def finish(self, state: HarvestState) -> None:
        """Save that the harvest is complete, and delete what only reconciling needed."""

        def save_with(connection: sqlite3.Connection, number: int, _: Added) -> None:
            connection.execute(
                "DELETE FROM aside WHERE corpus = ? AND reason = ?", (number, _FILTERED)
            )
            _write(connection, number, state)

        self._store.add(self._corpus, (), within_transaction=save_with)


def _write(connection: sqlite3.Connection, number: int, state: HarvestState) -> None:
    write_state(connection, number, _JOB, msgspec.json.encode(state))


def _counted(
    counts: HarvestCounts,
    records: Sequence[OaiRecord],
    added: Added,
    filtered: int,
    recovered: int,
) -> HarvestCounts:
    deleted = sum(record.reason == DELETED for record in records)
    rejected = sum(bool(record.reason) for record in records)
    return msgspec.structs.replace(
        counts,
        seen=counts.seen + len(records),
        new=counts.new + added.new,
        updated=counts.updated + added.updated,
        skipped=counts.skipped + added.skipped,
        filtered=counts.filtered + filtered,
        deleted=counts.deleted + deleted,
        quarantined=counts.quarantined + rejected - deleted,
        repaired=counts.repaired + sum(record.repaired for record in records),
        recovered=counts.recovered + recovered,
        pages=counts.pages + 1,
    )
