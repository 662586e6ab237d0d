"""The event log of a job: one writer appends, any number of readers follow."""

import errno
import os
import time
from pathlib import Path
from typing import Self

import msgspec

from titletui.jobs.events import AnyEvent

_CHUNK = 1 << 20


class EventLog:
    """Append events to `events.jsonl`.

    Each event is one `write` on a descriptor opened with O_APPEND, so that lines never interleave.
    If a killed worker left an incomplete last line, it is terminated first.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        self._encoder = msgspec.json.Encoder()
        size = os.fstat(self._descriptor).st_size
        self._torn = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"

    def append(self, event: AnyEvent) -> None:
        """Stamp `event` with the current time and append it.

        Raises:
            OSError: the disk is full; the next event starts on a new line.
        """
        event.t = round(time.time(), 3)
        line = self._encoder.encode(event) + b"\n"
        if self._torn:
            line = b"\n" + line
        written = os.write(self._descriptor, line)
        self._torn = written < len(line)
        if self._torn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class EventTail:
    """Read `events.jsonl` incrementally.

    Attributes:
        bad: lines so far that cannot be decoded.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bad = 0
        self._offset = 0
        self._rest = b""
        self._decoder = msgspec.json.Decoder(AnyEvent)

    @property
    def unread(self) -> int:
        """Bytes after the current position."""
        try:
            return max(0, self.path.stat().st_size - self._offset)
        except OSError:
            return 0

    def skip_to_last(self, size: int) -> None:
        """Skip to the first whole line within the last `size` bytes."""
        if self.unread > size:
            self._offset += self.unread - size
            with self.path.open("rb") as file:
                file.seek(self._offset)
                self._offset += len(file.readline())

    def read(self, most: int | None = None) -> list[AnyEvent]:
        """Return the events appended since the last call; an incomplete line is left for the next.

        A file that was truncated is read again from its start.

        Args:
            most: stop after about this many bytes, in steps of a megabyte.
        """
        until = None if most is None else self._offset + most
        events: list[AnyEvent] = []
        try:
            with self.path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < self._offset:
                    self._offset, self._rest, self.bad = 0, b"", 0
                file.seek(self._offset)
                while chunk := file.read(_CHUNK):
                    self._offset += len(chunk)
                    self._rest = self._decode(self._rest + chunk, events)
                    if until is not None and self._offset >= until:
                        break
        except FileNotFoundError:
            return events
        return events

    def _decode(self, data: bytes, events: list[AnyEvent]) -> bytes:
        *lines, rest = data.split(b"\n")
        for line in lines:
            if not line:
                continue
            try:
                events.append(self._decoder.decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError):
                self.bad += 1
        return rest
