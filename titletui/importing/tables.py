"""Tables: their delimiter, their header, which column holds what, and their rows."""

import csv
import re
import statistics
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from titletui.corpus.paper import Paper, arxiv_key, plain_id
from titletui.errors import UsageError
from titletui.importing.fields import (
    Field,
    assign_fields,
    authors_of,
    categories_of,
    day_of,
    field_of,
    is_weak_title,
    make_paper,
    year_of,
)

DELIMITERS = ("\t", ",", ";", "|")
MOST_COLUMNS = 2_000
_HEADER_WITHIN = 30
_MOST_ROW_LINES = 200
_CONSISTENT = 0.8
_LONG = 40
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}.*")
_NUMBER = re.compile(r"[-+]?\d[\d.,]*%?")
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d(?:\.0)?")
_CATEGORIES = re.compile(r"[a-z-]+(\.[A-Za-z-]+)?( [a-z-]+(\.[A-Za-z-]+)?)*")
_SEPARATOR_LINE = re.compile(r"\"?sep=(.)\"?\s*", re.IGNORECASE)


class ColumnChoice(msgspec.Struct, frozen=True):
    """Columns or keys that a person names, or numbers from 1 on; empty to find them."""

    title: str = ""
    abstract: str = ""


class AmbiguousColumnsError(UsageError):
    """It cannot be told which column holds the titles."""


class Dialect(msgspec.Struct, frozen=True):
    """How the cells of a row are separated.

    Attributes:
        quoted: cells may be quoted, and then hold delimiters and line ends.
        backslash: a quote in a quoted cell is `\\"`; else it is doubled.
    """

    delimiter: str
    quoted: bool = True
    backslash: bool = False

    def cells(self, text: str, *, strict: bool = False) -> list[str]:
        """The cells of one row.

        Raises:
            csv.Error: it is no row.
        """
        if not self.quoted:
            return text.rstrip("\r\n").split(self.delimiter)
        reader = csv.reader(
            text.splitlines(keepends=True),
            delimiter=self.delimiter,
            doublequote=not self.backslash,
            escapechar="\\" if self.backslash else None,
            strict=strict,
        )
        rows = list(reader)
        if len(rows) > 1:
            raise csv.Error("a cell holds an unquoted line end")
        return rows[0] if rows else []

    def open_quote(self, text: str) -> bool:
        """Whether a quoted cell may go on in the next line."""
        if not self.quoted:
            return False
        quotes = text.count('"') - (text.count('\\"') if self.backslash else 0)
        return quotes % 2 == 1


