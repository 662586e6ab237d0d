"""Folders that are whole or not used: `MANIFEST.json`, written last, has sizes and hashes."""

import hashlib
import os
from pathlib import Path

import msgspec

from titletui.atomic_write import sync_directory, write_atomically

MANIFEST = "MANIFEST.json"


class Entry(msgspec.Struct, frozen=True):
    """One file."""

    size: int
    sha256: str


def seal(folder: Path) -> None:
    """Makes all files in `folder` durable and, last, writes what they are.

    Raises:
        OSError: there was no room, or it could not be written.
    """
    entries = {
        str(file.relative_to(folder)): entry(file, sync=True)
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    sync_directory(folder)
    write_atomically(folder / MANIFEST, msgspec.json.encode(entries))
    sync_directory(folder.parent)


def damage(folder: Path) -> str:
    """What is wrong with a folder that was sealed; empty when it is whole."""
    try:
        data = (folder / MANIFEST).read_bytes()
        manifest = msgspec.json.decode(data, type=dict[str, Entry])
    except FileNotFoundError:
        return f"no {MANIFEST}"
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return f"{MANIFEST} is damaged"
    if not manifest:
        return f"{MANIFEST} is empty"
    for name, known in manifest.items():
        file = folder / name
        try:
            if file.stat().st_size != known.size:
                return f"{name} has a wrong size"
            if entry(file).sha256 != known.sha256:
                return f"{name} has changed"
        except OSError:
            return f"{name} is missing"
    return ""


def entry(path: Path, *, sync: bool = False) -> Entry:
    """What a file is; `sync` also makes it durable."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if sync:
            os.fsync(file.fileno())
        return Entry(os.fstat(file.fileno()).st_size, digest)
