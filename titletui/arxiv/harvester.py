"""The harvest loop: a list page by page, the check of it, and pages that cannot be had whole."""

from collections.abc import Iterator
from datetime import date, timedelta

import msgspec
from arxivscraper import Scraper

from titletui.arxiv.categories import find_category
from titletui.arxiv.client import Fetcher, TransientError
from titletui.arxiv.filters import first_month
from titletui.arxiv.harvest_state import DELETED, Chain, Ledger, Query
from titletui.arxiv.oai_pmh import IllFormedError, oai_set, read_answer
from titletui.arxiv.oai_records import EARLIEST, Answer, Entry
from titletui.arxiv.progress import Reporter, nothing_came
from titletui.errors import TitletuiError

OVERLAP_DAYS = 3
ROUNDS = 3
_EMPTY_PAGES = 5
_RESTARTS = 5
_SPLIT_TRIES = 3
_ONE_BY_ONE = 10
_TOLD = 10


class HarvestError(TitletuiError):
    """The list cannot be read to its end."""


class Harvest(Scraper):  # type: ignore[misc]
    """One harvest of one category into one corpus.

    arxivscraper's `Scraper` checks the category; its loop is not used, because it takes any error
    for the end of the list.
    """

    def __init__(self, query: Query, fetcher: Fetcher, ledger: Ledger, reporter: Reporter) -> None:
        category = find_category(query.category)
        super().__init__(category.code.removeprefix("grp_"), EARLIEST, EARLIEST)
        self.set_spec = oai_set(category)
        self._query = query
        self._fetcher = fetcher
        self._ledger = ledger
        self._reporter = reporter

    def run(self, *, check: bool = True) -> str:
        """Harvests to the end; returns a sentence where nothing came, else nothing.

        Args:
            check: compare with the list of identifiers before calling it complete.

        Raises:
            StoppedError: it was asked to stop; what came is stored.
            TitletuiError: it cannot go on; what came is stored.
        """
        chain = self._begin()
        self._show(chain)
        try:
            while chain.stage == "list":
                chain = self._list(chain)
            while chain.stage == "check" and check:
                chain = self._check(chain)
        except TransientError as error:
            raise self._given_up(error) from error
        before = chain.watermark
        chain = msgspec.structs.replace(
            chain, stage="done", token="", watermark=chain.first_day or before
        )
        self._ledger.finish(chain)
        self._show(chain)
        nothing = nothing_came(chain, before, self._fetcher.server)
        self._conclude(chain, nothing)
        return nothing

    def _begin(self) -> Chain:
        """The harvest that was cut off, or a new one from where the last complete one began."""
        known = self._ledger.chain()
        if known is None or known.query != self._query:
            chain = Chain(query=self._query, since=_first_day(self._query))
        elif known.stage != "done":
            self._reporter.note(f"Goes on at {known.reached or 'the beginning'}.")
            return known
        else:
            start = _first_day(self._query)
            if known.watermark:
                overlap = date.fromisoformat(known.watermark) - timedelta(days=OVERLAP_DAYS)
                start = max(start, overlap.isoformat())
            chain = Chain(query=self._query, since=start, watermark=known.watermark)
        self._ledger.write(chain)
        return chain

    def _list(self, chain: Chain) -> Chain:
        """Pages until the list ends, begins anew, or a page cannot be had."""
        tokens: set[str] = set()
        empty = restarts = 0
        while True:
            try:
                answer = self._ask(self._list_query(chain))
            except TransientError as error:
                if not error.broken:
                    raise
                return self._split(chain, error)
            if answer.error == "badResumptionToken" and chain.token:
                restarts += 1
                if restarts > _RESTARTS:
                    raise HarvestError(
                        f"{self._fetcher.server} forgets the place in the list again and again; "
                        "resume later."
                    )
                self._reporter.note(
                    f"{self._fetcher.server} forgot the place in the list; goes on from "
                    f"{chain.reached or 'the beginning'}."
                )
                chain = msgspec.structs.replace(chain, token="")
                tokens.clear()
                continue
            if answer.error == "noRecordsMatch":
                return self._listed(chain, answer)
            self._refuse_error(answer)
            self._refuse_circle(answer.token, tokens)
            empty = 0 if answer.entries else empty + 1
            if empty >= _EMPTY_PAGES:
                raise HarvestError(
                    f"{self._fetcher.server} sent {empty} empty pages in a row; resume later."
                )
            before, chain = chain.reached, self._store_page(chain, answer)
            restarts = restarts if chain.reached == before else 0
            if not answer.token or self._is_past(answer):
                return self._listed(chain, answer)

    def _listed(self, chain: Chain, answer: Answer) -> Chain:
        nothing = not chain.tally.pages and not chain.token
        chain = msgspec.structs.replace(
            chain,
            stage="done" if nothing else "check",
            token="",
            first_day=chain.first_day or answer.day,
        )
        self._ledger.write(chain)
        return chain

    def _store_page(self, chain: Chain, answer: Answer, *, recovered: int = 0) -> Chain:
        entries = self._within(answer.entries)
        stamps = [entry.datestamp for entry in answer.entries if entry.datestamp]
        self._reporter.today = answer.day or self._reporter.today
        ahead = msgspec.structs.replace(
            chain,
            token=answer.token,
            oldest=chain.oldest or min(stamps, default=""),
            reached=max([chain.reached, *stamps]),
            first_day=chain.first_day or answer.day,
        )
        after = self._ledger.store(ahead, entries, recovered=recovered)
        odd = [entry for entry in entries if entry.reason not in ("", DELETED)]
        for entry in odd[:_TOLD]:
            self._reporter.note(
                f"{entry.id or 'A record'} was kept aside: {entry.reason}.", "warning"
            )
        self._show(after)
        return after

    def _check(self, chain: Chain) -> Chain:
        """Compares with the list of identifiers over the same window, and fetches what the list
        has lost: it is paged by offset over a table that changes meanwhile."""
        lacked = found = 0
        token = chain.token
        tokens: set[str] = set()
        while True:
            self._reporter.waiting("checks that nothing was lost")
            answer = self._ask(self._identifiers_query(chain.since, token))
            if answer.error == "badResumptionToken" and token:
                token = ""
                tokens.clear()
                continue
            if answer.error == "noRecordsMatch":
                break
            self._refuse_error(answer)
            missing = self._ledger.unknown(self._within(answer.entries))
            lacked += len(missing)
            for page, count in self._fetch_missing(missing):
                chain = self._store_page(chain, page, recovered=count)
                found += count
            token = answer.token
            self._refuse_circle(token, tokens)
            chain = msgspec.structs.replace(chain, token=token)
            self._ledger.write(chain)
            if not token or self._is_past(answer):
                break
        if found:
            self._reporter.note(f"The check found {found:,} papers that the list had lost.")
        rounds = chain.rounds + (lacked > 0)
        over = not lacked or rounds >= ROUNDS
        chain = msgspec.structs.replace(
            chain, token="", rounds=rounds, stage="done" if over else "check"
        )
        self._ledger.write(chain)
        return chain

    def _fetch_missing(self, missing: list[Entry]) -> Iterator[tuple[Answer, int]]:
        """Pages with the missing records: whole days where a day lacks many, else one by one."""
        days: dict[str, list[Entry]] = {}
        for entry in missing:
            days.setdefault(entry.datestamp, []).append(entry)
        for day, entries in sorted(days.items()):
            if len(entries) >= _ONE_BY_ONE and day:
                yield from self._day(day)
            left = self._ledger.unknown(entries)
            for page in self._one_by_one(left):
                yield page, sum(entry.paper is not None for entry in page.entries)

    def _day(self, day: str) -> Iterator[tuple[Answer, int]]:
        query = {**self._set_query("ListRecords"), "from": day, "until": day}
        while True:
            answer = self._ask(query, tries=_SPLIT_TRIES)
            if answer.error:
                return
            lacking = len(self._ledger.unknown(self._within(answer.entries)))
            token = answer.token
            yield msgspec.structs.replace(answer, token=""), lacking
            if not token:
                return
            query = {"verb": "ListRecords", "resumptionToken": token}

    def _one_by_one(self, entries: list[Entry]) -> Iterator[Answer]:
        for entry in entries:
            if entry.reason == DELETED:
                yield Answer(day="", entries=[entry])
                continue
            query = {
                "verb": "GetRecord",
                "metadataPrefix": "arXiv",
                "identifier": f"oai:arXiv.org:{entry.id}",
            }
            try:
                answer = self._ask(query, tries=_SPLIT_TRIES)
            except TransientError as error:
                if not error.broken:
                    raise
                raw = error.body if isinstance(error, IllFormedError) else b""
                answer = Answer(day="", error="unusable", text=str(error))
            else:
                raw = answer.entries[0].raw if answer.entries else b""
            if answer.error or [one.id for one in answer.entries] != [entry.id]:
                reason = f"it cannot be had ({answer.text or answer.error or 'another came'})"
                bad = msgspec.structs.replace(entry, reason=reason, raw=raw[:1_000_000])
                yield Answer(day="", entries=[bad])
            else:
                yield answer

    def _split(self, chain: Chain, error: TransientError) -> Chain:
        """Goes past a page that cannot be had: day by day, and in the day where it lies, record by
        record."""
        if isinstance(error, IllFormedError):
            answer = read_answer(error.body, salvage=True)
            if answer.entries:
                chain = self._store_page(chain, answer)
                return chain if answer.token else self._listed(chain, answer)
        self._reporter.note(f"A page cannot be had ({error}); goes on day by day.", "warning")
        start, token = chain.reached or chain.since, ""
        had: set[str] = set()
        tokens: set[str] = set()
        while True:
            answer = self._ask(self._identifiers_query(start, token))
            self._refuse_error(answer)
            days = sorted({entry.datestamp for entry in self._within(answer.entries)} - had)
            for place, day in enumerate(days):
                try:
                    for page, _ in self._day(day):
                        chain = self._store_page(chain, page)
                    had.add(day)
                except TransientError:
                    wanted = [entry for entry in answer.entries if entry.datestamp == day]
                    for page in self._one_by_one(self._ledger.unknown(wanted)):
                        chain = self._store_page(chain, page)
                    if place + 1 < len(days):
                        return self._from(chain, days[place + 1])
            token = answer.token
            if not token or self._is_past(answer):
                return self._listed(chain, answer)
            if days and days[-1] > start:
                return self._from(chain, days[-1])
            self._refuse_circle(token, tokens)

    def _from(self, chain: Chain, day: str) -> Chain:
        """Lets the list begin anew at `day`."""
        chain = msgspec.structs.replace(chain, reached=day, token="")
        self._ledger.write(chain)
        return chain

    def _refuse_circle(self, token: str, tokens: set[str]) -> None:
        """Adds `token`, where it is one, to those that were seen."""
        if token in tokens:
            raise HarvestError(
                f"{self._fetcher.server} gives the same page again and again; resume later."
            )
        tokens |= {token} - {""}

    def _ask(self, query: dict[str, str], *, tries: int | None = None) -> Answer:
        answer = self._fetcher.get(query, read_answer, tries=tries)
        self._reporter.today = answer.day or self._reporter.today
        return answer

    def _list_query(self, chain: Chain) -> dict[str, str]:
        if chain.token:
            return {"verb": "ListRecords", "resumptionToken": chain.token}
        start = chain.reached or chain.since
        return self._set_query("ListRecords") | ({"from": start} if start else {})

    def _identifiers_query(self, start: str, token: str) -> dict[str, str]:
        if token:
            return {"verb": "ListIdentifiers", "resumptionToken": token}
        return self._set_query("ListIdentifiers") | ({"from": start} if start else {})

    def _set_query(self, verb: str) -> dict[str, str]:
        return {"verb": verb, "metadataPrefix": "arXiv", "set": self.set_spec}

    def _within(self, entries: list[Entry]) -> list[Entry]:
        """Those in the window. `until` is never sent: arXiv refuses one that lies ahead of its
        clock, and ours may be wrong."""
        until = self._query.until
        return [e for e in entries if e.datestamp <= until] if until else entries

    def _is_past(self, answer: Answer) -> bool:
        until = self._query.until
        return bool(until and answer.entries) and not self._within(answer.entries)

    def _refuse_error(self, answer: Answer) -> None:
        if answer.error:
            raise HarvestError(
                f"{self._fetcher.server} refuses the request ({answer.error}): "
                f"{answer.text.rstrip('.')}."
            )

    def _given_up(self, error: TransientError) -> HarvestError:
        return HarvestError(
            f"{str(error).rstrip('.')}, each time that it was asked; what came is kept, "
            "resume later."
        )

    def _show(self, chain: Chain) -> None:
        self._reporter.chain = chain
        self._reporter.waiting("")
        self._reporter.tell()

    def _conclude(self, chain: Chain, nothing: str) -> None:
        tally = chain.tally
        if nothing:
            self._reporter.note(nothing)
        if tally.repaired:
            self._reporter.note(
                f"In {tally.repaired:,} papers characters that XML forbids were replaced.",
                "warning",
            )
        if tally.aside:
            self._reporter.note(f"{tally.aside:,} records were kept aside.", "warning")
        self._reporter.tell(now=True)


def _first_day(query: Query) -> str:
    """The first day of modification to ask for; nothing submitted from a month on was modified
    before it."""
    month = first_month(query.filters)
    start = max(query.start, f"{month}-01" if month > "1991" else "")
    return start if start > EARLIEST else ""
