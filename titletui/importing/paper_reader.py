"""Reading papers from files: what kind of file it is, and one record after the other.

Understood are JSON lines (the Kaggle snapshot's, our own, and the like), CSV and TSV with or
without a header, and plain lists of titles.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import msgspec

from titletui.corpus.export import data_ending
from titletui.corpus.normalize import TITLE_LENGTH
from titletui.corpus.paper import Paper
from titletui.errors import UsageError
from titletui.importing.csv_columns import Columns, find_columns
from titletui.importing.json_records import RecordError, decode_record
from titletui.importing.line_reader import LineReader, text_of
from titletui.text import clean

_SAMPLE = 200


class RejectedRecord(msgspec.Struct, frozen=True):
    """A record that cannot be used.

    Attributes:
        line: the line that it starts on, counted from 1.
        reason: the end of a sentence: `it has no title`.
    """

    line: int
    reason: str


class PaperReader:
    """The papers in a file.

    Attributes:
        lines: where it stands in the file.
        form: `JSON lines`, `table` or `titles`.
        latin1: lines so far that were not UTF-8 and were read as Latin-1.

    Raises:
        UsageError: there is no such file, or it holds nothing of that kind.
    """

    def __init__(self, path: Path) -> None:
        self.latin1 = 0
        self._columns: Columns | None = None
        with LineReader(path) as lines:
            sample = [text_of(line)[0] for line in itertools.islice(lines, _SAMPLE)]
        first = next((line for line in sample if not line.isspace()), "").lstrip()
        if not first:
            raise UsageError(f"{path} is empty; there is nothing to import.")
        if first.startswith("["):
            _refuse_array(path, first)
        if any("\x00" in line for line in sample):
            raise UsageError(f"{path} is no text; name a file of JSON lines, CSV, TSV or titles.")
        self.form = "JSON lines" if first.startswith("{") else "titles"
        if self.form == "titles":
            self._columns = find_columns(sample, data_ending(path))
            if self._columns is not None:
                self.form = "table"
        self.lines = LineReader(path)

    def close(self) -> None:
        self.lines.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Paper | RejectedRecord]:
        """The records that are left.

        Raises:
            TitletuiError: the file is cut short, or its compression damaged.
        """
        if self.form == "JSON lines":
            records = self._json()
        elif self._columns is None:
            records = self._titles()
        else:
            records = self._table(self._columns)
        for line, record in records:
            if isinstance(record, str):
                yield RejectedRecord(line, record)
            elif not record.title or record.title.isspace():
                yield RejectedRecord(line, "it has no title")
            elif len(record.title) > TITLE_LENGTH and len(clean(record.title)) > TITLE_LENGTH:
                yield RejectedRecord(line, f"its title is longer than {TITLE_LENGTH:,} characters")
            else:
                yield record

    def _json(self) -> Iterator[tuple[int, Paper | str]]:
        lines = self.lines
        for line in lines:
            if line.isspace():
                continue
            text, latin1 = text_of(line)
            self.latin1 += latin1
            try:
                yield lines.line, decode_record(text)
            except RecordError as error:
                yield lines.line, str(error)

    def _titles(self) -> Iterator[tuple[int, Paper | str]]:
        for text in self._texts():
            title = text.strip()
            if len(title) > 1 and title[0] == title[-1] == '"':
                title = title[1:-1].replace('""', '"')
            if title:
                yield self.lines.line, Paper(id="", title=title)

    def _table(self, columns: Columns) -> Iterator[tuple[int, Paper | str]]:
        skip = columns.header and self.lines.line == 0
        start = self.lines.line + 1
        for row in columns.rows(self._texts()):
            line, start = start, self.lines.line + 1
            if skip:
                skip = False
            elif isinstance(row, str):
                yield line, row
            elif any(row):
                yield line, columns.paper(row)

    def _texts(self) -> Iterator[str]:
        for line in self.lines:
            text, latin1 = text_of(line)
            self.latin1 += latin1
            yield text.replace("\x00", "")


def _refuse_array(path: Path, first: str) -> None:
    inner = first[1:].lstrip()
    if not inner or inner.startswith(("{", '"')):
        raise UsageError(
            f"{path} is one JSON array; put one record on each line (jq -c '.[]' does it)."
        )
