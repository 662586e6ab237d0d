"""The harvest loop: list the records page by page, then reconcile with the list of identifiers.

arXiv pages by offset over a table that changes meanwhile: papers that are modified between two
pages make a client lose others, silently. So after the list has ended, `ListIdentifiers` over the
same window tells which records are missing, and these are fetched.

A page that fails again and again is gone past: its records are fetched day by day and, on the day
that fails too, one by one, until the one that cannot be had is known and quarantined.
"""

from collections.abc import Iterator
from datetime import date, timedelta

from msgspec.structs import replace

from titletui.arxiv.categories import find_category
from titletui.arxiv.client import OaiClient, TransientError
from titletui.arxiv.filters import first_month
from titletui.arxiv.harvest_state import DELETED, HarvestQuery, HarvestState, HarvestStore
from titletui.arxiv.oai_pmh import RAW_LENGTH, MalformedXmlError, oai_set, parse_response
from titletui.arxiv.oai_records import EARLIEST, OaiRecord, OaiResponse
from titletui.arxiv.progress import HarvestProgress, explain_nothing_new
from titletui.errors import TitletuiError

OVERLAP_DAYS = 3
"""An update asks for the last days before the watermark again."""

RECONCILE_ROUNDS = 3
_EMPTY_PAGES = 5
_RESTARTS = 5
_SPLIT_TRIES = 3
_WHOLE_DAY_FROM = 10
_NOTES_A_PAGE = 10


class HarvestError(TitletuiError):
    """The list cannot be read to its end."""


