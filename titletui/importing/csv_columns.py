"""Which column of a table holds what, from its header or from what stands in it."""

import contextlib
import csv
import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from titletui.corpus.paper import Paper, arxiv_key, plain_id

Field = Literal["id", "title", "abstract", "categories", "authors", "created", "updated", "stamp"]

_NAMES: dict[Field, tuple[str, ...]] = {
    "id": ("id", "arxiv_id", "arxivid", "arxiv", "paper_id", "identifier"),
    "title": ("title", "titles", "paper_title", "paper title"),
    "abstract": ("abstract", "abstracts", "summary"),
    "categories": ("categories", "category", "subjects", "terms", "primary_category"),
    "authors": ("authors", "author"),
    "created": ("created", "published", "submitted", "date", "published_date", "created_date"),
    "updated": ("updated", "updated_date"),
    "stamp": ("datestamp", "update_date"),
}
_FIELD_OF = {name: field for field, names in _NAMES.items() for name in names}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}.*")
_CATEGORIES = re.compile(r"[a-z-]+(\.[A-Za-z-]+)?( [a-z-]+(\.[A-Za-z-]+)?)*")
_MOST = 0.8
_LONG = 40


class Columns(msgspec.Struct, frozen=True):
    """How to read a table.

    Attributes:
        fields: what each column holds; None for what is not wanted.
        header: whether the first row is the header.
        delimiter: between cells; a tab goes without quoting.
    """

    fields: tuple[Field | None, ...]
    header: bool
    delimiter: str

    def rows(self, lines: Iterable[str]) -> Iterator[list[str] | str]:
        """The rows, each with as many cells as there are columns, or what is wrong with it.

        Where a row has too many cells, the title is taken to hold delimiters.
        """
        title = self.fields.index("title")
        width = len(self.fields)
        rows = _cells(lines, self.delimiter)
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield f"it is no row of a table ({error})"
                continue
            extra = len(row) - width
            if extra > 0:
                whole = self.delimiter.join(row[title : title + extra + 1])
                row = [*row[:title], whole, *row[title + extra + 1 :]]
            if 0 < len(row) <= title:
                yield f"it has {len(row)} cells of {width}"
            else:
                yield row

    def paper(self, row: Sequence[str]) -> Paper:
        """The paper of one row."""
        values: dict[str, str] = {
            field: cell.strip()
            for field, cell in zip(self.fields, row, strict=False)
            if field is not None
        }
        return Paper(
            id=plain_id(values.get("id", "")),
            title=values.get("title", ""),
            abstract=values.get("abstract", ""),
            categories=values.get("categories", ""),
            authors=values.get("authors", ""),
            created=values.get("created", "")[:10],
            updated=values.get("updated", "")[:10],
            datestamp=values.get("stamp", "")[:10],
        )


def find_columns(sample: Sequence[str], ending: str) -> Columns | None:
    """How to read the table that `sample` is the beginning of; None where it is a list of titles.

    Args:
        ending: of the file's name (`.csv`), which decides what cannot be seen.
    """
    delimiter = "\t" if sample and "\t" in sample[0] else ","
    if delimiter == "," and sample and ";" in sample[0] and "," not in sample[0]:
        delimiter = ";"
    rows = _first_rows(sample, delimiter)
    if not rows:
        return None
    named = tuple(_FIELD_OF.get(cell.strip().lower().replace(" ", "_")) for cell in rows[0])
    if "title" in named:
        return Columns(_once(named), header=True, delimiter=delimiter)
    width, count = Counter(len(row) for row in rows).most_common(1)[0]
    if width < 2 or (count < _MOST * len(rows) and not any(map(_is_id, rows[0]))):
        return None
    fields = _guess([row for row in rows if len(row) == width], width)
    certain = delimiter == "\t" or "id" in fields or count == len(rows)
    if "title" not in fields or not certain or (ending == ".txt" and "id" not in fields):
        return None
    return Columns(fields, header=False, delimiter=delimiter)


def _first_rows(sample: Sequence[str], delimiter: str) -> list[list[str]]:
    """The rows that something stands in, up to one that is no row."""
    rows: list[list[str]] = []
    with contextlib.suppress(csv.Error):
        rows.extend(row for row in _cells(sample, delimiter) if any(row))
    return rows


def _cells(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    if delimiter == "\t":
        return (line.rstrip("\r\n").split("\t") for line in lines)
    return csv.reader(lines, delimiter=delimiter)


def _once(fields: tuple[Field | None, ...]) -> tuple[Field | None, ...]:
    return tuple(
        field if field is None or fields.index(field) == place else None
        for place, field in enumerate(fields)
    )


def _guess(rows: Sequence[Sequence[str]], width: int) -> tuple[Field | None, ...]:
    """Ids, dates and categories by their form; the longest texts are abstracts, then titles."""
    fields: list[Field | None] = [None] * width
    texts: list[tuple[float, int]] = []
    for place in range(width):
        cells = [row[place].strip() for row in rows if row[place].strip()]
        if not cells:
            continue
        if "id" not in fields and _share(cells, _is_id):
            fields[place] = "id"
        elif _share(cells, lambda cell: _DATE.fullmatch(cell) is not None):
            if "created" not in fields:
                fields[place] = "created"
        elif "categories" not in fields and _share(cells, _is_categories):
            fields[place] = "categories"
        else:
            texts.append((statistics.mean(len(cell.split()) for cell in cells), place))
    texts.sort(reverse=True)
    if len(texts) > 1 and texts[0][0] > _LONG:
        fields[texts.pop(0)[1]] = "abstract"
    if texts and texts[0][0] > 1:
        fields[texts[0][1]] = "title"
    return tuple(fields)


def _share(cells: Sequence[str], holds: Callable[[str], bool]) -> bool:
    return sum(map(holds, cells)) >= _MOST * len(cells)


def _is_id(cell: str) -> bool:
    return arxiv_key(plain_id(cell)) is not None


def _is_categories(cell: str) -> bool:
    return _CATEGORIES.fullmatch(cell) is not None and "." in cell
