"""Diagnose this machine and titletui's files: what `titletui doctor` prints."""

import contextlib
import locale
import os
import platform
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import psutil

from titletui.database import file_system, find_corruption, network_file_system
from titletui.errors import TitletuiError
from titletui.jobs.lifetime import lifetime_limits
from titletui.models.gpu import query_gpus
from titletui.models.validation import MINIMUM_VERSIONS, installed_version, is_too_old
from titletui.network import network_problems
from titletui.paths import Home
from titletui.settings import load_settings
from titletui.version import __version__

_LIBRARIES = (
    "textual", "torch", "transformers", "tokenizers", "accelerate", "peft", "safetensors",
    "httpx", "msgspec", "arxivscraper",
)  # fmt: skip
_EXTRAS = ("textual-serve", "submitit", "bitsandbytes")
_LOW_DISK = 2 << 30


class Check(msgspec.Struct, frozen=True):
    """One finding.

    Attributes:
        advice: what to do about it; empty if nothing needs doing.
    """

    area: str
    name: str
    finding: str
    verdict: Literal["ok", "warning", "error"] = "ok"
    advice: str = ""


def diagnose(
    home: Home, keymap_problems: Callable[[Mapping[str, str]], Sequence[str]]
) -> Iterator[Check]:
    """Yield all findings, the quick ones first.

    Args:
        keymap_problems: returns what is wrong with the `[keys]` of config.toml, one sentence each.
    """
    yield from _versions()
    yield from _machine()
    yield from _folders(home)
    yield from _databases(home)
    yield from _settings(home, keymap_problems)
    yield from _network()
    yield from _terminal()
    yield from _session()


def _versions() -> Iterator[Check]:
    yield Check("versions", "titletui", __version__)
    yield Check("versions", "python", platform.python_version())
    yield Check("versions", "sqlite", sqlite3.sqlite_version)
    for name in _LIBRARIES:
        yield _library(name)
    for name in _EXTRAS:
        yield Check("versions", name, installed_version(name) or "not installed (an extra)")


def _library(name: str) -> Check:
    found = installed_version(name)
    if found is None:
        advice = "Install titletui again: pip install titletui."
        return Check("versions", name, "missing", "error", advice)
    if is_too_old(name, found):
        needed = ".".join(map(str, MINIMUM_VERSIONS[name]))
        advice = f"Models need {name} {needed} or newer: pip install '{name}>={needed}'."
        return Check("versions", name, found, "error", advice)
    return Check("versions", name, found)


def _machine() -> Iterator[Check]:
    memory = psutil.virtual_memory()
    free, total = memory.available / 2**30, memory.total / 2**30
    cores = psutil.cpu_count(logical=False) or os.cpu_count()
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    yield Check("machine", "system", system)
    yield Check("machine", "processor", f"{cores} cores")
    yield Check("machine", "memory", f"{free:.1f} of {total:.1f} GiB free")
    yield from _gpus()


def _gpus() -> Iterator[Check]:
    try:
        found = query_gpus()
    except TitletuiError as error:
        advice = "Check the NVIDIA driver; until then models run on the processor."
        yield Check("machine", "gpu", str(error).rstrip("."), "warning", advice)
        return
    for gpu in found:
        memory = f"{gpu.free >> 20} of {gpu.total >> 20} MiB free"
        yield Check("machine", "gpu", f"{gpu.name}, {memory}, driver {gpu.driver}")
    if not found:
        yield Check("machine", "gpu", "none; models run on the processor")


def _folders(home: Home) -> Iterator[Check]:
    yield _folder("data", home.data)
    yield _folder("settings", home.config)
    yield _folder("cache", home.cache)
    yield _folder("logs", home.logs)
    free = shutil.disk_usage(home.data).free
    finding = f"{free / 2**30:.1f} GiB free"
    if free < _LOW_DISK:
        advice = "Checkpoints need disk space: delete old runs."
        yield Check("folders", "disk", finding, "warning", advice)
    else:
        yield Check("folders", "disk", finding)
    if kind := file_system(home.data):
        if network_file_system(home.data):
            kind += " (a network file system; databases are safe on it, but slower)"
        yield Check("folders", "file system", kind)