class Table(msgspec.Struct, frozen=True):
    """How to read a table.

    Attributes:
        names: of the columns, or their numbers.
        fields: what each column holds; None for what is not wanted.
        skip: lines before the first row of data.
        guessed: it is a guess which column holds the titles: they have neither a name nor ids
            beside them.
    """

    names: tuple[str, ...]
    fields: tuple[Field | None, ...]
    dialect: Dialect
    skip: int
    guessed: bool = False

    @property
    def described(self) -> list[tuple[str, str]]:
        """Field and column name, of those that are read."""
        return [(f, n) for f, n in zip(self.fields, self.names, strict=True) if f is not None]

    def rows(self, lines: Iterable[str]) -> Iterator[tuple[int, list[str] | str]]:
        """How many lines each row takes, and its cells or what is wrong with it.

        A quote that is not closed costs no more than its line.
        """
        source = iter(lines)
        pending: deque[str] = deque()
        while True:
            line = pending.popleft() if pending else next(source, None)
            if line is None:
                return
            if not self.dialect.open_quote(line):
                yield 1, self._fitted(line)
                continue
            text, taken = line, 1
            row: list[str] | None = None
            while taken < _MOST_ROW_LINES and row is None:
                if taken > len(pending):
                    more = next(source, None)
                    if more is None:
                        break
                    pending.append(more)
                text += pending[taken - 1]
                taken += 1
                if not self.dialect.open_quote(text):
                    row = self._strict_row(text)
            if row is None:
                yield 1, self._fitted(line)
                continue
            for _ in range(taken - 1):
                pending.popleft()
            yield taken, row

    def paper(self, row: Sequence[str]) -> Paper:
        """The paper of one row."""
        values: dict[str, str] = {}
        ids: list[str] = []
        for field, cell in zip(self.fields, row, strict=False):
            if field in ("id", "link"):
                ids.append(cell.strip())
            elif field is not None:
                values[field] = cell.strip()
        return make_paper(
            ids=ids,
            title=values.get("title", ""),
            abstract=values.get("abstract", ""),
            categories=_categories(values.get("categories", "")),
            authors=authors_of(values.get("authors", "")),
            created=day_of(values.get("created")) or year_of(values.get("year")),
            updated=day_of(values.get("updated")),
            stamp=day_of(values.get("stamp")),
        )

    def _strict_row(self, text: str) -> list[str] | None:
        """A row over several lines; None where it does not fit the table."""
        try:
            row = self.dialect.cells(text, strict=True)
        except csv.Error:
            return None
        return row if len(row) == len(self.fields) else None

    def _fitted(self, line: str) -> list[str] | str:
        """The cells of a line, as many as there are columns.

        Of a row with too many cells the last long column is taken to hold delimiters.
        """
        try:
            row = self.dialect.cells(line)
        except csv.Error as error:
            return f"it is no row of a table ({error})"
        width = len(self.fields)
        while len(row) > width and not row[-1].strip():
            row.pop()
        extra = len(row) - width
        title = self.fields.index("title")
        if extra > 0:
            long = self.fields.index("abstract") if "abstract" in self.fields else title
            long = max(long, title)
            whole = self.dialect.delimiter.join(row[long : long + extra + 1])
            row = [*row[:long], whole, *row[long + extra + 1 :]]
        if 0 < len(row) <= title:
            return f"it has {len(row)} cells of {width}"
        return row


def find_table(
    sample: Sequence[str], ending: str, choice: ColumnChoice | None = None
) -> Table | None:
    """How to read the table that `sample` is the beginning of; None where it is no table.

    Args:
        ending: of the file's name (`.csv`), which decides what cannot be seen.

    Raises:
        AmbiguousColumnsError: several columns may hold the titles.
        UsageError: it has no column of the name that was chosen, or too many columns.
    """
    choice = choice or ColumnChoice()
    skip = 0
    delimiters: Sequence[str] = DELIMITERS
    if sample and (match := _SEPARATOR_LINE.fullmatch(sample[0])):
        skip, delimiters = 1, (match[1],)
    body = sample[skip:]
    candidates = [
        table
        for delimiter in delimiters
        if (table := _with_header(body, skip, delimiter, choice)) is not None
    ]
    if candidates:
        best = max(candidates, key=lambda table: _quality(table, body[table.skip - skip :]))
        return _chosen(best, choice)
    for delimiter in delimiters:
        table = _without_header(body, skip, delimiter, ending, choice)
        if table is not None:
            return table
    if choice.title:
        raise UsageError("It is no table, so it has no columns to choose from.")
    return None


def _with_header(
    body: Sequence[str], skip: int, delimiter: str, choice: ColumnChoice
) -> Table | None:
    """The table under the first row that names a column of titles."""
    dialect = _dialect(body, delimiter)
    for place, line in enumerate(body[:_HEADER_WITHIN]):
        if not line.strip():
            continue
        try:
            names = [cell.strip().strip("\ufeff") for cell in dialect.cells(line)]
        except csv.Error:
            continue
        if len(names) > MOST_COLUMNS:
            raise UsageError(f"It has {len(names):,} columns; name a file of papers.")
        fields = assign_fields(names)
        recognized = sum(field is not None for field in fields)
        chosen = choice.title and choice.title in names
        if "title" not in fields and not chosen:
            continue
        if place and recognized < 2 and not chosen:
            continue
        weak = "title" in fields and is_weak_title(names[fields.index("title")])
        if weak and recognized < 2 and not chosen:
            continue
        rest = [row for row in _rows(body[place + 1 :], dialect) if any(row)]
        if not chosen and not _reads_like_titles(rest, fields, names):
            continue
        return Table(tuple(names), tuple(fields), dialect, skip + place + 1)
    return None


