"""OAI-PMH as arXiv speaks it: the set of a category, and parsing responses.

arxivscraper forms the sets and reads the records. Its sets that arXiv refuses are corrected, and
titles, abstracts and names are taken from the XML because it lower-cases them.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from arxivscraper import Record, Scraper
from arxivscraper.constants import ARXIV, OAI

from titletui.arxiv.categories import Category
from titletui.arxiv.client import PermanentError, TransientError
from titletui.arxiv.harvest_state import DELETED
from titletui.arxiv.oai_records import EARLIEST, OaiRecord, OaiResponse, valid_day
from titletui.corpus.normalize import TITLE_LENGTH
from titletui.corpus.paper import Paper, plain_id
from titletui.text import clean

RAW_LENGTH = 1_000_000
_MALFORMED_TRIES = 3
_GROUP = "grp_"
_UNDER_PHYSICS = ("astro-ph", "cond-mat", "nlin")
_CHUNK = 1 << 18
_DEPTH = 64
_ELEMENTS = 1_000_000
_END = re.compile(r"</(?:\w+:)?OAI-PMH>\s*\Z")
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_REFERENCE = re.compile(r"&#(x[0-9a-fA-F]+|[0-9]+);")
_ENVELOPE = (
    '<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><ListRecords>{}</ListRecords></OAI-PMH>'
)


class MalformedXmlError(TransientError):
    """A response that is complete but not well-formed.

    Attributes:
        body: the response as it came.
    """

    def __init__(self, text: str, body: bytes) -> None:
        super().__init__(text, broken_page=True, tries=_MALFORMED_TRIES)
        self.body = body


def oai_set(category: Category) -> str:
    """The OAI-PMH set of a category, as arxivscraper forms it, corrected where arXiv refuses it."""
    if category.code.startswith(_GROUP):
        return category.set_spec
    scraper = Scraper(category.code, date_from=EARLIEST, date_until=EARLIEST)
    formed = parse_qs(urlsplit(scraper.url).query)["set"][0]
    first, _, rest = formed.partition(":")
    return f"physics:{rest}" if first in _UNDER_PHYSICS else str(formed)


def parse_response(body: bytes, *, salvage: bool = False) -> OaiResponse:
    """Parse a response; characters that XML forbids become U+FFFD.

    Args:
        salvage: parse each record of a malformed list by itself and quarantine the bad ones.

    Raises:
        MalformedXmlError: it is complete but not well-formed XML.
        TransientError: it is cut short, or not OAI-PMH.
        PermanentError: it declares entities, or holds more elements than any page of papers.
    """
    text = body.decode("utf-8", errors="replace")
    if "<!ENTITY" in text:
        raise PermanentError("The server's answer declares XML entities; it is not read.")
    if not _END.search(text, max(0, len(text) - 200)):
        kind = "an HTML page" if "<html" in text[:2_000].lower() else "cut short"
        raise TransientError(f"the answer is {kind}", broken_page=True)
    try:
        return _response(_parse_xml(text), {})
    except ET.ParseError:
        pass
    repaired = {_element(raw, "identifier"): raw for raw in _records(text) if _repair(raw) != raw}
    try:
        return _response(_parse_xml(_repair(text)), repaired)
    except ET.ParseError as error:
        if not salvage:
            raise MalformedXmlError(f"the answer is not well-formed ({error})", body) from error
        return _salvage(text)


def _parse_xml(text: str) -> ET.Element:
    """Parse XML of bounded depth and size, so that no answer can exhaust the memory."""
    parser: Any = ET.XMLPullParser(("start", "end"))
    root: ET.Element | None = None
    depth = elements = 0
    for begin in range(0, len(text), _CHUNK):
        parser.feed(text[begin : begin + _CHUNK])
        for event, element in parser.read_events():
            root = element if root is None else root
            elements += event == "start"
            depth += 1 if event == "start" else -1
            if depth > _DEPTH or elements > _ELEMENTS:
                raise PermanentError(
                    "The server's answer has more, or more deeply nested, XML elements than a "
                    "page of papers; it is not read."
                )
    parser.close()
    assert root is not None
    return root


def _response(root: ET.Element, repaired: Mapping[str, str]) -> OaiResponse:
    """The content of a parsed response.

    Args:
        repaired: identifiers of records that were repaired, with their raw text.
    """
    day = valid_day(root.findtext(f"{OAI}responseDate") or "")
    error = root.find(f"{OAI}error")
    if error is not None:
        message = clean(error.text or "")[:500]
        return OaiResponse(day=day, error=error.get("code", "unknown"), message=message)
    for verb in ("ListRecords", "GetRecord", "ListIdentifiers"):
        found = root.find(f"{OAI}{verb}")
        if found is not None:
            break
    else:
        raise TransientError("the answer holds no list")
    records = [_record(element, repaired) for element in found.findall(f"{OAI}record")]
    records += [_header(element) for element in found.findall(f"{OAI}header")]
    token = (found.findtext(f"{OAI}resumptionToken") or "").strip()
    return OaiResponse(day=day, records=records, token=token)


def _record(element: ET.Element, repaired: Mapping[str, str]) -> OaiRecord:
    header = element.find(f"{OAI}header")
    if header is None:
        return _rejected(OaiRecord(id="", datestamp=""), "it has no header", element)
    record = _header(header)
    if record.reason:
        return record
    metadata = element.find(f"{OAI}metadata/{ARXIV}arXiv")
    if metadata is None:
        return _rejected(record, "it has no metadata", element)
    paper = _paper(record, Record(metadata))
    if not paper.title:
        return _rejected(record, "it has no title", element)
    if len(paper.title) > TITLE_LENGTH:
        return _rejected(record, f"its title is longer than {TITLE_LENGTH:,} characters", element)
    raw = repaired.get((header.findtext(f"{OAI}identifier") or "").strip())
    return msgspec.structs.replace(
        record,
        paper=paper,
        repaired=raw is not None,
        raw=(raw or "").encode(errors="replace"),
    )


def _paper(record: OaiRecord, parsed: Record) -> Paper:
    metadata: ET.Element = parsed.xml
    names = []
    for author in metadata.iterfind(f"{ARXIV}authors/{ARXIV}author"):
        parts = (author.findtext(f"{ARXIV}{part}") for part in ("forenames", "keyname", "suffix"))
        names.append(clean(" ".join(part for part in parts if part)))
    return Paper(
        id=plain_id(parsed.id) or record.id,
        title=clean(metadata.findtext(f"{ARXIV}title") or ""),
        abstract=clean(metadata.findtext(f"{ARXIV}abstract") or ""),
        categories=clean(metadata.findtext(f"{ARXIV}categories") or ""),
        authors="; ".join(names),
        created=valid_day(parsed.created),
        updated=valid_day(parsed.updated),
        datestamp=record.datestamp,
    )


def _header(header: ET.Element) -> OaiRecord:
    return OaiRecord(
        id=plain_id(header.findtext(f"{OAI}identifier") or ""),
        datestamp=valid_day(header.findtext(f"{OAI}datestamp") or ""),
        reason=DELETED if header.get("status") == "deleted" else "",
    )


def _rejected(record: OaiRecord, reason: str, element: ET.Element) -> OaiRecord:
    raw = ET.tostring(element)[:RAW_LENGTH]
    return msgspec.structs.replace(record, reason=reason, raw=raw)


def _salvage(text: str) -> OaiResponse:
    """The records of a malformed list, each parsed by itself."""
    records: list[OaiRecord] = []
    for raw in _records(text):
        fixed = _repair(raw)
        try:
            root = _parse_xml(_ENVELOPE.format(fixed))
        except ET.ParseError as error:
            records.append(
                OaiRecord(
                    id=plain_id(_element(raw, "identifier")),
                    datestamp=valid_day(_element(raw, "datestamp")),
                    reason=f"it is not well-formed ({error})",
                    raw=raw.encode(errors="replace")[:RAW_LENGTH],
                )
            )
        else:
            repaired = {} if fixed == raw else {_element(raw, "identifier"): raw}
            records += _response(root, repaired).records
    return OaiResponse(
        day=valid_day(_element(text, "responseDate")),
        records=records,
        token=_element(text, "resumptionToken"),
    )


def _records(text: str) -> Iterator[str]:
    """The `<record>` elements of XML that may be malformed, in linear time."""
    end = 0
    while (begin := text.find("<record>", end)) >= 0:
        end = text.find("</record>", begin)
        if end < 0:
            return
        end += len("</record>")
        yield text[begin:end]


def _element(text: str, name: str) -> str:
    """The text of the first `name` element of XML that may be malformed; empty if it has none."""
    begin = text.find(f"<{name}")
    begin = text.find(">", begin) + 1 if begin >= 0 else 0
    end = text.find("<", begin) if begin else -1
    return text[begin:end].strip() if end >= 0 else ""


def _repair(text: str) -> str:
    """Replace characters, and references to characters, that XML forbids."""
    return _REFERENCE.sub(_repair_reference, _NOT_XML.sub("\ufffd", text))


def _repair_reference(match: re.Match[str]) -> str:
    digits = match[1].lstrip("x").lstrip("0") or "0"
    base = 16 if match[1].startswith("x") else 10
    number = int(digits, base) if len(digits) < 9 else -1
    if not 0 <= number <= 0x10FFFF or _NOT_XML.match(chr(number)):
        return "\ufffd"
    return match[0]
