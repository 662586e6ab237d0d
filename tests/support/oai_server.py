"""An OAI-PMH server on loopback that behaves as arXiv's does, and misbehaves as it is told.

Pages are cut by offset over the live table, as arXiv's are: the token of a page names the last
day that it reached and how many records of that day were given.
"""

import contextlib
import gzip
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.support.arxiv_sets import SETS

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"
         xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
         xsi:schemaLocation="http://www.openarchives.org/OAI/2.0/ \
http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd">
    <responseDate>{now}</responseDate>
    <request>http://localhost/oai</request>
"""
_FOOT = "</OAI-PMH>"
_BAD_ARGUMENT = (
    "The request includes illegal arguments, is missing required arguments, includes a repeated "
    "argument, or values for arguments have an illegal syntax. Reason: "
)
_EARLIEST = "2005-09-16"
IDENTIFIERS_A_PAGE = 20_000


@dataclass(frozen=True)
class Record:
    """A paper as the server has it.

    Attributes:
        xml: takes the place of the whole record.
    """

    id: str
    stamp: str
    title: str = "A title"
    abstract: str = "An abstract."
    categories: str = "cs.CL"
    sets: tuple[str, ...] = ("cs:cs:CL",)
    authors: tuple[str, ...] = ("Doe, Jane",)
    created: str = "2024-01-01"
    deleted: bool = False
    metadata: bool = True
    xml: str = ""


@dataclass(frozen=True)
class Reply:
    """An answer in place of the right one.

    Attributes:
        body: None leaves the right one.
        announce: the Content-Length that is claimed.
        slow: seconds between the bytes.
        hang: seconds of silence before anything is sent.
        cut: so many bytes are sent, then `then` is called and the connection closed.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    announce: int | None = None
    reset: bool = False
    slow: float = 0.0
    hang: float = 0.0
    cut: int | None = None
    then: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Asked:
    """A request that came in."""

    at: float
    path: str
    query: dict[str, str]
    agent: str

    @property
    def verb(self) -> str:
        return self.query.get("verb", "")


Fault = Callable[[Asked, bytes], Reply | None]