def _reads_like_titles(
    rows: Sequence[Sequence[str]], fields: Sequence[Field | None], names: Sequence[str]
) -> bool:
    """Whether the column that is named like titles holds titles: a weak name is no proof."""
    title = fields.index("title")
    cells = [row[title] for row in rows if len(row) > title and row[title].strip()]
    if not is_weak_title(names[title]):
        return True
    return bool(cells) and statistics.mean(len(cell.split()) for cell in cells) > 2


def _quality(table: Table, lines: Sequence[str]) -> tuple[int, float]:
    """How sure a table is: the fields that its header names, the share of rows that fit."""
    rows = _rows(lines, table.dialect)
    fit = sum(len(row) == len(table.fields) for row in rows) / len(rows) if rows else 0.0
    return len(table.described), fit


def _without_header(
    body: Sequence[str], skip: int, delimiter: str, ending: str, choice: ColumnChoice
) -> Table | None:
    """The table whose columns are told by what stands in them."""
    dialect = _dialect(body, delimiter)
    rows = [row for row in _rows(body, dialect) if any(row)]
    if not rows:
        return None
    width, count = Counter(len(row) for row in rows).most_common(1)[0]
    if width > MOST_COLUMNS:
        raise UsageError(f"It has {width:,} columns; name a file of papers.")
    ids = any(map(_is_id, rows[0]))
    if width < 2 or (count < _CONSISTENT * len(rows) and not ids):
        return None
    even = [row for row in rows if len(row) == width]
    header = len(even) > 1 and even[0] is rows[0] and _is_header(even[0], even[1:])
    data = even[1:] if header else even
    names = tuple(even[0]) if header else tuple(str(number + 1) for number in range(width))
    lines = 1 + next(place for place, line in enumerate(body) if line.strip()) if header else 0
    fields, candidates = _guess(data, width)
    certain = delimiter in "\t|" or "id" in fields or count == len(rows)
    plain_text = ending in (".txt", "") and delimiter == "," and "id" not in fields
    table = Table(names, tuple(fields), dialect, skip + lines, guessed="id" not in fields)
    if choice.title:
        return _chosen(table, choice)
    if not certain or plain_text or not candidates:
        return None
    if delimiter in ",;" and "id" not in fields and not header and width > len(set(fields)) + 1:
        return None
    if len(candidates) > 1:
        shown = ", ".join(f"{names[place]} ({data[0][place].strip()[:40]})" for place in candidates)
        raise AmbiguousColumnsError(
            f"Which column holds the titles? Any of these may: {shown}. "
            "Name it (--title-column), or give the table a header."
        )
    return table


def _chosen(table: Table, choice: ColumnChoice) -> Table:
    """The table with the columns that a person chose."""
    fields = list(table.fields)
    for field, name in (("title", choice.title), ("abstract", choice.abstract)):
        if not name:
            continue
        if name in table.names:
            place = table.names.index(name)
        elif name.isdecimal() and 1 <= int(name) <= len(fields):
            place = int(name) - 1
        else:
            raise UsageError(
                f"There is no column {name!r}; there are: {', '.join(table.names[:20])}."
            )
        fields = [None if one == field else one for one in fields]
        fields[place] = field  # type: ignore[call-overload]
    guessed = table.guessed and not choice.title
    return msgspec.structs.replace(table, fields=tuple(fields), guessed=guessed)


def _dialect(sample: Sequence[str], delimiter: str) -> Dialect:
    """Whether cells are quoted, and how quotes in them are written."""
    text = "".join(sample)
    plain = Dialect(delimiter, quoted=False)
    if delimiter == "\t":
        if '\t"' not in text and not any(line.startswith('"') for line in sample):
            return plain
        try:
            rows = list(csv.reader(sample, delimiter=delimiter, strict=True))
        except csv.Error as error:
            rows = [] if "end of data" not in str(error) else _rows(sample, Dialect(delimiter))
        if not rows or _evenness(rows) < _evenness(_rows(sample, plain)):
            return plain
    return Dialect(delimiter, backslash='\\"' in text and '""' not in text)


