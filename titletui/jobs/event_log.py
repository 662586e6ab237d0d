"""The event log: appended by one worker, read by anyone at the same time."""

import os
import time
from pathlib import Path
from typing import Self

import msgspec

from titletui.jobs.events import AnyEvent

_CHUNK = 1 << 20


class EventLog:
    """The writing end of `events.jsonl`.

    Each event is one `write` on a descriptor opened with O_APPEND, so that lines never mix. A last
    line that an earlier worker left torn is closed first.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        self._encoder = msgspec.json.Encoder()
        self._torn = False
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            self._torn = True

    def append(self, event: AnyEvent) -> None:
        """Writes `event` with the present time.

        Raises:
            OSError: it could not be written whole (a full disk); the next one starts a new line.
        """
        event.t = round(time.time(), 3)
        line = self._encoder.encode(event) + b"\n"
        if self._torn:
            line = b"\n" + line
        written = os.write(self._descriptor, line)
        self._torn = written < len(line)
        if self._torn:
            raise OSError(28, "No space left on device")

    def close(self) -> None:
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class EventTail:
    """The reading end: each `read()` gives what came since the last one.

    Attributes:
        bad: lines so far that were no event.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bad = 0
        self._offset = 0
        self._rest = b""
        self._decoder = msgspec.json.Decoder(AnyEvent)

    @property
    def unread(self) -> int:
        """Bytes that a `read` would look at now."""
        try:
            return max(0, self.path.stat().st_size - self._offset)
        except OSError:
            return 0

    def skip_to_last(self, size: int) -> None:
        """Leaves out everything before the last `size` bytes, to a whole line."""
        if self.unread > size:
            self._offset += self.unread - size
            with self.path.open("rb") as file:
                file.seek(self._offset)
                self._offset += len(file.readline())

    def read(self, most: int | None = None) -> list[AnyEvent]:
        """The whole lines that were added; a half-written one is left for the next call.

        A file that has become shorter is read again from its start.

        Args:
            most: bytes to look at, by the megabyte; None for all.
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
                    self._rest = self._take(self._rest + chunk, events)
                    if until is not None and self._offset >= until:
                        break
        except FileNotFoundError:
            return events
        return events

    def _take(self, data: bytes, events: list[AnyEvent]) -> bytes:
        *lines, rest = data.split(b"\n")
        for line in lines:
            if not line:
                continue
            try:
                events.append(self._decoder.decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError):
                self.bad += 1
        return rest
