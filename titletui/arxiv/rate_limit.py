"""One request at a time, three seconds apart, over all processes that share a home.

arXiv asks for no more than that of a user, on one connection. A lock file in the home is held
during each request and stores the time at which the last one ended.
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
_POLL = 0.1
_LOCKED = "waits for another harvest on this account"
_PAUSE = "waits {seconds:.0f} s between requests"

Sleep = Callable[[float, str], None]
"""Sleeps for some seconds and reports why; raises when the harvest is to stop."""


def is_loopback(url: str) -> bool:
    """Whether `url` stays on this machine."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def request_interval(url: str) -> float:
    """Seconds between requests: 3, or more by TITLETUI_OAI_INTERVAL.

    For a loopback address the variable may also lower it.
    """
    try:
        wanted = float(os.environ.get("TITLETUI_OAI_INTERVAL", INTERVAL))
    except ValueError:
        return INTERVAL
    return max(0.0 if is_loopback(url) else INTERVAL, wanted)


class RateLimiter:
    """A rate limit shared through a lock file; one object a process."""

    def __init__(self, path: Path, interval: float) -> None:
        self.interval = interval
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def close(self) -> None:
        os.close(self._descriptor)

    @contextlib.contextmanager
    def acquire(self, sleep: Sleep) -> Iterator[None]:
        """Wait until a request may be made, and keep other processes from making one meanwhile."""
        while not self._try_lock():
            sleep(_POLL, _LOCKED)
        try:
            remaining = self._remaining()
            if remaining > 0:
                sleep(remaining, _PAUSE.format(seconds=self.interval))
            self._write_time()
            try:
                yield
            finally:
                self._write_time()
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN)

    def _try_lock(self) -> bool:
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _remaining(self) -> float:
        """Seconds until the next request, at most one interval even if the clock was set back."""
        try:
            last = float(os.pread(self._descriptor, 40, 0) or 0)
        except ValueError:
            return self.interval
        return min(max(0.0, last + self.interval - time.time()), self.interval)

    def _write_time(self) -> None:
        os.pwrite(self._descriptor, f"{time.time():<39.6f}\n".encode(), 0)
