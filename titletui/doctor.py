"""What a person, or a bug report, wants to know about this machine."""

import locale
import os
import platform
import shutil
import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Literal

import msgspec
import psutil

from titletui import __version__
from titletui.errors import TitletuiError
from titletui.jobs.logind import kills_user_processes
from titletui.paths import Home

Verdict = Literal["ok", "warning", "error"]

_LIBRARIES = (
    "textual", "torch", "transformers", "tokenizers", "accelerate", "peft", "safetensors",
    "httpx", "msgspec", "arxivscraper",
)  # fmt: skip
_EXTRAS = ("textual-serve", "submitit", "bitsandbytes")
_LOWEST = {"torch": (2, 6), "transformers": (5, 3)}
_LITTLE_DISK = 2 << 30
_NETWORK_FILE_SYSTEMS = (
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "lustre",
    "gpfs",
    "beegfs",
    "fuse.sshfs",
    "9p",
)


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One finding.

    Attributes:
        advice: what to do about it, where there is something to do.
    """

    area: str
    name: str
    verdict: Verdict = "ok"
    finding: str
    advice: str = ""


def examine(home: Home) -> Iterator[Check]:
    """All findings, the quick ones first."""
    yield from _versions()
    yield from _machine()
    yield from _folders(home)
    yield from _databases(home)
    yield from _settings(home)
    yield from _terminal()
    yield from _session()


def _versions() -> Iterator[Check]:
    yield Check(area="versions", name="titletui", finding=__version__)
    yield Check(area="versions", name="python", finding=platform.python_version())
    yield Check(area="versions", name="sqlite", finding=sqlite3.sqlite_version)
    for name in _LIBRARIES:
        yield _library(name)
    for name in _EXTRAS:
        found = _version(name)
        yield Check(area="versions", name=name, finding=found or "not installed (an extra)")


def _library(name: str) -> Check:
    found = _version(name)
    if found is None:
        return Check(
            area="versions", name=name, verdict="error", finding="missing",
            advice="Install titletui again: pip install titletui.",
        )  # fmt: skip
    lowest = _LOWEST.get(name)
    if lowest and _numbers(found) < lowest:
        wanted = ".".join(map(str, lowest))
        return Check(
            area="versions", name=name, verdict="error", finding=found,
            advice=f"Models need {name} {wanted} or newer: pip install '{name}>={wanted}'.",
        )  # fmt: skip
    return Check(area="versions", name=name, finding=found)


def _machine() -> Iterator[Check]:
    memory = psutil.virtual_memory()
    yield Check(
        area="machine",
        name="system",
        finding=f"{platform.system()} {platform.release()} {platform.machine()}",
    )
    yield Check(
        area="machine",
        name="processor",
        finding=f"{psutil.cpu_count(logical=False) or os.cpu_count()} cores",
    )
    yield Check(
        area="machine",
        name="memory",
        finding=f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB free",
    )
    yield from _gpus()


def _gpus() -> Iterator[Check]:
    command = shutil.which("nvidia-smi")
    if command is None:
        yield Check(area="machine", name="gpu", finding="none; models run on the processor")
        return
    query = "--query-gpu=name,memory.total,memory.free,driver_version"
    try:
        done = subprocess.run(
            [command, query, "--format=csv,noheader"],
            capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        yield Check(
            area="machine", name="gpu", verdict="warning",
            finding=f"nvidia-smi fails ({type(error).__name__})",
            advice="Check the NVIDIA driver; until then models run on the processor.",
        )  # fmt: skip
        return
    for line in done.stdout.splitlines():
        parts = [part.strip() for part in line.rsplit(",", 3)]
        finding = line.strip()
        if len(parts) == 4:
            finding = "{0}, {2} of {1} free, driver {3}".format(*parts)
        yield Check(area="machine", name="gpu", finding=finding)


def _folders(home: Home) -> Iterator[Check]:
    for name, folder in (
        ("data", home.data), ("settings", home.config), ("cache", home.cache), ("logs", home.logs),
    ):  # fmt: skip
        yield _folder(name, folder)
    free = shutil.disk_usage(home.data).free
    yield Check(
        area="folders",
        name="disk",
        verdict="warning" if free < _LITTLE_DISK else "ok",
        finding=f"{free / 2**30:.1f} GiB free",
        advice="Checkpoints need room: delete old runs." if free < _LITTLE_DISK else "",
    )
    kind = file_system(home.data)
    if kind:
        remote = kind in _NETWORK_FILE_SYSTEMS
        finding = f"{kind} (a network file system; databases are safe on it, but slower)"
        yield Check(area="folders", name="file system", finding=finding if remote else kind)


def _folder(name: str, folder: Path) -> Check:
    facts = folder.stat()
    mode = stat.S_IMODE(facts.st_mode)
    if facts.st_uid != os.geteuid():
        return Check(
            area="folders", name=name, verdict="warning",
            finding=f"{folder} belongs to another user",
            advice=f"Run: sudo chown -R {os.geteuid()} '{folder}'.",
        )  # fmt: skip
    if not os.access(folder, os.W_OK):
        return Check(
            area="folders", name=name, verdict="error", finding=f"{folder} cannot be written",
            advice=f"Run: chmod u+w '{folder}'.",
        )  # fmt: skip
    if mode & 0o077:
        return Check(
            area="folders", name=name, verdict="warning",
            finding=f"{folder} can be read by others ({mode:o})",
            advice=f"Run: chmod 700 '{folder}'.",
        )  # fmt: skip
    return Check(area="folders", name=name, finding=str(folder))


def _databases(home: Home) -> Iterator[Check]:
    for path, advice in (
        (home.corpus_db, "titletui sets it aside at the next start; scrape or import again."),
        (home.library_db, "titletui restores the newest backup at the next start."),
    ):
        if not path.exists():
            yield Check(area="databases", name=path.stem, finding="not there yet")
            continue
        finding = integrity(path)
        size = path.stat().st_size / 2**20
        if finding == "ok":
            yield Check(area="databases", name=path.stem, finding=f"whole, {size:.1f} MiB")
        else:
            yield Check(
                area="databases", name=path.stem, verdict="error", finding=finding, advice=advice
            )


def integrity(path: Path) -> str:
    """`ok`, or the first thing that SQLite finds wrong with the file."""
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
        try:
            return str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.Error as error:
        return str(error)


def _settings(home: Home) -> Iterator[Check]:
    from titletui.settings import load_settings
    from titletui.tui.keymap import misplaced

    path = home.config_toml
    try:
        settings = load_settings(path)
    except TitletuiError as error:
        advice = f"Mend the line, or delete {path}: the defaults count then."
        yield Check(
            area="settings", name="file", verdict="error", finding=str(error), advice=advice
        )
        return
    yield Check(area="settings", name="file", finding=str(path) if path.exists() else "defaults")
    doubts = misplaced(settings.keys)
    for doubt in doubts:
        yield Check(
            area="settings", name="keys", verdict="warning", finding=doubt,
            advice=f"Change the table [keys] in {path}.",
        )  # fmt: skip
    if not doubts:
        moved = len(settings.keys)
        yield Check(
            area="settings", name="keys", finding=f"{moved} moved" if moved else "the usual"
        )


def _terminal() -> Iterator[Check]:
    term = os.environ.get("TERM", "")
    dumb = term in ("", "dumb")
    yield Check(
        area="terminal", name="type", verdict="warning" if dumb else "ok",
        finding=term or "TERM is not set",
        advice="The app needs a terminal that can move its cursor." if dumb else "",
    )  # fmt: skip
    colours = (
        "truecolor" if os.environ.get("COLORTERM") in ("truecolor", "24bit") else "256 or fewer"
    )
    if "NO_COLOR" in os.environ:
        colours = "none (NO_COLOR is set)"
    yield Check(area="terminal", name="colours", finding=colours)
    encoding = locale.getpreferredencoding(do_setlocale=False)
    narrow = encoding.lower().replace("-", "") != "utf8"
    yield Check(
        area="terminal", name="characters", verdict="warning" if narrow else "ok", finding=encoding,
        advice="Run: export LC_ALL=C.UTF-8." if narrow else "",
    )  # fmt: skip
    where = [
        name
        for name, variable in (("tmux", "TMUX"), ("screen", "STY"), ("ssh", "SSH_CONNECTION"))
        if os.environ.get(variable)
    ]
    yield Check(area="terminal", name="inside", finding=", ".join(where) or "a local terminal")


def _session() -> Iterator[Check]:
    if kills_user_processes():
        yield Check(
            area="session", name="logind", verdict="warning",
            finding="KillUserProcesses=yes: jobs end when you log out",
            advice="Run: loginctl enable-linger, or start titletui inside tmux under systemd-run.",
        )  # fmt: skip
    else:
        yield Check(area="session", name="logind", finding="jobs go on after a logout")


def file_system(path: Path) -> str:
    """The type of the file system that holds `path`; empty where it cannot be told."""
    best = ("", "")
    try:
        for line in Path("/proc/mounts").read_text().splitlines():
            _, mount, kind, *_ = line.split()
            place = mount.replace("\\040", " ")
            if path.is_relative_to(place) and len(place) >= len(best[0]):
                best = (place, kind)
    except OSError:
        return ""
    return best[1]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("+")[0].split(".")[:2] if part.isdigit())