class OaiServer:
    """The server; a context manager.

    Attributes:
        records: by id; may be changed between requests.
        asked: the requests so far.
        fault: called with each request and the right answer; may return another.
        after_page: called after each page of records that was sent, with its number.
        today: the server's day.
    """

    def __init__(self, records: Iterable[Record] = (), *, page: int = 50) -> None:
        self.records = {record.id: record for record in records}
        self.page = page
        self.today = "2024-12-31"
        self.asked: list[Asked] = []
        self.fault: Fault | None = None
        self.after_page: Callable[[int], None] | None = None
        self.sent_pages = 0
        self.refused_tokens: Callable[[str], bool] = lambda _: False
        self._lock = threading.RLock()
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.oai = self
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/oai"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def put(self, record: Record) -> None:
        with self._lock:
            self.records[record.id] = record

    def touch(self, id_: str, day: str) -> None:
        """Modifies a record on `day`."""
        with self._lock:
            old = self.records[id_]
            self.records[id_] = replace(old, stamp=day, title=old.title + " (revised)")

    def gaps(self) -> list[float]:
        """Seconds between the requests."""
        times = [asked.at for asked in self.asked]
        return [later - earlier for earlier, later in itertools.pairwise(times)]

    def answer(self, query: dict[str, str]) -> tuple[bytes, bool]:
        """The right answer, and whether it is a page of records."""
        with self._lock:
            verb = query.get("verb", "")
            if verb in ("ListRecords", "ListIdentifiers"):
                return self._list(verb, query), verb == "ListRecords"
            if verb == "GetRecord":
                return self._get(query), False
            if verb == "Identify":
                return self._wrap(
                    f"<Identify><repositoryName>arXiv</repositoryName>"
                    f"<earliestDatestamp>{_EARLIEST}</earliestDatestamp></Identify>"
                ), False
            return self._error("badVerb", "The verb is illegal."), False

    def _list(self, verb: str, query: dict[str, str]) -> bytes:
        skip = 0
        if token := query.get("resumptionToken"):
            if self.refused_tokens(token):
                return self._bad_token()
            try:
                fields = {k: v[0] for k, v in parse_qs(unquote(token), strict_parsing=True).items()}
                skip = int(fields.pop("skip"))
            except (ValueError, KeyError):
                return self._bad_token()
            query = fields
        start, until = query.get("from", ""), query.get("until", "")
        if query.get("metadataPrefix") != "arXiv":
            return self._error("badArgument", _BAD_ARGUMENT + "metadataPrefix")
        if start and start < _EARLIEST:
            return self._error("badArgument", _BAD_ARGUMENT + "start date too early")
        if until and until > self.today:
            return self._error("badArgument", _BAD_ARGUMENT + "until date too late")
        spec = query.get("set", "")
        if spec and spec not in SETS:
            return self._error("badArgument", _BAD_ARGUMENT + "Set does not exist")
        found = sorted(
            (
                record
                for record in self.records.values()
                if record.stamp >= (start or _EARLIEST)
                and (not until or record.stamp <= until)
                and (not spec or any(s == spec or s.startswith(spec + ":") for s in record.sets))
            ),
            key=lambda record: (record.stamp, record.id),
        )
        size = self.page if verb == "ListRecords" else IDENTIFIERS_A_PAGE
        given = found[skip : skip + size]
        if not given:
            return self._error("noRecordsMatch", "The combination results in an empty list.")
        items = [_header(r) if verb == "ListIdentifiers" else _record(r) for r in given]
        if skip + size < len(found):
            last = given[-1].stamp
            done = sum(record.stamp == last for record in found[: skip + size])
            fields = {"verb": verb, "metadataPrefix": "arXiv", "from": last, "skip": str(done)}
            fields |= {k: query[k] for k in ("until", "set") if query.get(k)}
            token = quote("&".join(f"{k}={v}" for k, v in fields.items()), safe="")
            items.append(
                f"<resumptionToken expirationDate='{self.today}T00:00:00Z'>{token}"
                "</resumptionToken>"
            )
        elif query.get("skip") or token:
            items.append("<resumptionToken/>")
        return self._wrap(f"<{verb}>\n" + "\n".join(items) + f"\n</{verb}>")

    def _get(self, query: dict[str, str]) -> bytes:
        record = self.records.get(query.get("identifier", "").removeprefix("oai:arXiv.org:"))
        if record is None:
            return self._error("idDoesNotExist", "There is no such identifier.")
        return self._wrap(f"<GetRecord>{_record(record)}</GetRecord>")

    def _bad_token(self) -> bytes:
        return self._error(
            "badResumptionToken",
            "The value of the resumptionToken argument is invalid or expired. "
            "Reason: Token decoding failed or format is invalid.",
        )

    def _error(self, code: str, text: str) -> bytes:
        return self._wrap(f"<error code='{code}'>{escape(text)}</error>")

    def _wrap(self, inner: str) -> bytes:
        head = _HEAD.format(now=f"{self.today}T22:58:44Z")
        return f"{head}{inner}\n{_FOOT}".encode(errors="surrogatepass")


