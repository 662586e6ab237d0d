"""The lines of a file that may be compressed and in any of the usual encodings."""

import codecs
import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Self

from titletui.decoding import (
    SAMPLE_BYTES,
    binary_kind,
    encoding_name,
    narrow_encoding,
    wide_encoding,
)
from titletui.errors import TitletuiError, UsageError
from titletui.importing.decompression import READ_ERRORS, open_decompressed

LINE_LENGTH = 8 << 20
"""A longer line comes in pieces."""

_PIECE = 1 << 20


class LineReader:
    """The lines of a file as text, with their ends.

    Text that is not UTF-8 is decoded line by line: a line that is no UTF-8 is taken to be in the
    encoding of all such lines (see `narrow_encoding`).

    Attributes:
        path: of the file.
        size: bytes of the file on disk.
        offset, line: bytes, uncompressed and as UTF-8 or in an 8-bit encoding, and lines read.
        foreign_lines: lines that were not UTF-8.

    Raises:
        UsageError: there is no such file, or it is no text.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0
        self.line = 0
        self.foreign_lines = 0
        self._encoding = ""
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
            self._stream, kind = self._open()
        except UsageError:
            self.close()
            raise
        except READ_ERRORS as error:
            self.close()
            raise UsageError(f"{path} cannot be read ({error}); fetch it again.") from error
        if kind:
            self.close()
            raise UsageError(f"{path} is {kind}; name a file of papers or of titles.")

    def close(self) -> None:
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def fraction(self) -> float:
        """The share of the file that was read, 0…1."""
        return min(self._raw.tell() / self.size, 1.0) if self.size else 1.0

    @property
    def encoding(self) -> str:
        """The name of the encoding of the lines that were not UTF-8; empty without such lines."""
        return encoding_name(self._encoding) if self._encoding else ""

    def skip_to(self, offset: int, line: int) -> None:
        """Go on where an earlier reader of the same file was."""
        with self._explained():
            if self._stream.seekable():
                self._stream.seek(offset)
            else:
                left = offset
                while left and (read := self._stream.read(min(left, _PIECE))):
                    left -= len(read)
        self.offset, self.line = offset, line

    def __iter__(self) -> Iterator[str]:
        """The lines that are left.

        Raises:
            TitletuiError: the file is cut short, or its compression damaged.
        """
        with self._explained():
            while data := self._stream.readline(LINE_LENGTH):
                self.offset += len(data)
                self.line += 1
                yield self._decode(data)

    def _decode(self, data: bytes) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError:
            self.foreign_lines += 1
            self._encoding = self._encoding or narrow_encoding(data[:SAMPLE_BYTES])
            return data.decode(self._encoding, errors="replace")

    def _open(self) -> tuple[IO[bytes], str]:
        """The stream of lines, and what kind of file it is if it is no text."""
        stream = open_decompressed(self._raw, self.path)
        head = stream.read(SAMPLE_BYTES)
        kind = binary_kind(head)
        wide = wide_encoding(head)
        mac = b"\r" in head and b"\n" not in head and not wide.startswith("utf-")
        if not wide:
            foreign = b"\n".join(line for line in head.split(b"\n")[:-1] if not _is_utf8(line))
            self._encoding = narrow_encoding(foreign) if foreign else ""
        if stream is self._raw:
            stream.seek(0)
        else:
            self._raw.seek(0)
            stream = open_decompressed(self._raw, self.path)
        if wide or mac:
            stream = io.BufferedReader(_Transcoded(stream, wide), _PIECE)
        return stream, kind

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except READ_ERRORS as error:
            raise TitletuiError(
                f"{self.path} breaks off after line {self.line:,} ({error}); "
                "what came before is kept; fetch the file again."
            ) from error


class _Transcoded(io.RawIOBase):
    """A stream as UTF-8 with `\\n` line ends, from UTF-16, UTF-32 or lines that end in `\\r`."""

    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("replace") if encoding else None
        self._newlines = io.IncrementalNewlineDecoder(None, translate=True)
        self._pending = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview[int]") -> int:  # type: ignore[override]
        while not self._pending:
            data = self._stream.read(_PIECE)
            if self._decoder is None:
                self._pending = data.replace(b"\r", b"\n")
            else:
                text = self._newlines.decode(
                    self._decoder.decode(data, final=not data), final=not data
                )
                self._pending = text.encode(errors="replace")
            if not data and not self._pending:
                return 0
        count = min(len(buffer), len(self._pending))
        buffer[:count] = self._pending[:count]
        self._pending = self._pending[count:]
        return count


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
