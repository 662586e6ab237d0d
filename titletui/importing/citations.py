"""Bibliographies: BibTeX, RIS, PubMed (.nbib) and Web of Science text."""

import logging
import re
from collections.abc import Iterable, Iterator

from titletui.corpus.paper import Paper
from titletui.importing.fields import day_of, make_paper, year_of
from titletui.importing.json_records import RecordError
from titletui.tex import tex_to_unicode

BIBTEX_ENTRY = re.compile(r"\s*@\s*([A-Za-z]+)\s*[{(]")
RIS_LINE = re.compile(r"([A-Z][A-Z0-9]{1,3}) {0,2}-(?: (.*)|\s*$)")
"""A tag of RIS (`TI  - `) or of .nbib (`PMID- `)."""

WOS_LINE = re.compile(r"([A-Z][A-Z0-9])(?: (.*)|\s*$)")
"""A tag of Web of Science's text (`TI `)."""

_NO_PAPER = frozenset(("string", "comment", "preamble"))
_MOST_ENTRY_LINES = 2_000
_BRACES = re.compile(r"(?<!\\)[{}]")
_STARTS = ("TY", "PMID", "PT")
_END = ("ER",)
_TITLE = ("TI", "T1", "CT", "BTI", "TT")
_BIBTEX_IDS = ("eprint", "arxivid", "url", "doi", "note", "journal")
_IDS = ("AID", "LID", "DO", "DI", "UR", "L1", "LK", "M1", "N1", "ID", "UT", "AN")

Record = dict[str, list[str]]


def bibtex_entries(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """The entries of a BibTeX file, each with the number of lines since the last one ended.

    An entry ends where the next one begins, so that a brace that is not closed costs one entry.
    """
    entry: list[str] = []
    for line in lines:
        if BIBTEX_ENTRY.match(line) or len(entry) > _MOST_ENTRY_LINES:
            if entry:
                yield len(entry), "".join(entry)
            entry = []
        entry.append(line)
    if entry:
        yield len(entry), "".join(entry)


class BibtexParser:
    """Turns entries into papers; `@string` abbreviations are remembered."""

    def __init__(self) -> None:
        self._strings = ""

    def paper(self, entry: str) -> Paper | None:
        """The paper of an entry; None where it is a comment, an abbreviation or no entry.

        Raises:
            RecordError: the entry is malformed.
        """
        from bibtexparser.entrypoint import parse_string

        match = BIBTEX_ENTRY.match(entry)
        kind = match[1].lower() if match else "comment"
        if kind == "string":
            self._strings += entry
        if kind in _NO_PAPER:
            return None
        logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)
        library = parse_string(self._strings + entry)
        entries = list(library.entries)
        for block in library.failed_blocks:
            inner = getattr(block, "ignore_error_block", None)
            if inner is not None and hasattr(inner, "fields"):
                entries.append(inner)
        if not entries:
            raise RecordError("it is no BibTeX entry that can be read")
        fields: dict[str, str] = {}
        for field in entries[-1].fields:
            fields.setdefault(field.key.lower(), _bibtex_text(str(field.value)))
        return make_paper(
            ids=[fields.get(key, "") for key in _BIBTEX_IDS],
            title=fields.get("title", ""),
            abstract=fields.get("abstract", ""),
            categories=fields.get("primaryclass", "") or fields.get("arxivcategory", ""),
            authors=re.sub(r"\s+and\s+", "; ", fields.get("author", "")),
            created=day_of(fields.get("date"))
            or day_of(f"{fields.get('year', '')} {fields.get('month', '')}"),
        )


def tagged_records(lines: Iterable[str], tag_line: re.Pattern[str]) -> Iterator[tuple[int, Record]]:
    """The records of RIS, .nbib or Web of Science text, with the lines that each takes.

    Args:
        tag_line: `RIS_LINE` or `WOS_LINE`.

    A record begins with its first tag (`TY`, `PMID`, `PT`) and ends before the next one, so that
    a missing end costs nothing. Indented lines and lines without a tag continue a value.
    """
    record: Record = {}
    last = ""
    count = 0
    for line in lines:
        match = tag_line.match(line)
        tag = match[1] if match else ""
        if tag in _STARTS and record and (tag != "PMID" or "PMID" in record):
            yield count, record
            record, count, last = {}, 0, ""
        count += 1
        if tag in _END:
            yield count, record
            record, count, last = {}, 0, ""
        elif match is not None:
            record.setdefault(tag, []).append((match[2] or "").strip())
            last = tag
        elif last and line.strip():
            values = record[last]
            if line.startswith("   ") and last in ("AU", "AF", "FAU", "C1", "CR"):
                values.append(line.strip())
            else:
                values[-1] = f"{values[-1]} {line.strip()}"
    if record:
        yield count, record


def paper_of_tags(record: Record) -> Paper | None:
    """The paper of a record of tags; None for a header such as `FN … VR 1.0`."""
    if not any(tag in record for tag in (*_STARTS, *_TITLE)):
        return None

    def first(*tags: str) -> str:
        return next((record[tag][0] for tag in tags if record.get(tag) and record[tag][0]), "")

    authors = record.get("FAU") or record.get("AF") or record.get("AU") or record.get("A1") or []
    ids = [value for tag in _IDS for value in record.get(tag, [])]
    if pmid := first("PMID"):
        ids.append(f"PMID:{pmid}")
    return make_paper(
        ids=ids,
        title=first(*_TITLE),
        abstract=first("AB", "N2"),
        authors="; ".join(authors),
        created=day_of(first("DA", "DP", "PY", "Y1", "YR")) or year_of(first("PY", "Y1", "DP")),
    )


def _bibtex_text(value: str) -> str:
    """A value without the braces that protect capitals; TeX math keeps its own."""
    parts = re.split(r"(\$[^$]*\$)", tex_to_unicode(value))
    kept = [part if part.startswith("$") else _BRACES.sub("", part) for part in parts]
    text = "".join(kept).replace("~", " ").replace("--", "–")
    return re.sub(r"\\([&%_#])", r"\1", text)