def _folder(name: str, folder: Path) -> Check:
    facts = folder.stat()
    mode = stat.S_IMODE(facts.st_mode)
    if facts.st_uid != os.geteuid():
        advice = f"Run: sudo chown -R {os.geteuid()} '{folder}'."
        return Check("folders", name, f"{folder} belongs to another user", "warning", advice)
    if not os.access(folder, os.W_OK):
        advice = f"Run: chmod u+w '{folder}'."
        return Check("folders", name, f"{folder} cannot be written", "error", advice)
    if mode & 0o077:
        advice = f"Run: chmod 700 '{folder}'."
        finding = f"{folder} can be read by others ({mode:o})"
        return Check("folders", name, finding, "warning", advice)
    return Check("folders", name, str(folder))


def _databases(home: Home) -> Iterator[Check]:
    for path, advice in (
        (home.corpus_db, "titletui moves it aside at the next start; scrape or import again."),
        (home.library_db, "titletui restores the best backup at the next start."),
    ):
        if not path.exists():
            yield Check("databases", path.stem, "does not exist yet")
        elif corruption := _corruption(path):
            yield Check("databases", path.stem, corruption, "error", advice)
        else:
            yield Check("databases", path.stem, f"intact, {path.stat().st_size / 2**20:.1f} MiB")


def _corruption(path: Path) -> str:
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=5)) as connection:
            return find_corruption(connection, indexes=True)
    except sqlite3.Error as error:
        return str(error)


def _settings(
    home: Home, keymap_problems: Callable[[Mapping[str, str]], Sequence[str]]
) -> Iterator[Check]:
    path = home.config_toml
    try:
        settings = load_settings(path)
    except TitletuiError as error:
        advice = f"Correct the line, or delete {path} to return to the defaults."
        yield Check("settings", "file", str(error), "error", advice)
        return
    yield Check("settings", "file", str(path) if path.exists() else "defaults")
    problems = keymap_problems(settings.keys)
    for problem in problems:
        advice = f"Change the table [keys] in {path}."
        yield Check("settings", "keys", problem, "warning", advice)
    if not problems:
        moved = len(settings.keys)
        yield Check("settings", "keys", f"{moved} changed" if moved else "defaults")


def _network() -> Iterator[Check]:
    problems = list(network_problems())
    for problem in problems:
        yield Check(
            "network",
            "variables",
            problem.rpartition("; ")[0] or problem,
            "warning",
            problem.rpartition("; ")[2],
        )
    if not problems:
        yield Check("network", "variables", "consistent")


def _terminal() -> Iterator[Check]:
    term = os.environ.get("TERM", "")
    if term in ("", "dumb"):
        advice = "The app needs a terminal that can move its cursor."
        yield Check("terminal", "type", term or "TERM is not set", "warning", advice)
    else:
        yield Check("terminal", "type", term)
    truecolor = os.environ.get("COLORTERM") in ("truecolor", "24bit")
    colours = "truecolor" if truecolor else "256 or fewer"
    if "NO_COLOR" in os.environ:
        colours = "none (NO_COLOR is set)"
    yield Check("terminal", "colours", colours)
    encoding = locale.getpreferredencoding(do_setlocale=False)
    if encoding.lower().replace("-", "") == "utf8":
        yield Check("terminal", "characters", encoding)
    else:
        yield Check("terminal", "characters", encoding, "warning", "Run: export LC_ALL=C.UTF-8.")
    layers = (("tmux", "TMUX"), ("screen", "STY"), ("ssh", "SSH_CONNECTION"))
    inside = [name for name, variable in layers if os.environ.get(variable)]
    yield Check("terminal", "inside", ", ".join(inside) or "a local terminal")


def _session() -> Iterator[Check]:
    limits = list(lifetime_limits())
    for limit in limits:
        finding = f"{limit.cause}: jobs end {limit.end}"
        yield Check("session", "jobs", finding, "warning", limit.advice)
    if not limits:
        yield Check("session", "jobs", "continue after you log out")
