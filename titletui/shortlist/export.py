"""Export the shortlist: Markdown, text, CSV or JSON lines by file name, or training data."""

import csv
import io
import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from titletui.atomic_write import write_atomically
from titletui.corpus.paper import Paper
from titletui.errors import TitletuiError, UsageError
from titletui.paths import named_path
from titletui.shortlist.records import BatchSettings, Favourite
from titletui.text import printable

SHORTLIST = "★ shortlist"
"""The name under which runs train on the shortlist, in place of a corpus."""

_MARKED_UP = re.compile(r"(\$[^$]*\$)|([\\`*_\[\]<>#|])")
_COLUMNS = ("text", "original", "note", "tags", "starred", "seed", "perplexity", "novelty")


def export(favourites: Sequence[Favourite], path: Path, *, overwrite: bool = False) -> Path:
    """Write the favourites in the given order, with their settings; return the path.

    A `.txt` file has the titles alone, one a line. The file is written atomically.

    Raises:
        UsageError: the suffix is none of `.md`, `.txt`, `.csv`, `.jsonl`, or the name is invalid.
        TitletuiError: the file exists, or cannot be written.
    """
    path = named_path(path)
    write = FORMATS.get(path.suffix.lower())
    if write is None:
        known = ", ".join(FORMATS)
        raise UsageError(f"The ending of {path.name!r} is not a known format; use one of {known}.")
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file in it.")
    if not overwrite and os.path.lexists(path):
        raise TitletuiError(f"{path} exists already; choose another name or overwrite it.")
    try:
        write_atomically(path, write(favourites).encode())
    except OSError as error:
        raise TitletuiError(f"{path} cannot be written ({error.strerror}).") from error
    return path


def as_papers(favourites: Iterable[Favourite]) -> tuple[Paper, ...]:
    """Return the favourites as training data, with the abstracts they were generated from."""
    return tuple(
        Paper(id=f"x-star-{one.id}", title=one.text, abstract=one.settings.abstract)
        for one in favourites
    )


def record(one: Favourite) -> dict[str, object]:
    """Return a favourite as the JSON object that `titletui shortlist --json` prints."""
    return {
        "text": one.text,
        "original": one.original,
        "note": one.note,
        "tags": one.tags,
        "model": one.model,
        "prefix": one.prefix,
        "temperature": one.temperature,
        "seed": one.seed,
        "starred": one.starred,
        "perplexity": one.perplexity,
        "novelty": one.novelty,
        "settings": one.settings,
    }


def _markdown(favourites: Sequence[Favourite]) -> str:
    lines = ["# Shortlist", ""]
    for one in favourites:
        lines.append(f"- **{_escaped(one.text)}**")
        about = [
            f"was: {_escaped(one.original)}" if one.edited else "",
            _escaped(one.note),
            " ".join(f"`#{printable(tag)}`" for tag in one.tags),
            _escaped(origin(one)),
        ]
        lines += [f"  - {line}" for line in about if line]
    return "\n".join(lines) + "\n"


def origin(one: Favourite) -> str:
    """Describe in one line how a favourite was generated."""
    if not one.model:
        return f"typed · {one.starred[:10]}"
    parts = [one.model]
    if one.prefix:
        parts.append(f"prefix “{one.prefix}”")
    if one.settings.abstract:
        parts.append("from an abstract")
    if one.settings.year is not None:
        parts.append(f"year {one.settings.year}")
    if one.temperature is not None:
        parts.append(f"t {one.temperature:.2f}")
    if one.settings.top_p is not None and one.settings.top_p < 1:
        parts.append(f"top-p {one.settings.top_p:g}")
    if one.settings.top_k:
        parts.append(f"top-k {one.settings.top_k}")
    if one.seed is not None:
        parts.append(f"seed {one.seed}")
    return " · ".join([*parts, one.starred[:10]])


def _text(favourites: Sequence[Favourite]) -> str:
    return "".join(f"{printable(one.text)}\n" for one in favourites)


def _csv(favourites: Sequence[Favourite]) -> str:
    left_out = ("seed", "group", "column", "note")
    fields = [one for one in msgspec.structs.fields(BatchSettings) if one.name not in left_out]
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow([*_COLUMNS, *(field.encode_name for field in fields)])
    for one in favourites:
        values: list[object] = [
            one.text,
            one.original,
            one.note,
            " ".join(one.tags),
            one.starred,
            one.seed,
            one.perplexity,
            one.novelty.kind if one.novelty else None,
            *(getattr(one.settings, field.name) for field in fields),
        ]
        writer.writerow(["" if value is None else printable(str(value)) for value in values])
    return file.getvalue()


def _jsonl(favourites: Sequence[Favourite]) -> str:
    return "".join(msgspec.json.encode(record(one)).decode() + "\n" for one in favourites)


def _escaped(text: str) -> str:
    """Escape Markdown, except in formulas between dollar signs."""
    return _MARKED_UP.sub(lambda found: found[1] or f"\\{found[2]}", printable(text))


FORMATS: dict[str, Callable[[Sequence[Favourite]], str]] = {
    ".md": _markdown,
    ".txt": _text,
    ".csv": _csv,
    ".jsonl": _jsonl,
}
