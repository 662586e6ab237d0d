"""The lock that a worker holds for life, and who a process is.

A POSIX record lock (`fcntl.lockf`) is freed by the kernel however its holder ends, is not
inherited by forked children, and works on NFS. Closing any descriptor of the file drops it, so a
process that holds one must never open the file a second time: `holder` is for the others.
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
    """One process, told apart from any later one with the same number."""

    host: str
    boot: str
    pid: int
    start: str


def identity(pid: int) -> Identity | None:
    """Who the process `pid` of this machine is; None where there is none."""
    try:
        if platform.system() == "Linux":
            stat = Path(f"/proc/{pid}/stat").read_text()
            start = stat.rpartition(")")[2].split()[19]
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        else:
            start = str(psutil.Process(pid).create_time())
            boot = str(int(psutil.boot_time()))
    except (OSError, IndexError, psutil.Error):
        return None
    return Identity(socket.gethostname(), boot, pid, start)


class Lock:
    """Holds `path` until `release`, or until the process ends.

    Raises:
        BlockingIOError: another process holds it.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise BlockingIOError(error.errno, "held by another process") from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, msgspec.json.encode(identity(os.getpid())), 0)

    def release(self) -> None:
        os.close(self._descriptor)


def is_held(path: Path) -> bool:
    """Whether another process holds the lock; looking never takes it."""
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


def holder(path: Path) -> Identity | None:
    """Who wrote itself into the lock file last, held or not."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Identity)
    except (OSError, msgspec.MsgspecError):
        return None


def signal_holder(path: Path, number: signal.Signals) -> bool:
    """Signals the process that holds the lock, if it is on this machine and surely the same one.

    Returns whether it was signalled.
    """
    who = holder(path)
    if who is None or not is_held(path):
        return False
    if not hasattr(os, "pidfd_open"):
        if identity(who.pid) != who:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(who.pid, number)
        return True
    try:
        descriptor = os.pidfd_open(who.pid)
    except OSError:
        return False
    try:
        if identity(who.pid) != who:
            return False
        signal.pidfd_send_signal(descriptor, number)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
