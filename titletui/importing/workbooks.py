"""Parquet files and Excel workbooks, with the packages of the extra `tables`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from titletui.corpus.paper import Paper
from titletui.errors import UsageError
from titletui.importing.decompression import is_workbook
from titletui.importing.json_records import RecordError, paper_of_json
from titletui.importing.tables import ColumnChoice, Table, find_table

PARQUET = "Parquet"
EXCEL = "Excel"
_INSTALL = 'install the extra (pip install "titletui[tables]"), or save it as CSV'
_OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BATCH = 1_000
_SAMPLE = 200


def kind_of(path: Path) -> str:
    """`Parquet` or `Excel`, by what the file begins with; empty for other files."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            head = file.read(8)
    except OSError:
        return ""
    if head.startswith(b"PAR1"):
        return PARQUET
    if head == _OLD_EXCEL and path.suffix.lower() == ".xls":
        return EXCEL
    return EXCEL if head.startswith(b"PK\x03\x04") and is_workbook(path) else ""


class Workbook:
    """The papers of a Parquet file or of the first sheet of a workbook that holds some.

    Attributes:
        table: how a sheet is read; None for Parquet, whose columns have names.
        fraction: the share that was read, 0…1.

    Raises:
        UsageError: the packages are not installed, or the file cannot be read.
    """

    def __init__(self, path: Path, choice: ColumnChoice) -> None:
        self.table: Table | None = None
        self.fraction = 0.0
        self._choice = choice
        self._path = path
        try:
            self._open = self._open_parquet() if kind_of(path) == PARQUET else self._open_excel()
        except ImportError as error:
            kind = "a Parquet file" if kind_of(path) == PARQUET else "an Excel workbook"
            raise UsageError(f"{path} is {kind}; to import it, {_INSTALL}.") from error
        except UsageError:
            raise
        except Exception as error:  # whatever the packages raise about a damaged file
            raise UsageError(f"{path} cannot be read ({error}); fetch it again.") from error

    def records(self) -> Iterator[tuple[int, Paper | str]]:
        """The number of each row, and its paper or what is wrong with it."""
        yield from self._open

    def _open_parquet(self) -> Iterator[tuple[int, Paper | str]]:
        from pyarrow import parquet

        file = parquet.ParquetFile(self._path, memory_map=True)
        return self._parquet_rows(file)

    def _parquet_rows(self, file: Any) -> Iterator[tuple[int, Paper | str]]:
        total = max(1, file.metadata.num_rows)
        number = 0
        for batch in file.iter_batches(batch_size=_BATCH):
            for row in batch.to_pylist():
                number += 1
                if self._choice.title in row:
                    row = {**row, "title": row[self._choice.title]}
                if self._choice.abstract in row:
                    row = {**row, "abstract": row[self._choice.abstract]}
                try:
                    yield number, paper_of_json(row)
                except RecordError as error:
                    yield number, str(error)
            self.fraction = number / total

    def _open_excel(self) -> Iterator[tuple[int, Paper | str]]:
        from python_calamine import CalamineWorkbook

        book = CalamineWorkbook.from_path(str(self._path))
        for name in book.sheet_names:
            rows = [
                [_cell(cell) for cell in row] for row in book.get_sheet_by_name(name).to_python()
            ]
            sample = ["\t".join(row) + "\n" for row in rows[:_SAMPLE]]
            table = find_table(sample, ".tsv", self._choice) if sample else None
            if table is not None:
                self.table = table
                return self._excel_rows(table, rows)
        raise UsageError(f"{self._path} has no sheet with a column of titles; give it a header.")

    def _excel_rows(self, table: Table, rows: list[list[str]]) -> Iterator[tuple[int, Paper | str]]:
        for number, row in enumerate(rows[table.skip :], table.skip + 1):
            if any(row):
                yield number, table.paper(row)
            self.fraction = number / len(rows)


def _cell(value: object) -> str:
    """A cell as text on one line; whole numbers without a decimal point."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return " ".join(str(value).split()) if value is not None else ""
