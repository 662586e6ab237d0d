"""Opening files that may be compressed, in bounded memory."""

import bz2
import gzip
import io
import lzma
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, cast

import zstandard

from titletui.errors import UsageError

READ_ERRORS = (
    EOFError,
    OSError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zstandard.ZstdError,
    struct.error,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
)
"""Whatever a decompressor raises about a damaged or encrypted file."""

_PIECE = 1 << 18
_LZMA_MEMORY = 128 << 20
_ZSTD_WINDOW = 128 << 20
_MOST_MEMBERS = 10_000
_NO_DATA = ("readme", "license", "licence", "copying", "citation", "notice", "changelog")
_NO_DATA_ENDINGS = (".md", ".html", ".pdf", ".png", ".jpg", ".svg", ".py", ".ipynb", ".xml.sha256")
_OFFICE = {
    "word/document.xml": "a Word document",
    "ppt/presentation.xml": "a PowerPoint presentation",
    "mimetype": "an Office document or an e-book",
}


def open_decompressed(raw: IO[bytes], path: Path) -> IO[bytes]:
    """A stream of the uncompressed bytes, by what the file begins with.

    Raises:
        UsageError: it is an archive that does not hold one file of papers.
    """
    head = raw.read(6)
    raw.seek(0)
    if head.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=raw))
    if head.startswith(b"\xfd7zXZ\x00"):
        return io.BufferedReader(_XzStream(raw), _PIECE)
    if head.startswith(b"BZh"):
        return bz2.BZ2File(raw)
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        stream = decompressor.stream_reader(raw, read_across_frames=True, closefd=False)
        return io.BufferedReader(cast(io.RawIOBase, stream), _PIECE)
    if head.startswith(b"PK\x03\x04"):
        archive = zipfile.ZipFile(raw)
        return archive.open(_only_member(archive, path))
    return raw


def is_workbook(path: Path) -> bool:
    """Whether a file is an Excel workbook (.xlsx)."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except READ_ERRORS:
        return False


def _only_member(archive: zipfile.ZipFile, path: Path) -> str:
    """The one member of a zip that may hold papers."""
    names = [entry.filename for entry in archive.infolist()[:_MOST_MEMBERS] if not entry.is_dir()]
    for name, kind in _OFFICE.items():
        if name in names:
            raise UsageError(f"{path} is {kind}; save its titles as a text file or as CSV.")
    members = [name for name in names if _may_hold_papers(name)]
    if len(members) != 1:
        shown = ", ".join(members[:5]) + (", …" if len(members) > 5 else "")
        many = f"holds {len(members)} files ({shown})" if members else "holds no file of papers"
        raise UsageError(f"{path} {many}; unpack it and import what you want of it.")
    return members[0]


def _may_hold_papers(member: str) -> bool:
    parts = member.lower().split("/")
    name = parts[-1]
    return not (
        "__macosx" in parts
        or name.startswith(".")
        or name in ("thumbs.db", "desktop.ini")
        or name.startswith(_NO_DATA)
        or name.endswith(_NO_DATA_ENDINGS)
    )


class _XzStream(io.RawIOBase):
    """An .xz file, with a limit on the memory that its dictionary takes (`xz -9` needs 65 MiB)."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._decompressor: lzma.LZMADecompressor | None = None
        self._input = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview[int]") -> int:  # type: ignore[override]
        while True:
            if self._decompressor is None:
                if not (self._input or self._raw_read()) or not self._input.strip(b"\x00"):
                    return 0
                self._decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, _LZMA_MEMORY)
            if self._decompressor.needs_input and not self._input and not self._raw_read():
                raise EOFError("Compressed file ended before the end-of-stream marker was reached")
            data = self._decompressor.decompress(self._input, max_length=len(buffer))
            self._input = b""
            if self._decompressor.eof:
                self._input = self._decompressor.unused_data.lstrip(b"\x00")
                self._decompressor = None
            if data:
                buffer[: len(data)] = data
                return len(data)

    def _raw_read(self) -> bytes:
        self._input = self._raw.read(_PIECE)
        return self._input
