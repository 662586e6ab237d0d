"""Harvests of records that are odd: forbidden characters, withdrawn, without what they need."""

import pytest

from tests.support.harvests import (
    Here,
    harvest_state,
    missing,
    notes,
    point_to,
    progress,
    run_here,
    stored,
)
from tests.support.oai_server import Record, papers, record_xml, serving
from titletui.arxiv.harvest_state import HarvestStore
from titletui.corpus.store import CorpusStore
from titletui.paths import Home


@pytest.mark.fault("F13")
@pytest.mark.parametrize("bad", ["\x1b", "\x08", "\ufffe", "&#27;", "&#x0;"])
def test_a_character_that_xml_forbids_spoils_only_itself(
    home: Home, monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    with serving(papers(60), page=50) as server:
        point_to(server, monkeypatch)
        spoiled = Record(id="2401.55555", stamp="2024-01-01", title="Before @ after")
        xml = record_xml(spoiled).replace("@", bad)
        server.put(Record(id=spoiled.id, stamp=spoiled.stamp, xml=xml))
        here = Here(home)
        assert here.run().outcome == "done"
        assert not missing(home, server.records)
        assert stored(home)[spoiled.id].title == "Before \ufffd after"
        assert harvest_state(home).counts.repaired == 1
        assert progress(here.folder)[-1].counts["repaired"] == 1
        with CorpusStore(home.corpus_db) as store:
            records = HarvestStore(store, "cs.CL").quarantined()
        assert [entry.id for entry in records] == [spoiled.id]
        assert bad.encode() in records[0].raw


@pytest.mark.fault("F13")
@pytest.mark.parametrize("bad", ["a & b", "<i>", "&nbsp;"])
def test_a_record_that_cannot_be_repaired_is_quarantined_with_its_bytes(
    home: Home, monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    with serving(papers(160), page=50) as server:
        point_to(server, monkeypatch)
        xml = record_xml(Record(id="2401.55555", stamp="2024-01-03")).replace("A title", bad)
        server.put(Record(id="2401.55555", stamp="2024-01-03", xml=xml))
        here = Here(home)
        assert here.run().outcome == "done"
        assert missing(home, server.records) == {"2401.55555"}
        assert "2401.55555 was quarantined" in notes(here.folder)
        with CorpusStore(home.corpus_db) as store:
            (record,) = HarvestStore(store, "cs.CL").quarantined()
        assert record.id == "2401.55555"
        assert bad.encode() in record.raw


@pytest.mark.fault("F13")
def test_control_characters_that_xml_allows_arrive_as_they_are(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    title = "C1 \x9b31m, bidi \u202eevil\u202c, R[0,1], [/b], [@click=app.quit]x[/] and $\\alpha$"
    with serving([Record(id="2401.00001", stamp="2024-01-01", title=title)]) as server:
        point_to(server, monkeypatch)
        run_here(home)
        assert stored(home)["2401.00001"].title == title


@pytest.mark.fault("F14")
def test_odd_records_are_skipped_with_a_reason_and_stop_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = tuple(f"Family{n}, Given{n}" for n in range(300))
    odd = [
        Record(id="2401.50001", stamp="2024-01-02", deleted=True),
        Record(id="2401.50002", stamp="2024-01-02", metadata=False),
        Record(id="2401.50003", stamp="2024-01-02", title=""),
        Record(id="2401.50004", stamp="2024-01-02", title="x" * 100_000),
        Record(id="2401.50005", stamp="2024-01-02", authors=many),
        Record(id="2401.50006", stamp="2024-01-02", title="Two\n   lines", abstract=""),
        Record(id="2401.50007", stamp="2024-01-02", xml="<record></record>"),
    ]
    with serving([*papers(60), *odd], page=50) as server:
        point_to(server, monkeypatch)
        here = Here(home)
        assert here.run().outcome == "done"
        found = stored(home)
        assert set(server.records) - set(found) == {f"2401.5000{n}" for n in (1, 2, 3, 4, 7)}
        assert found["2401.50005"].authors.count(";") == 299
        assert found["2401.50006"].title == "Two lines"
        said = notes(here.folder)
        for reason in (
            "no metadata",
            "no title",
            "longer than 2,000",
            "2401.50007 was quarantined",
        ):
            assert reason in said
        counts = harvest_state(home).counts
        assert (counts.deleted, counts.recovered) == (1, 0)
        with CorpusStore(home.corpus_db) as store:
            assert len(HarvestStore(store, "cs.CL").quarantined()) == 5


@pytest.mark.fault("F14")
def test_a_paper_that_arxiv_withdraws_is_marked_and_kept(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(60), page=50) as server:
        point_to(server, monkeypatch)
        run_here(home)
        gone = next(iter(server.records))
        server.put(Record(id=gone, stamp="2024-12-30", deleted=True))
        run_here(home)
        paper = stored(home)[gone]
        assert paper.deleted
        assert paper.title.startswith("Title number")
