"""Responses made to crash or exhaust a harvest."""

import subprocess
import sys
import time

import msgspec
import pytest

from tests.support.harvests import QUERY, harvest_state, missing, point_to, run_here
from tests.support.oai_server import Record, Reply, papers, serving
from titletui.arxiv.client import PermanentError, retry_after
from titletui.arxiv.harvest_state import HarvestStore
from titletui.arxiv.job import check_days
from titletui.arxiv.oai_pmh import MalformedXmlError, parse_response
from titletui.corpus.store import CorpusStore
from titletui.errors import TitletuiError, UsageError
from titletui.paths import Home

HEAD = '<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">'
MEMORY = 400 << 20
PEAK = """
def peak_memory():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
"""


def test_a_datestamp_that_is_no_day_or_lies_ahead_does_not_lock_the_corpus(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(60), page=50) as server:
        point_to(server, monkeypatch)
        server.put(Record(id="2401.99991", stamp="2024-13-45"))
        server.put(Record(id="2401.99992", stamp="9999-12-31"))
        for _ in range(2):
            assert run_here(home).outcome == "done"
            assert not missing(home, server.records)
        assert harvest_state(home).reached <= server.today


def test_a_state_with_an_impossible_day_is_resumed_from_the_beginning(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(papers(60), page=50) as server:
        point_to(server, monkeypatch)
        run_here(home)
        bad = msgspec.structs.replace(
            harvest_state(home), stage="list", reached="2024-13-45", watermark="soon"
        )
        with CorpusStore(home.corpus_db) as store:
            HarvestStore(store, QUERY.corpus).save(bad)
        assert run_here(home).outcome == "done"


def test_a_character_reference_of_thousands_of_digits_is_replaced() -> None:
    body = f"{HEAD}<error code='x'>a&#{'9' * 5_000};b&#x{'0' * 50}41;</error></OAI-PMH>"
    assert parse_response(body.encode()).message == "a\ufffdbA"


@pytest.mark.parametrize("written", ["²", "٣", "-1", "Mon, 99 Foo 2024", "1e9", "9" * 400])
def test_a_retry_after_of_any_form_gives_seconds_or_none(written: str) -> None:
    seconds = retry_after({"retry-after": written, "date": "Wed, 01 May 2024 10:00:00 -0000"})
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize("location", ["http://[", "https://arxiv.org:port/", "", "//"])
def test_a_redirect_to_no_address_is_refused(
    home: Home, monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    with serving(papers(10)) as server:
        point_to(server, monkeypatch)
        server.fault = lambda asked, right: Reply(
            status=302, headers={"Location": location}, body=b""
        )
        with pytest.raises(TitletuiError, match=r"redirects|location"):
            run_here(home)


@pytest.mark.parametrize("url", ["http://[", "https://", "ftp://x", "nothing"])
def test_an_address_that_is_none_is_refused_in_a_sentence(
    home: Home, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("TITLETUI_OAI_URL", url)
    with pytest.raises(TitletuiError, match="cannot be harvested"):
        run_here(home)


@pytest.mark.parametrize("tag", ["<record>", "<identifier>", "<record><identifier>  "])
def test_hundreds_of_thousands_of_unclosed_tags_are_refused_in_seconds(tag: str) -> None:
    body = f"{HEAD}<ListRecords>{tag * 400_000}</ListRecords></OAI-PMH>".encode()
    began = time.monotonic()
    with pytest.raises((PermanentError, MalformedXmlError)):
        parse_response(body)
    assert time.monotonic() - began < 60


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("bomb", ["'<a>' * n + '</a>' * n", "'<a/>' * 8 * n"])
def test_a_bomb_of_tags_is_refused_in_bounded_memory(bomb: str) -> None:
    code = (
        "import sys\n"
        "from titletui.arxiv.client import PermanentError\n"
        "from titletui.arxiv.oai_pmh import parse_response\n"
        f"n = 2_000_000\nbody = ({HEAD!r} + {bomb} + '</OAI-PMH>').encode()\n"
        "try:\n    parse_response(body)\nexcept PermanentError:\n    print(peak_memory())\n"
    )
    # `ru_maxrss` would count the process that it was forked from, which may hold torch.
    code = f"{PEAK}\n{code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert 0 < int(done.stdout) <= MEMORY, done.stderr


def test_a_day_outside_the_calendar_is_refused() -> None:
    with pytest.raises(UsageError, match="is no day"):
        check_days(msgspec.structs.replace(QUERY, start="2024-02-30"))