def _evenness(rows: Sequence[Sequence[str]]) -> float:
    """The share of rows that have as many cells as most."""
    widths = Counter(map(len, rows))
    return widths.most_common(1)[0][1] / len(rows) if rows else 0.0


def _rows(lines: Sequence[str], dialect: Dialect) -> list[list[str]]:
    """The rows of a sample; a quoted cell over several lines is one cell."""
    rows: list[list[str]] = []
    text = ""
    for line in lines:
        text += line
        if dialect.open_quote(text) and text.count("\n") < _MOST_ROW_LINES:
            continue
        try:
            rows.append(dialect.cells(text))
        except csv.Error:
            return rows
        text = ""
    return rows


def _is_header(row: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns rather than being one of the papers."""
    cells = [cell.strip() for cell in row]
    if any(not cell or _is_id(cell) or _NUMBER.fullmatch(cell) for cell in cells):
        return False
    if len(set(cells)) < len(cells) or max(len(cell.split()) for cell in cells) > 4:
        return False
    if any(field_of(cell) for cell in cells):
        return True
    typed = (_is_id, lambda cell: _DATE.fullmatch(cell) is not None,
             lambda cell: _NUMBER.fullmatch(cell) is not None)  # fmt: skip
    for place in range(len(cells)):
        column = [one[place].strip() for one in rows if one[place].strip()]
        if column and any(_share(column, holds) for holds in typed):
            return True
    return False


def _guess(rows: Sequence[Sequence[str]], width: int) -> tuple[list[Field | None], list[int]]:
    """What each column holds, and which may hold the titles.

    Ids, dates, years, categories and authors are told by their form; the longest texts are
    abstracts.
    """
    fields: list[Field | None] = [None] * width
    texts: list[tuple[float, int]] = []
    for place in range(width):
        cells = [row[place].strip() for row in rows if row[place].strip()]
        if not cells:
            continue
        if _share(cells, _is_id):
            fields[place] = "link" if "id" in fields else "id"
        elif _share(cells, lambda cell: _DATE.fullmatch(cell) is not None):
            if "created" not in fields:
                fields[place] = "created"
        elif _share(cells, lambda cell: _YEAR.fullmatch(cell) is not None):
            if "year" not in fields:
                fields[place] = "year"
        elif _share(cells, lambda cell: _NUMBER.fullmatch(cell) is not None):
            continue
        elif "categories" not in fields and _share(cells, _is_categories):
            fields[place] = "categories"
        elif _share(cells, lambda cell: cell.startswith(("http", "10."))):
            fields[place] = "link"
        elif "authors" not in fields and _share(cells, _is_authors):
            fields[place] = "authors"
        else:
            texts.append((statistics.mean(len(cell.split()) for cell in cells), place))
    texts.sort(reverse=True)
    if len(texts) > 1 and texts[0][0] > _LONG:
        fields[texts.pop(0)[1]] = "abstract"
    candidates = [place for mean, place in texts if mean > 2] or [
        place for mean, place in texts if mean > 1
    ]
    if candidates:
        fields[candidates[0]] = "title"
    return fields, candidates


def _share(cells: Sequence[str], holds: Callable[[str], bool]) -> bool:
    return sum(map(holds, cells)) >= _CONSISTENT * len(cells)


def _is_id(cell: str) -> bool:
    return arxiv_key(plain_id(cell)) is not None and not _YEAR.fullmatch(cell)


def _is_categories(cell: str) -> bool:
    return _CATEGORIES.fullmatch(cell) is not None and "." in cell


def _is_authors(cell: str) -> bool:
    """Whether a cell is a list of names: short parts of capitalized words or initials."""
    if not re.search(r"[;,&]| and ", cell) or len(cell) > 2_000:
        return False
    words = re.findall(r"[^\W\d_][\w'’-]*", cell.replace(" and ", " "))
    names = [word for word in words if word[0].isupper()]
    parts = re.split(r"[;,&]| and ", cell)
    return len(names) >= 0.9 * len(words) and max(len(part.split()) for part in parts) <= 4


def _categories(cell: str) -> str:
    return cell if _is_categories(cell) or not cell else categories_of(cell)