class Harvester:
    """Harvests one category into one corpus.

    The state is saved with each page, so a harvest that was killed resumes at the page in flight.
    """

    def __init__(
        self,
        query: HarvestQuery,
        client: OaiClient,
        store: HarvestStore,
        progress: HarvestProgress,
    ) -> None:
        self._query = query
        self._set = oai_set(find_category(query.category))
        self._client = client
        self._store = store
        self._progress = progress

    def run(self, *, reconcile: bool = True) -> str:
        """Harvest to the end.

        Args:
            reconcile: compare with the list of identifiers before the harvest is complete.

        Returns:
            A sentence where no paper was new or updated; else an empty string.

        Raises:
            StoppedError: the job was asked to stop; what came is stored.
            TitletuiError: the harvest cannot go on; what came is stored.
        """
        state = self._start_or_resume()
        self._show(state)
        try:
            while state.stage == "list":
                state = self._list_records(state)
            while state.stage == "check" and reconcile:
                state = self._reconcile(state)
        except TransientError as error:
            raise HarvestError(
                f"{str(error).rstrip('.')}, each time that it was asked; what came is kept, "
                "resume later."
            ) from error
        before = state.watermark
        state = replace(state, stage="done", token="", watermark=state.first_day or before)
        self._store.finish(state)
        self._show(state)
        nothing_new = explain_nothing_new(state, before, self._client.server)
        self._note_outcome(state, nothing_new)
        return nothing_new

    def _start_or_resume(self) -> HarvestState:
        """The state of an unfinished harvest with the same query; else a new one.

        An update starts `OVERLAP_DAYS` before the last complete harvest began.
        """
        known = self._store.load()
        if known is None or known.query != self._query:
            state = HarvestState(query=self._query, since=_first_day(self._query))
        elif known.stage != "done":
            self._progress.note(f"Goes on at {known.reached or 'the beginning'}.")
            return known
        else:
            since = _first_day(self._query)
            if known.watermark:
                overlap = date.fromisoformat(known.watermark) - timedelta(days=OVERLAP_DAYS)
                since = max(since, overlap.isoformat())
            state = HarvestState(query=self._query, since=since, watermark=known.watermark)
        self._store.save(state)
        return state

    def _list_records(self, state: HarvestState) -> HarvestState:
        """Store pages until the list ends, is restarted, or a page cannot be had."""
        tokens: set[str] = set()
        empty_pages = restarts = 0
        while True:
            try:
                response = self._request(self._list_query(state))
            except TransientError as error:
                if not error.broken_page:
                    raise
                return self._pass_broken_page(state, error)
            if response.error == "badResumptionToken" and state.token:
                restarts += 1
                if restarts > _RESTARTS:
                    raise HarvestError(
                        f"{self._client.server} forgets the place in the list again and again; "
                        "resume later."
                    )
                self._progress.note(
                    f"{self._client.server} forgot the place in the list; goes on from "
                    f"{state.reached or 'the beginning'}."
                )
                state = replace(state, token="")
                tokens.clear()
                continue
            if response.error == "noRecordsMatch":
                return self._end_listing(state, response)
            self._raise_error(response)
            self._refuse_repeated_token(response.token, tokens)
            empty_pages = 0 if response.records else empty_pages + 1
            if empty_pages >= _EMPTY_PAGES:
                raise HarvestError(
                    f"{self._client.server} sent {empty_pages} empty pages in a row; resume later."
                )
            reached, state = state.reached, self._save_page(state, response)
            restarts = restarts if state.reached == reached else 0
            if not response.token or self._is_past_window(response):
                return self._end_listing(state, response)

    def _end_listing(self, state: HarvestState, response: OaiResponse) -> HarvestState:
        explain_nothing_new = not state.counts.pages and not state.token
        state = replace(
            state,
            stage="done" if explain_nothing_new else "check",
            token="",
            first_day=state.first_day or response.day,
        )
        self._store.save(state)
        return state

    def _save_page(
        self, state: HarvestState, response: OaiResponse, *, recovered: int = 0
    ) -> HarvestState:
        """Store a page with the state after it.

        Args:
            recovered: papers of the page that the list had lost.
        """
        records = self._in_window(response.records)
        # A datestamp after the server's own day would make a resumed list start in the future.
        stamps = [
            record.datestamp
            for record in response.records
            if record.datestamp and record.datestamp <= (response.day or record.datestamp)
        ]
        ahead = replace(
            state,
            token=response.token,
            oldest=state.oldest or min(stamps, default=""),
            reached=max([state.reached, *stamps]),
            first_day=state.first_day or response.day,
        )
        saved = self._store.save_page(ahead, records, recovered=recovered)
        rejected = [record for record in records if record.reason not in ("", DELETED)]
        for record in rejected[:_NOTES_A_PAGE]:
            self._progress.note(
                f"{record.id or 'A record'} was quarantined: {record.reason}.", "warning"
            )
        self._show(saved)
        return saved

    def _reconcile(self, state: HarvestState) -> HarvestState:
        """Compare with the list of identifiers and fetch what is missing or newer there."""
        missing = recovered = 0
        token = state.token
        tokens: set[str] = set()
        while True:
            self._progress.set_waiting("checks that nothing was lost")
            response = self._request(self._identifiers_query(state.since, token))
            if response.error == "badResumptionToken" and token:
                token = ""
                tokens.clear()
                continue
            if response.error == "noRecordsMatch":
                break
            self._raise_error(response)
            unknown = self._store.unknown(self._in_window(response.records))
            missing += len(unknown)
            for page, count in self._fetch_missing(unknown):
                state = self._save_page(state, page, recovered=count)
                recovered += count
            token = response.token
            self._refuse_repeated_token(token, tokens)
            state = replace(state, token=token)
            self._store.save(state)
            if not token or self._is_past_window(response):
                break
        if recovered:
            self._progress.note(f"The check found {recovered:,} papers that the list had lost.")
        rounds = state.rounds + (missing > 0)
        complete = not missing or rounds >= RECONCILE_ROUNDS
        state = replace(state, token="", rounds=rounds, stage="done" if complete else "check")
        self._store.save(state)
        return state

    def _fetch_missing(self, missing: list[OaiRecord]) -> Iterator[tuple[OaiResponse, int]]:
        """Pages with missing records, and how many papers each recovers.

        A day that lacks many records is fetched whole, others record by record.
        """
        by_day: dict[str, list[OaiRecord]] = {}
        for record in missing:
            by_day.setdefault(record.datestamp, []).append(record)
        for day, records in sorted(by_day.items()):
            if len(records) >= _WHOLE_DAY_FROM and day:
                yield from self._fetch_day(day)
            for page in self._fetch_records(self._store.unknown(records)):
                yield page, sum(record.paper is not None for record in page.records)

    def _fetch_day(self, day: str) -> Iterator[tuple[OaiResponse, int]]:
        """The pages of one day, and how many records of each were unknown."""
        query = {**self._set_query("ListRecords"), "from": day, "until": day}
        while True:
            response = self._request(query, tries=_SPLIT_TRIES)
            if response.error:
                return
            unknown = len(self._store.unknown(self._in_window(response.records)))
            yield replace(response, token=""), unknown
            if not response.token:
                return
            query = {"verb": "ListRecords", "resumptionToken": response.token}

    def _fetch_records(self, records: list[OaiRecord]) -> Iterator[OaiResponse]:
        """Each record as a page of its own; one that cannot be had is to be quarantined."""
        for record in records:
            if record.reason == DELETED:
                yield OaiResponse(day="", records=[record])
                continue
            query = {
                "verb": "GetRecord",
                "metadataPrefix": "arXiv",
                "identifier": f"oai:arXiv.org:{record.id}",
            }
            try:
                response = self._request(query, tries=_SPLIT_TRIES)
            except TransientError as error:
                if not error.broken_page:
                    raise
                raw = error.body if isinstance(error, MalformedXmlError) else b""
                response = OaiResponse(day="", error="unusable", message=str(error))
            else:
                raw = response.records[0].raw if response.records else b""
            if response.error or [one.id for one in response.records] != [record.id]:
                why = response.message or response.error or "another came"
                bad = replace(record, reason=f"it cannot be had ({why})", raw=raw[:RAW_LENGTH])
                yield OaiResponse(day="", records=[bad])
            else:
                yield response

    def _pass_broken_page(self, state: HarvestState, error: TransientError) -> HarvestState:
        """Get the records of a page that cannot be had, or let the list restart after it.

        A malformed page is salvaged record by record. Otherwise its days are fetched one after
        the other, and the records of the day that cannot be had one by one.
        """
        if isinstance(error, MalformedXmlError):
            response = parse_response(error.body, salvage=True)
            if response.records:
                state = self._save_page(state, response)
                return state if response.token else self._end_listing(state, response)
        self._progress.note(f"A page cannot be had ({error}); goes on day by day.", "warning")
        start, token = state.reached or state.since, ""
        fetched: set[str] = set()
        tokens: set[str] = set()
        while True:
            response = self._request(self._identifiers_query(start, token))
            self._raise_error(response)
            stamps = {record.datestamp for record in self._in_window(response.records)}
            days = sorted(stamps - fetched)
            for place, day in enumerate(days):
                try:
                    for page, _ in self._fetch_day(day):
                        state = self._save_page(state, page)
                    fetched.add(day)
                except TransientError:
                    wanted = [record for record in response.records if record.datestamp == day]
                    for page in self._fetch_records(self._store.unknown(wanted)):
                        state = self._save_page(state, page)
                    if place + 1 < len(days):
                        return self._restart_at(state, days[place + 1])
            token = response.token
            if not token or self._is_past_window(response):
                return self._end_listing(state, response)
            if days and days[-1] > start:
                return self._restart_at(state, days[-1])
            self._refuse_repeated_token(token, tokens)

    def _restart_at(self, state: HarvestState, day: str) -> HarvestState:
        """Let the list start anew at `day`."""
        state = replace(state, reached=day, token="")
        self._store.save(state)
        return state

    def _refuse_repeated_token(self, token: str, seen: set[str]) -> None:
        """Raise `HarvestError` if `token` was seen; else add it to `seen`."""
        if token in seen:
            raise HarvestError(
                f"{self._client.server} gives the same page again and again; resume later."
            )
        seen |= {token} - {""}

    def _request(self, query: dict[str, str], *, tries: int | None = None) -> OaiResponse:
        response = self._client.get(query, parse_response, tries=tries)
        self._progress.today = response.day or self._progress.today
        return response

    def _list_query(self, state: HarvestState) -> dict[str, str]:
        if state.token:
            return {"verb": "ListRecords", "resumptionToken": state.token}
        start = state.reached or state.since
        return self._set_query("ListRecords") | ({"from": start} if start else {})

    def _identifiers_query(self, start: str, token: str) -> dict[str, str]:
        if token:
            return {"verb": "ListIdentifiers", "resumptionToken": token}
        return self._set_query("ListIdentifiers") | ({"from": start} if start else {})

    def _set_query(self, verb: str) -> dict[str, str]:
        return {"verb": verb, "metadataPrefix": "arXiv", "set": self._set}

    def _in_window(self, records: list[OaiRecord]) -> list[OaiRecord]:
        """Those of `records` modified on or before the query's last day.

        `until` is never sent: arXiv refuses one that is ahead of its clock, and ours may be wrong.
        """
        until = self._query.until
        return [record for record in records if record.datestamp <= until] if until else records

    def _is_past_window(self, response: OaiResponse) -> bool:
        until = self._query.until
        return bool(until and response.records) and not self._in_window(response.records)

    def _raise_error(self, response: OaiResponse) -> None:
        if response.error:
            raise HarvestError(
                f"{self._client.server} refuses the request ({response.error}): "
                f"{response.message.rstrip('.')}."
            )

    def _show(self, state: HarvestState) -> None:
        self._progress.state = state
        self._progress.set_waiting("")
        self._progress.emit()

    def _note_outcome(self, state: HarvestState, nothing_new: str) -> None:
        note, counts = self._progress.note, state.counts
        if nothing_new:
            note(nothing_new)
        if counts.repaired:
            note(
                f"In {counts.repaired:,} papers characters that XML forbids were replaced.",
                "warning",
            )
        if counts.quarantined:
            note(f"{counts.quarantined:,} records were quarantined.", "warning")
        self._progress.emit(force=True)


def _first_day(query: HarvestQuery) -> str:
    """The first day of modification to ask for; empty for arXiv's first.

    A paper cannot have been modified before the month of its submission.
    """
    month = first_month(query.filters)
    start = max(query.start, f"{month}-01" if month > "1991" else "")
    return start if start > EARLIEST else ""
