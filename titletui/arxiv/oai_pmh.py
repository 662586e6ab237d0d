"""OAI-PMH as arXiv speaks it: what is asked, and what comes back.

arxivscraper says which set a category is and reads the records; its sets that arXiv refuses are
mended, and titles, abstracts and names are taken from the XML because it lower-cases them.
"""

import re
import xml.etree.ElementTree as ET
from urllib.parse import parse_qs, urlsplit

import msgspec
from arxivscraper import Record, Scraper
from arxivscraper.constants import ARXIV, OAI

from titletui.arxiv.categories import Category
from titletui.arxiv.client import PermanentError, TransientError
from titletui.arxiv.oai_records import EARLIEST, Answer, Entry
from titletui.corpus.normalize import TITLE_LENGTH
from titletui.corpus.paper import Paper, plain_id
from titletui.text import clean

_ILL_FORMED_TRIES = 3
_GROUP = "grp_"
_UNDER_PHYSICS = ("astro-ph", "cond-mat", "nlin")
_END = re.compile(r"</(?:\w+:)?OAI-PMH>\s*\Z")
_NO_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_REFERENCE = re.compile(r"&#(x[0-9a-fA-F]+|\d+);")
_RECORD = re.compile(r"<record>.*?</record>", re.DOTALL)
_IDENTIFIER = re.compile(r"<identifier>\s*([^<]+?)\s*</identifier>")
_DATESTAMP = re.compile(r"<datestamp>\s*([^<]+?)\s*</datestamp>")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_AROUND = (
    '<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><ListRecords>{}</ListRecords></OAI-PMH>'
)


class IllFormedError(TransientError):
    """An answer that came whole but is not well-formed.

    Attributes:
        body: as it came.
    """

    def __init__(self, text: str, body: bytes) -> None:
        super().__init__(text, broken=True, tries=_ILL_FORMED_TRIES)
        self.body = body


def oai_set(category: Category) -> str:
    """The set that a category is harvested as, by arxivscraper, mended where arXiv refuses it."""
    if category.code.startswith(_GROUP):
        return category.set_spec
    scraper = Scraper(category.code, date_from=EARLIEST, date_until=EARLIEST)
    formed = parse_qs(urlsplit(scraper.url).query)["set"][0]
    first, _, rest = formed.partition(":")
    return f"physics:{rest}" if first in _UNDER_PHYSICS else str(formed)


def read_answer(body: bytes, *, salvage: bool = False) -> Answer:
    """What an answer says.

    Args:
        salvage: read each record of an ill-formed list by itself and keep the bad ones aside.

    Raises:
        IllFormedError: it is whole, but not well-formed XML.
        PassingError: it is cut short, or no answer of OAI-PMH.
        RefusedError: it declares entities.
    """
    text = body.decode("utf-8", errors="replace")
    if "<!ENTITY" in text:
        raise PermanentError("The server's answer declares XML entities; it is not read.")
    if not _END.search(text, max(0, len(text) - 200)):
        kind = "an HTML page" if "<html" in text[:2_000].lower() else "cut short"
        raise TransientError(f"the answer is {kind}", broken=True)
    broken: list[str] = []
    try:
        root = ET.fromstring(text)  # noqa: S314 - entities are refused above
    except ET.ParseError:
        broken = [entry for entry in _RECORD.findall(text) if _mended(entry) != entry]
        try:
            root = ET.fromstring(_mended(text))  # noqa: S314
        except ET.ParseError as error:
            if not salvage:
                raise IllFormedError(f"the answer is not well-formed ({error})", body) from error
            return _salvaged(text)
    return _answer(root, broken)


def _answer(root: ET.Element, broken: list[str]) -> Answer:
    day = (root.findtext(f"{OAI}responseDate") or "")[:10]
    error = root.find(f"{OAI}error")
    if error is not None:
        return Answer(
            day=day, error=error.get("code", "unknown"), text=clean(error.text or "")[:500]
        )
    repaired = {match[1] for raw in broken if (match := _IDENTIFIER.search(raw))}
    raws = {match[1]: raw for raw in broken if (match := _IDENTIFIER.search(raw))}
    for verb in ("ListRecords", "GetRecord", "ListIdentifiers"):
        found = root.find(f"{OAI}{verb}")
        if found is not None:
            break
    else:
        raise TransientError("the answer holds no list")
    entries = [_entry(record, repaired, raws) for record in found.findall(f"{OAI}record")]
    entries += [_header(header) for header in found.findall(f"{OAI}header")]
    token = (found.findtext(f"{OAI}resumptionToken") or "").strip()
    return Answer(day=day, entries=entries, token=token)