def papers(count: int, *, first_day: str = "2024-01-01", a_day: int = 20) -> list[Record]:
    """So many records of cs.CL, `a_day` of them on each day."""
    start = datetime.fromisoformat(first_day)
    return [
        Record(
            id=f"24{1 + n % 12:02}.{n:05}",
            stamp=(start + timedelta(days=n // a_day)).date().isoformat(),
            title=f"Title number {n} of R[0,1] and [/b] with $\\alpha$",
            abstract=f"Abstract of paper {n}.",
        )
        for n in range(count)
    ]


def spread(count: int, days: int) -> list[Record]:
    """So many records over so many days from 2024-01-01 on."""
    return papers(count, a_day=max(1, count // days))


def body(entries: str, *, token: str | None = None, day: str = "2024-12-31") -> bytes:
    """A page of these records, with `token`; None for a list of one page."""
    end = "" if token is None else f"<resumptionToken>{token}</resumptionToken>"
    head = _HEAD.format(now=f"{day}T01:02:03Z")
    return f"{head}<ListRecords>{entries}{end}</ListRecords>{_FOOT}".encode()


def error_body(code: str, text: str) -> bytes:
    """An answer with an OAI error in place of a list."""
    right = body("").decode()
    start = right.index("<ListRecords>")
    return (right[:start] + f"<error code='{code}'>{text}</error></OAI-PMH>").encode()


def record_xml(record: Record) -> str:
    """A record as it stands in a page."""
    return _record(record)


def _header(record: Record) -> str:
    status = ' status="deleted"' if record.deleted else ""
    sets = "".join(f"<setSpec>{spec}</setSpec>" for spec in record.sets)
    return (
        f"<header{status}><identifier>oai:arXiv.org:{record.id}</identifier>"
        f"<datestamp>{record.stamp}</datestamp>{sets}</header>"
    )


def _record(record: Record) -> str:
    if record.xml:
        return record.xml
    head = _header(record)
    if record.deleted or not record.metadata:
        return f"<record>{head}</record>"
    names = "".join(
        f"<author><keyname>{escape(name.partition(', ')[0])}</keyname>"
        f"<forenames>{escape(name.partition(', ')[2])}</forenames></author>"
        for name in record.authors
    )
    title = f"<title>{_escape(record.title)}</title>" if record.title else ""
    return (
        f"<record>{head}<metadata>"
        '<arXiv xmlns="http://arxiv.org/OAI/arXiv/">'
        f"<id>{record.id}</id><created>{record.created}</created><authors>{names}</authors>"
        f"{title}<categories>{record.categories}</categories>"
        f"<abstract>{_escape(record.abstract)}</abstract></arXiv></metadata></record>"
    )


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class _Server(ThreadingHTTPServer):
    oai: OaiServer
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        oai = self.server.oai
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        asked = Asked(time.monotonic(), parts.path, query, self.headers.get("User-Agent", ""))
        oai.asked.append(asked)
        right, is_page = oai.answer(query)
        reply = oai.fault(asked, right) if oai.fault else None
        with contextlib.suppress(OSError):
            self._send(reply or Reply(), right)
        if is_page and reply is None:
            oai.sent_pages += 1
            if oai.after_page:
                oai.after_page(oai.sent_pages)

    def _send(self, reply: Reply, right: bytes) -> None:
        if reply.hang:
            time.sleep(reply.hang)
        if reply.reset:
            self.close_connection = True
            self.connection.close()
            return
        data = right if reply.body is None else reply.body
        zipped = "Content-Encoding" not in reply.headers and len(data) > 2_000 and not reply.slow
        if zipped and reply.announce is None:
            data = gzip.compress(data, 1)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if zipped and reply.announce is None:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", "text/xml; charset=utf-8")
        length = len(data) if reply.announce is None else reply.announce
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if reply.cut is not None:
            self.wfile.write(data[: reply.cut])
            self.wfile.flush()
            reply.then()
            self.close_connection = True
        elif reply.slow:
            for number in range(len(data)):
                self.wfile.write(data[number : number + 1])
                self.wfile.flush()
                time.sleep(reply.slow)
        else:
            self.wfile.write(data)
        if length != len(data):
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Silent."""


def http_date(seconds: float) -> str:
    """A date so many seconds from now, as HTTP writes it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%a, %d %b %Y %H:%M:%S GMT")


@contextlib.contextmanager
def serving(records: Iterable[Record], *, page: int = 50) -> Iterator[OaiServer]:
    """A running server."""
    with OaiServer(records, page=page) as server:
        yield server
