"""Export a corpus as JSON lines, which can be imported without loss, or as titles."""

import gzip
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import msgspec

from titletui.corpus.store import CorpusStore
from titletui.errors import TitletuiError, UsageError

ENDINGS = (".jsonl", ".txt")
_COMPRESSED = (".gz", ".xz", ".bz2", ".zip", ".zst")


def exported_lines(store: CorpusStore, name: str, ending: str) -> Iterator[bytes]:
    """The lines of an exported corpus: its papers (`.jsonl`) or its titles (`.txt`)."""
    if ending == ".txt":
        for title in store.titles(name):
            yield title.encode() + b"\n"
        return
    encode = msgspec.json.Encoder().encode
    for paper in store.papers(name):
        yield encode(paper) + b"\n"


def export_corpus(store: CorpusStore, name: str, path: Path, *, overwrite: bool = False) -> int:
    """Write a corpus to `path`, as its ending says: `.jsonl` or `.txt`, or either with `.gz`.

    Returns how many papers were written. The file appears when it is complete.

    Raises:
        UsageError: there is no such corpus, the ending is another, or the file exists.
        TitletuiError: the file cannot be written.
    """
    ending = data_ending(path)
    if ending not in ENDINGS or path.suffix.lower() not in (*ENDINGS, ".gz"):
        raise UsageError(f"{path.name} does not end in .jsonl, .txt, .jsonl.gz or .txt.gz.")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} is there already; choose another name or allow to overwrite it.")
    store.summary(name)
    written = 0
    try:
        descriptor, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}-")
    except OSError as error:
        raise TitletuiError(f"{path} cannot be written ({error.strerror}).") from error
    try:
        with os.fdopen(descriptor, "wb") as raw, _sink(raw, path) as file:
            for line in exported_lines(store, name, ending):
                file.write(line)
                written += 1
        os.replace(part, path)
    except OSError as error:
        raise TitletuiError(f"{path} cannot be written ({error.strerror}).") from error
    finally:
        Path(part).unlink(missing_ok=True)
    return written


def data_ending(path: Path) -> str:
    """The ending of a file name without that of its compression: `.csv` of `titles.csv.gz`."""
    name = Path(path.stem) if path.suffix.lower() in _COMPRESSED else path
    return name.suffix.lower()


def _sink(raw: IO[bytes], path: Path) -> IO[bytes]:
    if path.suffix.lower() == ".gz":
        return cast(IO[bytes], gzip.GzipFile(fileobj=raw, mode="wb", mtime=0))
    return raw
