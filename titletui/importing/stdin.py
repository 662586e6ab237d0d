"""Papers that come through a pipe.

A pipe can be read only once, and an import must be able to go on after it was cut off: so the
input is first written to a file, which moves into the import's folder until all of it is stored.
"""

import os
import stat
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import msgspec

from titletui.corpus.export import data_ending
from titletui.corpus.jobs import start_or_resume
from titletui.corpus.store import CorpusStore
from titletui.errors import TitletuiError, UsageError
from titletui.importing.job import Source
from titletui.importing.paper_reader import PaperReader
from titletui.jobs.job import Job
from titletui.paths import Home, checked_name, private_folder

STANDARD_INPUT = Path("-")
_PREFIX = ".piped-"
_BLOCK = 1 << 20
_ABANDONED_AFTER = 86_400.0


def is_pipe(path: Path) -> bool:
    """Whether `path` is standard input, a named pipe or a shell's `<(…)`, rather than a file."""
    if path == STANDARD_INPUT:
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def regular_file(path: Path) -> Path:
    """The file that a name such as `/dev/stdin` stands for; `path` itself where it is none."""
    if path == STANDARD_INPUT and stat.S_ISREG(os.fstat(sys.stdin.fileno()).st_mode):
        path = Path("/dev/stdin")
    real = path.resolve() if path.is_relative_to("/dev") and path.is_file() else path
    return real if real.is_file() else path


def receive_pipe(home: Home, path: Path, on_progress: Callable[[int], None]) -> Path:
    """Copy a pipe to its end into a new file, and return that.

    Args:
        on_progress: called with the bytes so far, several times a second at most.

    Raises:
        UsageError: nothing is piped in.
        TitletuiError: the disk is full, or the pipe cannot be read.
    """
    if path == STANDARD_INPUT and sys.stdin.isatty():
        raise UsageError(
            "Nothing is piped in; name a file, or pipe one: zcat papers.gz | titletui import -"
        )
    folder = private_folder(home.jobs / "import")
    _delete_abandoned(folder)
    try:
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=_PREFIX, suffix=data_ending(path))
    except OSError as error:
        raise TitletuiError(f"{folder} cannot be written ({error.strerror}).") from error
    received = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if path == STANDARD_INPUT:
                _copy(sys.stdin.buffer, file, on_progress)
            else:
                with path.open("rb") as pipe:
                    _copy(pipe, file, on_progress)
    except BaseException as error:
        received.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise TitletuiError(
                f"What comes through the pipe cannot be kept in {folder} ({error.strerror}); "
                "free some space and pipe it again."
            ) from error
        raise
    return received


def start_piped_import(home: Home, source: Source) -> Job:
    """Start to import a received file in the background; it moves into the import's folder.

    Raises:
        UsageError: it holds nothing that can be read, or the corpus cannot have that name.
        TitletuiError: another file is being imported into the corpus.
    """
    received = Path(source.path)
    try:
        checked_name(source.corpus, "corpus name")
        try:
            PaperReader(received, source.columns).close()
        except UsageError as error:
            text = str(error).replace(str(received), "What came through the pipe")
            raise UsageError(text) from error
        place = home.jobs / "import" / source.corpus / received.name.removeprefix(".")
        work = msgspec.structs.replace(source, path=str(place), piped=True)
        with CorpusStore.open(home) as store:
            store.create(work.corpus, category=work.category, source=work.origin)
        return start_or_resume(home, "import", work.corpus, work, bring=received)
    finally:
        received.unlink(missing_ok=True)


def _copy(pipe: IO[bytes], file: IO[bytes], on_progress: Callable[[int], None]) -> None:
    size, last = 0, 0.0
    while block := pipe.read(_BLOCK):
        file.write(block)
        size += len(block)
        if time.monotonic() - last > 0.2:
            last = time.monotonic()
            on_progress(size)


def _delete_abandoned(folder: Path) -> None:
    """Delete what was received by a process that was killed before it could start an import."""
    for left in folder.glob(f"{_PREFIX}*"):
        if time.time() - left.stat().st_mtime > _ABANDONED_AFTER:
            left.unlink(missing_ok=True)
