"""Broken answers: asked for again, and gone past by days and records where they stay so."""

import dataclasses
import zlib
from collections.abc import Callable

import pytest

from tests.support import oai_server
from tests.support.harvests import (
    Here,
    harvest_state,
    missing,
    notes,
    point_to,
    run_here,
    stored,
)
from tests.support.oai_server import (
    Asked,
    Reply,
    error_body,
    papers,
    serving,
)
from titletui.arxiv.harvest_state import HarvestStore
from titletui.corpus.store import CorpusStore
from titletui.errors import TitletuiError
from titletui.paths import Home


def _zipped(right: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(right) + packer.flush()


BROKEN: dict[str, Callable[[bytes], Reply]] = {
    "reset": lambda right: Reply(reset=True),
    "short body": lambda right: Reply(
        headers={"Content-Encoding": "identity"}, body=right[:900], announce=len(right)
    ),
    "truncated gzip": lambda right: Reply(
        headers={"Content-Encoding": "gzip"}, body=_zipped(right)[:-700]
    ),
    "no gzip": lambda right: Reply(headers={"Content-Encoding": "gzip"}, body=b"\x00" * 3_000),
    "truncated XML": lambda right: Reply(body=right[: len(right) // 2]),
    "HTML": lambda right: Reply(body=b"<html><body>Down for maintenance</body></html>"),
    "nothing": lambda right: Reply(body=b""),
    "500": lambda right: Reply(status=500, body=b""),
}


@pytest.mark.fault("F12")
@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_answer_is_asked_for_again(
    home: Home, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    with serving(papers(150), page=50) as server:
        point_to(server, monkeypatch)
        at_fault: list[int] = []

        def break_twice(asked: Asked, right: bytes) -> Reply | None:
            if len(server.asked) not in (2, 3):
                return None
            at_fault.append(len(stored(home)))
            return BROKEN[how](right)

        server.fault = break_twice
        assert run_here(home).outcome == "done"
        assert at_fault == [50, 50]
        assert not missing(home, server.records)
        assert len(server.asked) == 6


@pytest.mark.fault("F12")
@pytest.mark.parametrize(
    ("how", "place", "a_day", "identifiers"),
    [
        ("truncated XML", 67, 12, 1_000),
        ("500", 67, 12, 1_000),
        ("500", 119, 12, 1_000),
        ("500", 22, 12, 24),
        ("500", 67, 120, 50),
    ],
)
def test_a_page_that_is_always_broken_is_had_by_days_and_records(
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
    place: int,
    a_day: int,
    identifiers: int,
) -> None:
    """One record makes any list that holds it fail; all others come, and it is quarantined.

    It lies in the middle, on the last day, on the last day of a page of identifiers, or on a day
    that is longer than such a page.
    """
    monkeypatch.setattr(oai_server, "IDENTIFIERS_A_PAGE", identifiers)
    with serving(papers(120, a_day=a_day), page=50) as server:
        point_to(server, monkeypatch)
        poison = list(server.records)[place]

        def break_what_holds_it(asked: Asked, right: bytes) -> Reply | None:
            if asked.verb != "ListIdentifiers" and f"<id>{poison}</id>".encode() in right:
                return BROKEN[how](right)
            return None

        server.fault = break_what_holds_it
        here = Here(home)
        assert here.run().outcome == "done"
        assert missing(home, server.records) == {poison}
        assert "day by day" in notes(here.folder)
        with CorpusStore(home.corpus_db) as store:
            assert [entry.id for entry in HarvestStore(store, "cs.CL").quarantined()] == [poison]


@pytest.mark.fault("F12")
def test_a_deleted_record_and_an_empty_day_are_gone_past_on_the_way(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken page whose days hold a record that arXiv took back, and one that lists nothing."""
    records = papers(60, a_day=12)
    records[7] = dataclasses.replace(records[7], deleted=True)
    with serving(records, page=50) as server:
        point_to(server, monkeypatch)
        days = sorted({record.stamp for record in records})

        def break_long_lists(asked: Asked, right: bytes) -> Reply | None:
            if asked.verb != "ListRecords":
                return None
            if asked.query.get("until") == days[1]:
                return Reply(body=error_body("noRecordsMatch", "nothing on that day"))
            first = asked.query.get("until") == days[0]
            return Reply(status=500, body=b"") if first or "until" not in asked.query else None

        server.fault = break_long_lists
        here = Here(home)
        assert here.run().outcome == "done"
        assert missing(home, server.records) == {records[7].id}
        assert harvest_state(home).counts.deleted == 1


@pytest.mark.fault("F12")
def test_a_page_of_which_nothing_can_be_read_is_had_by_days(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(60, a_day=12), page=50) as server:
        point_to(server, monkeypatch)
        server.fault = lambda asked, _: (
            Reply(body=b"<OAI-PMH><ListRecords>")
            if asked.verb == "ListRecords" and "until" not in asked.query
            else None
        )
        here = Here(home)
        assert here.run().outcome == "done"
        assert not missing(home, server.records)
        assert "day by day" in notes(here.folder)


def test_a_server_that_goes_while_records_are_asked_for_one_by_one_leaves_a_harvest_to_resume(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(60, a_day=12), page=50) as server:
        point_to(server, monkeypatch)

        def go_away(asked: Asked, _: bytes) -> Reply | None:
            if asked.verb == "GetRecord":
                return Reply(status=503, headers={"Retry-After": "0"}, body=b"")
            return Reply(status=500, body=b"") if asked.verb == "ListRecords" else None

        server.fault = go_away
        with pytest.raises(TitletuiError, match="resume later"):
            run_here(home)
        assert harvest_state(home).stage == "list"
        server.fault = None
        assert run_here(home).outcome == "done"
        assert not missing(home, server.records)
