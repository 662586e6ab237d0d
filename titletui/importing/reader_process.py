"""Reading a file in a process of its own, while another writes what was read before.

`python -m titletui.importing.reader_process FOLDER PATH OFFSET LINE` writes what a file holds to
standard output: pieces in MessagePack, each after its length. Decoding and cleaning take about as
long as storing; side by side an import takes no longer than the storing alone.
"""

import itertools
import os
import select
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Self

import msgspec

from titletui.corpus.normalize import NormalizedPapers, normalize
from titletui.corpus.paper import Paper
from titletui.errors import TitletuiError
from titletui.importing.paper_reader import PaperReader, RejectedRecord

_FIRST = 2_000
_BATCH = 20_000
_BATCH_BYTES = 32 << 20
_LOOK_EVERY = 0.2
_LENGTH = struct.Struct("<Q")


class Chunk(msgspec.Struct, frozen=True, array_like=True, tag="piece"):
    """Up to twenty thousand records of the file.

    Attributes:
        read: papers in it.
        offset, line: where it ends in the file (see `LineReader`).
        fraction: of the file that lies behind, 0…1.
    """

    papers: NormalizedPapers
    read: int
    bad: list[RejectedRecord]
    latin1: int
    offset: int
    line: int
    fraction: float


class Failed(msgspec.Struct, frozen=True, array_like=True, tag="failed"):
    """The file cannot be read on."""

    reason: str


class Complete(msgspec.Struct, frozen=True, array_like=True, tag="complete"):
    """The file was read to its end."""


_Message = Chunk | Failed | Complete


class ReadingProcess:
    """The process, and what it reads.

    Attributes:
        complete: the file was read to its end.
    """

    def __init__(
        self, folder: Path, path: Path, offset: int, line: int, stopping: Callable[[], bool]
    ) -> None:
        """Starts reading.

        Args:
            folder: of the import; it stands in the process's command line.
            offset, line: where to go on in the file.
            stopping: asked several times a second whether to give up.
        """
        self.complete = False
        self._stopping = stopping
        command = [sys.executable, "-P", "-m", "titletui.importing.reader_process", str(folder)]
        self._process = subprocess.Popen(
            [*command, str(path), str(offset), str(line)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        assert self._process.stdout is not None
        self._out = self._process.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._out.close()
        self._process.wait()

    def __iter__(self) -> Iterator[Chunk]:
        """What comes, until the file ends or it is time to stop.

        Raises:
            TitletuiError: the file or the process breaks off.
        """
        decoder = msgspec.msgpack.Decoder(_Message)
        while head := self._exactly(_LENGTH.size):
            data = self._exactly(_LENGTH.unpack(head)[0])
            if not data:
                return
            message = decoder.decode(data)
            if isinstance(message, Failed):
                raise TitletuiError(message.reason)
            if isinstance(message, Complete):
                self.complete = True
                return
            yield message

    def _exactly(self, size: int) -> bytearray:
        """So many bytes; none where it is time to stop."""
        source = self._out.fileno()
        data = bytearray(size)
        empty = memoryview(data)
        while empty:
            while not select.select([source], [], [], _LOOK_EVERY)[0]:
                if self._stopping():
                    return bytearray()
            read = os.readv(source, [empty])
            if not read:
                code = self._process.wait()
                raise TitletuiError(
                    f"The process that reads the file ended with code {code}; "
                    "log.txt has the details."
                )
            empty = empty[read:]
        return data


def main(arguments: list[str]) -> int:
    """Reads the file to its end, or until nobody listens."""
    _, path, offset, line = arguments
    try:
        _write_all(sys.stdout.buffer, Path(path), int(offset), int(line))
    except BrokenPipeError:
        return 1
    return 0


def _write_all(out: IO[bytes], path: Path, offset: int, line: int) -> None:
    try:
        with PaperReader(path) as reader:
            if line:
                reader.lines.skip_to(offset, line)
            for piece in pieces(reader):
                _write(out, piece)
    except TitletuiError as error:
        _write(out, Failed(str(error)))
    else:
        _write(out, Complete())


def pieces(reader: PaperReader) -> Iterator[Chunk]:
    """What a file holds, twenty thousand records at a time; fewer where they are long.

    The first piece is small, so that one soon sees that it goes on.

    Raises:
        TitletuiError: the file breaks off; what came before has been given.
    """
    records = iter(reader)
    lines = reader.lines
    broken: TitletuiError | None = None
    size = _FIRST
    while broken is None:
        until = lines.offset + _BATCH_BYTES
        papers: list[Paper] = []
        bad: list[RejectedRecord] = []
        try:
            for record in itertools.islice(records, size):
                if isinstance(record, Paper):
                    papers.append(record)
                else:
                    bad.append(record)
                if lines.offset > until:
                    break
        except TitletuiError as error:
            broken = error
        size = _BATCH
        if papers or bad:
            latin1, reader.latin1 = reader.latin1, 0
            yield Chunk(
                normalize(papers),
                len(papers),
                bad,
                latin1,
                lines.offset,
                lines.line,
                lines.fraction,
            )
        elif broken is None:
            return
    raise broken


def _write(out: IO[bytes], message: _Message) -> None:
    data = msgspec.msgpack.encode(message)
    out.write(_LENGTH.pack(len(data)))
    out.write(data)
    out.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
