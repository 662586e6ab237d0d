"""Paths as people paste, drop or type them, and what they stand for."""

import glob
import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from titletui.corpus.export import data_ending
from titletui.errors import UsageError
from titletui.paths import named_path

_URL = re.compile(r"(?:https?|ftp|s3|gs|hf)://", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)")
_QUOTES = (("'", "'"), ('"', '"'), ("“", "”"), ("‘", "’"), ("<", ">"))
_STRIPPED = (".jsonl", ".json", ".ndjson", ".csv", ".tsv")
_DATA_ENDINGS = frozenset(
    (
        ".jsonl", ".json", ".ndjson", ".csv", ".tsv", ".tab", ".txt", ".bib", ".ris", ".nbib",
        ".ciw", ".xml", ".atom", ".md", ".parquet", ".xlsx", ".xls",
    )
)  # fmt: skip
_COMPRESSED = frozenset((".gz", ".xz", ".bz2", ".zip", ".zst"))
_MOST_FILES = 1_000
_MOST_FOLDERS = 10_000


def pasted_path(typed: str) -> Path:
    """The path in a text as terminals and file managers paste it.

    Quotes, `\\ ` for a space, `file://` and `%20` are taken away, unless a file has that very name.

    Raises:
        UsageError: it is an address of the web, or names no user.
    """
    text = typed.strip()
    if os.path.lexists(os.path.expanduser(text)) and text:
        return named_path(text)
    for opening, closing in _QUOTES:
        if len(text) > 1 and text.startswith(opening) and text.endswith(closing):
            text = text[1:-1]
            break
    if _URL.match(text):
        raise UsageError(
            f"{text[:100]} is an address; download it first (curl -LO {text[:100]}) and name the "
            "file."
        )
    if text.lower().startswith("file:"):
        text = unquote(urlsplit(text).path)
    path = named_path(text)
    if not path.exists() and "\\" in text:
        path = named_path(_ESCAPED.sub(r"\1", text))
    if not path.exists() and "%" in text:
        path = named_path(unquote(text))
    return path


def source_files(paths: Sequence[str | Path]) -> list[Path]:
    """The files that paths stand for: themselves, those of a folder, or those that match a glob.

    Raises:
        UsageError: one stands for nothing, or is an address of the web.
    """
    files: list[Path] = []
    for typed in paths:
        path = pasted_path(typed) if isinstance(typed, str) else typed
        if path == Path("-"):
            files.append(path)
        elif path.is_dir():
            found = _data_files(path)
            if not found:
                raise UsageError(f"{path} is a folder without a file of papers; name a file.")
            files += found
        elif not os.path.lexists(path) and glob.has_magic(str(path)):
            found = sorted(Path(one) for one in glob.glob(str(path), recursive=True))
            if not found:
                raise UsageError(f"No file matches {path}.")
            files += [one for one in found if one.is_file()]
        else:
            files.append(path)
    if len(files) > _MOST_FILES:
        raise UsageError(f"That are {len(files):,} files; import at most {_MOST_FILES:,} at once.")
    return list(dict.fromkeys(one if one == Path("-") else one.absolute() for one in files))


def corpus_name_for(paths: Sequence[Path]) -> str:
    """The name of the corpus that files are imported into unless another is given."""
    if len(paths) != 1:
        folders = {path.parent for path in paths}
        return (folders.pop().name if len(folders) == 1 else "").lstrip(".-") or "imported"
    path = paths[0]
    if path == Path("-") or path.is_relative_to("/dev") or path.is_relative_to("/proc"):
        return "piped"
    ending = data_ending(path)
    name = path.name
    if ending:
        cut = name.lower().rindex(ending)
        name = name[:cut] if ending in _STRIPPED else name[: cut + len(ending)]
    return name.lstrip(".-") or "imported"


def _data_files(folder: Path) -> list[Path]:
    """The files in a folder that may hold papers; folders that are closed are left out."""
    found: list[Path] = []
    for looked_at, (parent, _, names) in enumerate(os.walk(folder)):
        found += [path for name in names if _is_data(path := Path(parent) / name, folder)]
        if len(found) > _MOST_FILES or looked_at > _MOST_FOLDERS:
            raise UsageError(f"{folder} holds too many files; name those to import.")
    return sorted(path for path in found if path.is_file())


def _is_data(path: Path, folder: Path) -> bool:
    """Whether a file in a folder may hold papers: by its ending, and not hidden."""
    if any(part.startswith((".", "__MACOSX")) for part in path.relative_to(folder).parts):
        return False
    if path.stem.lower() in ("readme", "license", "changelog"):
        return False
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    return bool(suffixes) and (
        suffixes[-1] in _DATA_ENDINGS
        or (suffixes[-1] in _COMPRESSED and (len(suffixes) < 2 or suffixes[-2] in _DATA_ENDINGS))
    )
