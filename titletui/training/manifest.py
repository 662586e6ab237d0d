"""`MANIFEST.json`, written last into a folder, vouches for its files by size and sha256."""

import hashlib
import os
from pathlib import Path

import msgspec

from titletui.atomic_write import sync_directory, write_atomically

MANIFEST = "MANIFEST.json"


class Entry(msgspec.Struct, frozen=True):
    """Size and hash of one file."""

    size: int
    sha256: str


def seal(folder: Path) -> None:
    """Sync all files in `folder` to disk and write their manifest.

    Raises:
        OSError: the disk is full or read-only.
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
    """What is wrong with a sealed folder, as a clause; empty when it is intact."""
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
    """Hash a file; `sync` also writes it through to disk."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if sync:
            os.fsync(file.fileno())
        return Entry(os.fstat(file.fileno()).st_size, digest)
