"""Disks that are small or cannot be written, where the system lets a test have one."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def small_disk(folder: Path, kibibytes: int) -> Iterator[Path]:
    """Mounts a file system of that size on `folder`; skips the test where that is not allowed."""
    folder.mkdir(exist_ok=True)
    size = f"size={kibibytes}k"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "titletui-test", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("only root may mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def make_read_only(folder: Path) -> None:
    """Remounts a `small_disk` for reading only."""
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)


@contextlib.contextmanager
def read_only_folder(folder: Path) -> Iterator[Path]:
    """Takes the right to write from `folder`; for root, who has it anyhow, a mount does."""
    if os.geteuid() == 0:
        with small_disk(folder.with_name(f"{folder.name}-mounted"), 4096) as disk:
            subprocess.run(["cp", "-a", f"{folder}/.", str(disk)], check=True)
            make_read_only(disk)
            yield disk
    else:
        folder.chmod(0o500)
        try:
            yield folder
        finally:
            folder.chmod(0o700)
