"""Reading papers from a file: what form it has, and one record after the other."""

import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import msgspec

from titletui.corpus.export import data_ending
from titletui.corpus.normalize import TITLE_LENGTH
from titletui.corpus.paper import Paper
from titletui.errors import UsageError
from titletui.importing import arxiv_text, citations, workbooks
from titletui.importing.fields import field_of
from titletui.importing.json_records import (
    RecordError,
    decode_record,
    is_snapshot,
    paper_of_json,
    parse_json,
    record_depth,
    split_objects,
)
from titletui.importing.line_reader import LineReader
from titletui.importing.tables import ColumnChoice, Table, find_table
from titletui.importing.title_list import TitleLines, refuse_no_titles, refuse_other_forms
from titletui.text import clean

_SAMPLE_LINES = 200
_SAMPLE_LENGTH = 4 << 20
_WOS_START = re.compile(r"(?:FN |PT [A-Z]\s*$)")
_RIS_START = re.compile(r"TY {0,2}- ")
_NBIB_START = re.compile(r"PMID {0,2}- ")

Records = Iterator[tuple[int, Paper | str]]


class RejectedRecord(msgspec.Struct, frozen=True):
    """A record that cannot be used.

    Attributes:
        line: the line that it starts on, counted from 1.
        reason: the end of a sentence: `it has no title`.
    """

    line: int
    reason: str


class Position(msgspec.Struct, frozen=True):
    """Where to go on in a file.

    Attributes:
        offset, line: see `LineReader`; 0 for forms whose records do not end at line ends.
        records: to skip after that.
    """

    offset: int = 0
    line: int = 0
    records: int = 0


