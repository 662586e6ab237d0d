"""The lines of a file that may be compressed and of any of the usual encodings."""

import bz2
import contextlib
import gzip
import lzma
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Self, cast

from titletui.errors import TitletuiError, UsageError

LINE_LENGTH = 8 << 20
_PIECE = 1 << 20
_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_BROKEN = (EOFError, OSError, lzma.LZMAError, zipfile.BadZipFile)


class LineReader:
    """The lines of a file, as bytes, with their ends.

    A line longer than 8 MiB comes in pieces. A byte-order mark is dropped; UTF-16 becomes UTF-8.

    Attributes:
        offset, line: uncompressed bytes and lines that were read so far.
        size: bytes of the file on disk.

    Raises:
        UsageError: there is no such file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0
        self.line = 0
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise UsageError(
                f"{path} is no file but a pipe or a device; pipe it into `titletui import -`, or "
                "save it first."
            )
        try:
            self._raw: IO[bytes] = path.open("rb")
            self.size = path.stat().st_size
        except OSError as error:
            raise UsageError(f"{path} cannot be read ({error.strerror}); name a file.") from error
        try:
            self._stream = _uncompressed(self._raw, path)
            self._utf16 = self._peek(2) in _UTF16_BOMS
        except _BROKEN as error:
            self.close()
            raise UsageError(f"{path} cannot be read ({error}); fetch it again.") from error

    def close(self) -> None:
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def fraction(self) -> float:
        """How much of the file was read, 0…1."""
        return min(self._raw.tell() / self.size, 1.0) if self.size else 1.0

    def skip_to(self, offset: int, line: int) -> None:
        """Goes on where an earlier reader of the same file was."""
        with self._explained():
            self._stream.seek(offset)
        self.offset, self.line = offset, line

    def __iter__(self) -> Iterator[bytes]:
        """The lines that are left.

        Raises:
            TitletuiError: the file is cut short, or its compression damaged.
        """
        if self._utf16:
            yield from self._transcoded()
            return
        with self._explained():
            while line := self._stream.readline(LINE_LENGTH):
                if self.offset == 0 and line.startswith(_UTF8_BOM):
                    self.offset = len(_UTF8_BOM)
                    line = line[len(_UTF8_BOM) :]
                self.offset += len(line)
                self.line += 1
                yield line

    def _transcoded(self) -> Iterator[bytes]:
        """Lines of UTF-16, which cannot be cut at the byte of a line end; the file is small."""
        start = self.line
        with self._explained():
            self._stream.seek(0)
            lines = self._stream.read().decode("utf-16", errors="replace").split("\n")
        for number, text in enumerate(lines[: -1 if not lines[-1] else None], 1):
            if number > start:
                self.line = number
                yield text.encode() + b"\n"

    def _peek(self, count: int) -> bytes:
        head = self._stream.read(count)
        self._stream.seek(0)
        return head

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except _BROKEN as error:
            raise TitletuiError(
                f"{self.path} breaks off after line {self.line:,} ({error}); "
                "what came before is kept; fetch the file again."
            ) from error


def text_of(line: bytes) -> tuple[str, bool]:
    """A line as text, and whether it had to be read as Latin-1."""
    try:
        return line.decode(), False
    except UnicodeDecodeError:
        return line.decode("latin-1"), True


def _uncompressed(raw: IO[bytes], path: Path) -> IO[bytes]:
    head = raw.read(6)
    raw.seek(0)
    if head.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=raw))
    if head.startswith(b"\xfd7zXZ\x00"):
        return lzma.LZMAFile(raw)
    if head.startswith(b"BZh"):
        return bz2.BZ2File(raw)
    if head.startswith(b"PK\x03\x04"):
        archive = zipfile.ZipFile(raw)
        names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
        if len(names) != 1:
            raise UsageError(f"{path} holds {len(names)} files; unpack it and import one of them.")
        return archive.open(names[0])
    return raw
