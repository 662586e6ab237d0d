"""The lock that a worker holds while it lives, and the identity of a process.

A POSIX record lock (`fcntl.lockf`) is released by the kernel however its holder ends, is not
inherited by forked children, and works on NFS. Closing any descriptor of the file releases it, so
the process that holds one must never open the file again: `holder` is for other processes.
"""

import contextlib
import fcntl
import os
import platform
import signal
import socket
import struct
from pathlib import Path

import msgspec
import psutil


class Identity(msgspec.Struct, frozen=True):
    """One process, distinct from any later process with the same pid.

    Attributes:
        boot: the boot id of the machine.
        start: start time in clock ticks since boot.
    """

    host: str
    boot: str
    pid: int
    start: str

    @property
    def alive(self) -> bool:
        """Whether the process runs, on this machine."""
        return identity(self.pid) == Identity(self.host, self.boot, self.pid, self.start)


class Holder(Identity, frozen=True):
    """A process that took a lock.

    Attributes:
        began: `Job.began` of the start that it belongs to.
    """

    began: float = 0.0


def identity(pid: int) -> Identity | None:
    """Return the identity of a process of this machine; None if there is none, or a zombie."""
    try:
        if platform.system() == "Linux":
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            zombie, start = stat[0] in "ZX", stat[19]
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        else:
            process = psutil.Process(pid)
            zombie = process.status() == psutil.STATUS_ZOMBIE
            start = str(process.create_time())
            boot = str(int(psutil.boot_time()))
    except (OSError, IndexError, psutil.Error):
        return None
    return None if zombie else Identity(socket.gethostname(), boot, pid, start)


class Lock:
    """A lock on `path`, held until `release` or the end of the process.

    Raises:
        BlockingIOError: another process holds it.
    """

    def __init__(self, path: Path, began: float = 0.0) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise BlockingIOError(error.errno, "held by another process") from error
        os.ftruncate(self._descriptor, 0)
        me = identity(os.getpid())
        if me is not None:
            holder = Holder(me.host, me.boot, me.pid, me.start, began)
            os.pwrite(self._descriptor, msgspec.json.encode(holder), 0)

    def release(self) -> None:
        os.close(self._descriptor)


def is_held(path: Path) -> bool:
    """Whether another process holds the lock; never takes it."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        return _is_held_read_only(path)
    try:
        return _locked(descriptor, fcntl.F_WRLCK)
    finally:
        os.close(descriptor)


def _is_held_read_only(path: Path) -> bool:
    with path.open("rb") as file:
        return _locked(file.fileno(), fcntl.F_RDLCK)


def _locked(descriptor: int, kind: int) -> bool:
    if platform.system() == "Linux":
        asked = struct.pack("hhqqi4x", kind, os.SEEK_SET, 0, 0, 0)
        answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, asked)
        return bool(struct.unpack("hhqqi4x", answer)[0] != fcntl.F_UNLCK)
    asked = struct.pack("qqihh", 0, 0, 0, kind, os.SEEK_SET)
    answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, asked)
    return bool(struct.unpack("qqihh", answer)[3] != fcntl.F_UNLCK)


def holder(path: Path) -> Holder | None:
    """Return the process that took the lock last, whether it still holds it or not."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Holder)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def signal_holder(path: Path, number: signal.Signals) -> bool:
    """Send a signal to the process that holds the lock, if it runs on this machine.

    The identity is checked after the pidfd is open, so that a reused pid is never signalled.
    Returns whether the signal was sent.
    """
    who = holder(path)
    if who is None or not is_held(path):
        return False
    if not hasattr(os, "pidfd_open"):
        if not who.alive:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(who.pid, number)
        return True
    try:
        descriptor = os.pidfd_open(who.pid)
    except OSError:
        return False
    try:
        if not who.alive:
            return False
        signal.pidfd_send_signal(descriptor, number)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
