"""Reading and normalizing papers in a process of its own, while another stores them.

Both take about as long: side by side an import takes no longer than storing alone. The reader also
has a limit on its memory, so that no file can exhaust that of the machine.
"""

import contextlib
import itertools
import multiprocessing
import resource
import signal
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

import msgspec

from titletui.corpus.normalize import NormalizedPapers, normalize
from titletui.corpus.paper import Paper
from titletui.errors import TitletuiError
from titletui.importing.paper_reader import PaperReader, Position, RejectedRecord
from titletui.importing.tables import ColumnChoice

_FIRST = 2_000
_BATCH = 20_000
_BATCH_BYTES = 32 << 20
_POLL = 0.2
_MEMORY = 1 << 30


class Chunk(msgspec.Struct, frozen=True, array_like=True, tag="chunk"):
    """Up to twenty thousand records of a file.

    Attributes:
        read: papers in it.
        rejected: records that cannot be used.
        foreign_lines, encoding: see `LineReader`.
        position: where to go on after it.
        line: the last line of it.
        fraction: of the file that was read, 0…1.
    """

    papers: NormalizedPapers
    read: int
    rejected: list[RejectedRecord]
    foreign_lines: int
    encoding: str
    position: Position
    line: int
    fraction: float


class Failed(msgspec.Struct, frozen=True, array_like=True, tag="failed"):
    """The file cannot be read on."""

    reason: str


class Complete(msgspec.Struct, frozen=True, array_like=True, tag="complete"):
    """The file was read to its end."""


class ReaderProcess:
    """A process that reads a file; iterate it for the chunks.

    Attributes:
        complete: the file was read to its end.
        process: the process.
    """

    def __init__(
        self,
        path: Path,
        choice: ColumnChoice,
        position: Position,
        is_stopping: Callable[[], bool],
    ) -> None:
        """Start to read.

        Args:
            position: where to go on in the file.
            is_stopping: called several times a second; whether to give up.
        """
        self.complete = False
        self._path = path
        self._is_stopping = is_stopping
        context = multiprocessing.get_context("spawn")
        self._receiver, sender = context.Pipe(duplex=False)
        self.process = context.Process(
            target=send_chunks, args=(sender, path, choice, position), daemon=True
        )
        self.process.start()
        sender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.join()
        self._receiver.close()

    def __iter__(self) -> Iterator[Chunk]:
        """The chunks, until the file ends or the import is to stop.

        Raises:
            TitletuiError: the file or the process breaks off.
        """
        decoder = msgspec.msgpack.Decoder(Chunk | Failed | Complete)
        while not self._is_stopping():
            if not self._receiver.poll(_POLL):
                continue
            try:
                message = decoder.decode(self._receiver.recv_bytes())
            except (EOFError, OSError) as error:
                self.process.join()
                raise TitletuiError(
                    f"The process that reads {self._path} ended with code "
                    f"{self.process.exitcode}; log.txt has the details."
                ) from error
            if isinstance(message, Failed):
                raise TitletuiError(message.reason)
            if isinstance(message, Complete):
                self.complete = True
                return
            yield message


def send_chunks(sender: Connection, path: Path, choice: ColumnChoice, position: Position) -> None:
    """Send the chunks of a file, then `Complete` or `Failed`; ends when nobody receives."""
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    limit_memory()

    def send(message: Chunk | Failed | Complete) -> None:
        sender.send_bytes(msgspec.msgpack.encode(message))

    with contextlib.suppress(BrokenPipeError):
        try:
            with PaperReader(path, choice) as reader:
                reader.skip_to(position)
                for chunk in chunks(reader):
                    send(chunk)
        except TitletuiError as error:
            send(Failed(str(error)))
        except MemoryError:
            send(Failed(f"{path} takes more than {_MEMORY >> 20} MiB of memory to read."))
        else:
            send(Complete())


def limit_memory(most: int = _MEMORY) -> None:
    """Let this process allocate at most `most` bytes more than it has, where the system can."""
    with contextlib.suppress(ValueError, OSError):
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def chunks(reader: PaperReader) -> Iterator[Chunk]:
    """The records of a file, twenty thousand at a time; fewer where they are long.

    The first chunk is small, so that progress shows soon.

    Raises:
        TitletuiError: the file breaks off; what came before has been given.
    """
    records = iter(reader)
    failure: TitletuiError | None = None
    size = _FIRST
    while failure is None:
        until = reader.bytes_read + _BATCH_BYTES
        papers: list[Paper] = []
        rejected: list[RejectedRecord] = []
        foreign = reader.foreign_lines
        try:
            for record in itertools.islice(records, size):
                if isinstance(record, Paper):
                    papers.append(record)
                else:
                    rejected.append(record)
                if reader.bytes_read > until:
                    break
        except TitletuiError as error:
            failure = error
        size = _BATCH
        if papers or rejected:
            yield Chunk(
                papers=normalize(papers),
                read=len(papers),
                rejected=rejected,
                foreign_lines=reader.foreign_lines - foreign,
                encoding=reader.encoding,
                position=reader.position,
                line=reader.line,
                fraction=reader.fraction,
            )
        elif failure is None:
            return
    raise failure