def _entry(record: ET.Element, repaired: set[str], raws: dict[str, str]) -> Entry:
    header = record.find(f"{OAI}header")
    if header is None:
        return Entry(id="", datestamp="", reason="it has no header", raw=ET.tostring(record))
    entry = _header(header)
    if entry.reason:
        return entry
    meta = record.find(f"{OAI}metadata/{ARXIV}arXiv")
    if meta is None:
        return _without(entry, "it has no metadata", record)
    paper = _paper(entry, Record(meta))
    if not paper.title:
        return _without(entry, "it has no title", record)
    if len(paper.title) > TITLE_LENGTH:
        return _without(entry, f"its title is longer than {TITLE_LENGTH:,} characters", record)
    identifier = (header.findtext(f"{OAI}identifier") or "").strip()
    return msgspec.structs.replace(
        entry,
        paper=paper,
        repaired=identifier in repaired,
        raw=raws.get(identifier, "").encode(errors="replace"),
    )


def _paper(entry: Entry, record: Record) -> Paper:
    meta: ET.Element = record.xml
    names = []
    for author in meta.iterfind(f"{ARXIV}authors/{ARXIV}author"):
        parts = (author.findtext(f"{ARXIV}{part}") for part in ("forenames", "keyname", "suffix"))
        names.append(clean(" ".join(part for part in parts if part)))
    return Paper(
        id=plain_id(record.id) or entry.id,
        title=clean(meta.findtext(f"{ARXIV}title") or ""),
        abstract=clean(meta.findtext(f"{ARXIV}abstract") or ""),
        categories=clean(meta.findtext(f"{ARXIV}categories") or ""),
        authors="; ".join(names),
        created=_day(record.created),
        updated=_day(record.updated),
        datestamp=entry.datestamp,
    )


def _header(header: ET.Element) -> Entry:
    deleted = header.get("status") == "deleted"
    return Entry(
        id=plain_id(header.findtext(f"{OAI}identifier") or ""),
        datestamp=_day(header.findtext(f"{OAI}datestamp") or ""),
        reason="deleted" if deleted else "",
    )


def _without(entry: Entry, reason: str, record: ET.Element) -> Entry:
    return msgspec.structs.replace(entry, reason=reason, raw=ET.tostring(record)[:1_000_000])


def _salvaged(text: str) -> Answer:
    """The records of an ill-formed list, each read by itself."""
    entries: list[Entry] = []
    for raw in _RECORD.findall(text):
        try:
            root = ET.fromstring(_AROUND.format(_mended(raw)))  # noqa: S314
        except ET.ParseError as error:
            identifier, stamp = _IDENTIFIER.search(raw), _DATESTAMP.search(raw)
            entries.append(
                Entry(
                    id=plain_id(identifier[1]) if identifier else "",
                    datestamp=_day(stamp[1]) if stamp else "",
                    reason=f"it is not well-formed ({error})",
                    raw=raw.encode(errors="replace"),
                )
            )
        else:
            entries += _answer(root, [raw] if _mended(raw) != raw else []).entries
    token = re.search(r"<resumptionToken[^>]*>([^<]*)</resumptionToken>", text)
    day = re.search(r"<responseDate>([^<]*)</responseDate>", text)
    return Answer(
        day=_day(day[1]) if day else "", entries=entries, token=token[1].strip() if token else ""
    )


def _mended(text: str) -> str:
    return _REFERENCE.sub(_allowed_reference, _NO_XML.sub("\ufffd", text))


def _allowed_reference(match: re.Match[str]) -> str:
    written = match[1]
    number = int(written[1:], 16) if written[0] == "x" else int(written)
    if number > 0x10FFFF or (_NO_XML.match(chr(number)) is not None):
        return "\ufffd"
    return match[0]


def _day(written: str) -> str:
    match = _DAY.match(written.strip())
    return match[0] if match else ""
