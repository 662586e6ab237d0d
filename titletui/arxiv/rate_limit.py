"""One request at a time, three seconds apart, over all instances that share a home.

arXiv asks for no more than that of a user, on one connection. A lock file in the home is held
through each request and keeps the time at which the last one ended.
"""

import contextlib
import fcntl
import ipaddress
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

INTERVAL = 3.0
_LOOK_EVERY = 0.1
_OTHERS = "waits for another harvest on this account"
_BETWEEN = "waits {seconds:.0f} s between requests"

Waiter = Callable[[float, str], None]
"""Sleeps so many seconds while it tells why; raises when the harvest is to stop."""


def is_loopback(url: str) -> bool:
    """Whether `url` stays on this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def interval_for(url: str) -> float:
    """Seconds between requests: 3, unless TITLETUI_OAI_INTERVAL asks for more.

    For an address of this machine it may ask for less.
    """
    try:
        wanted = float(os.environ.get("TITLETUI_OAI_INTERVAL", INTERVAL))
    except ValueError:
        return INTERVAL
    if is_loopback(url):
        return max(0.0, wanted)
    return max(INTERVAL, wanted)


class Pace:
    """The lock file; one object a process."""

    def __init__(self, path: Path, interval: float) -> None:
        self.interval = interval
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def close(self) -> None:
        os.close(self._descriptor)

    @contextlib.contextmanager
    def turn(self, wait: Waiter) -> Iterator[None]:
        """Waits until a request may be made, and keeps others from making one in the block."""
        while not self._taken():
            wait(_LOOK_EVERY, _OTHERS)
        try:
            left = self._left()
            if left > 0:
                wait(left, _BETWEEN.format(seconds=self.interval))
            self._write_time()
            try:
                yield
            finally:
                self._write_time()
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN)

    def _taken(self) -> bool:
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _left(self) -> float:
        """Seconds until the next request; a clock that was set back cannot make it more than one
        interval."""
        try:
            last = float(os.pread(self._descriptor, 40, 0) or 0)
        except ValueError:
            return self.interval
        return min(max(0.0, last + self.interval - time.time()), self.interval)

    def _write_time(self) -> None:
        os.pwrite(self._descriptor, f"{time.time():<39.6f}\n".encode(), 0)