class PaperReader:
    """The papers in a file.

    Attributes:
        form: `JSON lines`, `table`, `titles`, `BibTeX`, ….
        table: how the table is read; None for other forms.
        foreign_lines, encoding: see `LineReader`.

    Raises:
        UsageError: there is no such file, or it holds nothing that can be read.
    """

    def __init__(self, path: Path, choice: ColumnChoice | None = None) -> None:
        self.path = path
        self.table: Table | None = None
        self._choice = choice or ColumnChoice()
        self._count = 0
        self._skip = 0
        self._by_line = False
        self._lines: LineReader | None = None
        kind = workbooks.kind_of(path)
        if kind:
            self.form = kind
            self._workbook = workbooks.Workbook(path, self._choice)
            self.table = self._workbook.table
            self._records: Callable[[], Records] = self._workbook.records
            return
        with LineReader(path) as lines:
            self._sample = _sample(lines)
        if not self._sample:
            raise UsageError(f"{path} is empty; there is nothing to import.")
        self.form, self._records = self._detect()
        self._lines = LineReader(path)

    def close(self) -> None:
        if self._lines is not None:
            self._lines.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def foreign_lines(self) -> int:
        return self._lines.foreign_lines if self._lines else 0

    @property
    def encoding(self) -> str:
        return self._lines.encoding if self._lines else ""

    @property
    def bytes_read(self) -> int:
        return self._lines.offset if self._lines else 0

    @property
    def fraction(self) -> float:
        """The share of the file that was read, 0…1."""
        return self._lines.fraction if self._lines else self._workbook.fraction

    @property
    def position(self) -> Position:
        """Where a later reader goes on after the record that was given last."""
        if self._by_line and self._lines is not None:
            return Position(self._lines.offset, self._lines.line)
        return Position(records=self._count)

    @property
    def line(self) -> int:
        """The line, or the record where lines do not matter, that was read last."""
        return self._lines.line if self._lines else self._count

    def skip_to(self, position: Position) -> None:
        """Go on where an earlier reader of the same file was."""
        self._skip = position.records
        if position.line and self._lines is not None:
            self._lines.skip_to(position.offset, position.line)

    def __iter__(self) -> Iterator[Paper | RejectedRecord]:
        """The records that are left.

        Raises:
            TitletuiError: the file is cut short, or its compression damaged.
        """
        for line, record in self._records():
            self._count += 1
            if self._count <= self._skip:
                continue
            if isinstance(record, str):
                yield RejectedRecord(line, record)
            elif not record.title or record.title.isspace():
                yield RejectedRecord(line, "it has no title")
            elif len(record.title) > TITLE_LENGTH and len(clean(record.title)) > TITLE_LENGTH:
                yield RejectedRecord(line, f"its title is longer than {TITLE_LENGTH:,} characters")
            else:
                yield record

    def _detect(self) -> tuple[str, Callable[[], Records]]:
        """The form of the file and how to read it, from its first lines."""
        sample = self._sample
        texts = [line for line in sample if line.strip()]
        first = texts[0].lstrip("\ufeff").lstrip()
        name = str(self.path)
        if found := self._detect_json(texts):
            return found
        if any(map(citations.BIBTEX_ENTRY.match, texts[:50])):
            return "BibTeX", self._bibtex
        if _NBIB_START.match(first):
            return "PubMed", lambda: self._tagged(citations.RIS_LINE)
        if _RIS_START.match(first) or sum(map(_is_ris_line, texts)) > 0.8 * len(texts) > 3:
            return "RIS", lambda: self._tagged(citations.RIS_LINE)
        if _WOS_START.match(first):
            return "Web of Science", lambda: self._tagged(citations.WOS_LINE)
        if first.startswith("<") and any(map(arxiv_text.FEED_ITEM.search, texts)):
            return "feed", self._feed
        if sum(arxiv_text.ID_LINE.match(line.strip()) is not None for line in texts) and any(
            line.strip().startswith("Title:") for line in texts
        ):
            return "arXiv listing", self._listing
        refuse_other_forms(first, name)
        try:
            self.table = find_table(sample, data_ending(self.path), self._choice)
        except UsageError as error:
            raise type(error)(f"{name}: {error}") from error
        if self.table is not None:
            self._by_line = True
            return "table", self._table
        refuse_no_titles(texts, name)
        self._by_line = True
        return "titles", self._titles

    def _detect_json(self, texts: list[str]) -> tuple[str, Callable[[], Records]] | None:
        first = texts[0].lstrip("\ufeff").lstrip()
        if not first.startswith(("{", "[", '"')):
            return None
        parsed: list[object] = []
        for text in texts[:20]:
            try:
                parsed.append(parse_json(text))
            except RecordError:
                continue
        objects = [one for one in parsed if isinstance(one, dict)]
        lines = _is_object(texts[0]) or (
            not first.startswith("[") and len(objects) > 0.2 * min(len(texts), 20)
        )
        if objects and len(texts) > 1 and lines:
            self._snapshot = all(map(is_snapshot, objects))
            self._by_line = True
            return "JSON lines", self._json_lines
        if not first.startswith(("{", "[")):
            return None
        depth = record_depth("".join(self._sample))
        if depth == 0 and len(texts) == 1:
            self._snapshot = all(map(is_snapshot, objects))
            self._by_line = True
            return "JSON lines", self._json_lines
        if depth is not None:
            return "JSON", lambda: self._json_objects(depth)
        if objects or re.match(r"\s*[{\[]\s*[\"{\[]", "".join(texts[:3])):
            keys = ", ".join(dict.fromkeys(str(key) for one in objects for key in one))
            what = f"no field of its records is a title (there are: {keys[:300]})" if keys else (
                "no record with a title is in its beginning"
            )  # fmt: skip
            raise UsageError(f"{self.path} is JSON, but {what}.")
        return None

    def _json_lines(self) -> Records:
        snapshot = self._snapshot and not (self._choice.title or self._choice.abstract)
        for line in self._text():
            if line.isspace():
                continue
            try:
                yield self.line, decode_record(self._renamed(line), snapshot=snapshot)
            except RecordError as error:
                yield self.line, str(error)

    def _json_objects(self, depth: int) -> Records:
        start = 1
        for text in split_objects(self._text(), depth):
            try:
                yield start, paper_of_json(parse_json(self._renamed(text)))
            except RecordError as error:
                yield start, str(error)
            start = self.line

    def _renamed(self, text: str) -> str:
        """JSON with the keys that a person chose under the usual names."""
        if not (self._choice.title or self._choice.abstract):
            return text
        record = parse_json(text)
        if isinstance(record, dict):
            for field, key in (("title", self._choice.title), ("abstract", self._choice.abstract)):
                if key in record:
                    value = record.pop(key)
                    record = {k: v for k, v in record.items() if _field(k) != field}
                    record[field] = value
        return msgspec.json.encode(record).decode()

    def _bibtex(self) -> Records:
        parser = citations.BibtexParser()
        yield from self._blocks(citations.bibtex_entries(self._text()), parser.paper)

    def _tagged(self, tag_line: re.Pattern[str]) -> Records:
        records = citations.tagged_records(self._text(), tag_line)
        yield from self._blocks(records, citations.paper_of_tags)

    def _feed(self) -> Records:
        yield from self._blocks(arxiv_text.feed_items(self._text()), arxiv_text.paper_of_item)

    def _listing(self) -> Records:
        blocks = arxiv_text.listing_blocks(self._text())
        yield from self._blocks(blocks, arxiv_text.paper_of_block)

    def _blocks(
        self, blocks: Iterator[tuple[int, Any]], parse: Callable[[Any], Paper | None]
    ) -> Records:
        """Records that take several lines, each with how many since the last one."""
        line = 1
        for taken, block in blocks:
            try:
                paper = parse(block)
                if paper is not None:
                    yield line, paper
            except RecordError as error:
                yield line, str(error)
            line += taken

    def _table(self) -> Records:
        assert self.table is not None
        lines = self._text()
        start = self.line + 1
        if self.line == 0:
            for _ in itertools.islice(lines, self.table.skip):
                start += 1
        header = list(self.table.names)
        for taken, row in self.table.rows(lines):
            if isinstance(row, str):
                yield start, row
            elif any(row) and row != header:
                yield start, self.table.paper(row)
            start += taken

    def _titles(self) -> Records:
        titles = TitleLines(self._sample)
        for line in self._text():
            if title := titles.title(line):
                yield self.line, Paper(id="", title=title)

    def _text(self) -> Iterator[str]:
        assert self._lines is not None
        for line in self._lines:
            yield line.replace("\x00", "") if "\x00" in line else line


def _sample(lines: LineReader) -> list[str]:
    """The first lines of a file; empty where nothing stands in them."""
    sample: list[str] = []
    length = 0
    for line in lines:
        sample.append(line.lstrip("\ufeff") if not sample else line)
        length += len(line)
        if len(sample) >= _SAMPLE_LINES or length >= _SAMPLE_LENGTH:
            break
    if any(line.strip() for line in sample):
        return sample
    return []


def _is_object(text: str) -> bool:
    try:
        return isinstance(parse_json(text), dict)
    except RecordError:
        return False


def _is_ris_line(line: str) -> bool:
    return citations.RIS_LINE.match(line) is not None


def _field(name: str) -> str:
    found = field_of(name)
    return found[0] if found else ""
