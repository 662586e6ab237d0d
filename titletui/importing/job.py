"""The import job: `python -m titletui.importing.job FOLDER`.

After each twenty thousand records the papers are stored together with the place in the file, in
one transaction: a job that is cut off goes on there.
"""

import os
import sqlite3
import time
from pathlib import Path

import msgspec

from titletui.corpus.job_state import delete_state, read_state, write_state
from titletui.corpus.jobs import start_or_resume
from titletui.corpus.store import Added, CorpusStore
from titletui.corpus.undo import begin_import, record_changes
from titletui.corpus.upsert import Change
from titletui.errors import UsageError
from titletui.importing.paper_reader import PaperReader, Position, RejectedRecord
from titletui.importing.reader_process import Chunk, ReaderProcess
from titletui.importing.sources import corpus_name_for
from titletui.importing.tables import ColumnChoice
from titletui.jobs.events import Note, Progress, Started
from titletui.jobs.job import Job, JobResult
from titletui.jobs.worker import EXIT_FAILED, JobContext, run_worker
from titletui.paths import Home, checked_name, find_home, named_path

__all__ = ["Source", "corpus_name_for", "import_file", "start_import"]

_BETWEEN_EVENTS = 0.25
_SHOWN_REJECTED = 20
_SHOWN_ALIKE = 3
_STATE = "import"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What an import reads, and where to.

    Attributes:
        path: of the file, absolute.
        more: further files.
        category: what the corpus is said to be about.
        piped: the file is what came through a pipe, and is deleted when all of it is stored.
        columns: which columns hold titles and abstracts, where a person said so.
    """

    corpus: str
    path: str
    more: tuple[str, ...] = ()
    category: str = ""
    piped: bool = False
    columns: ColumnChoice = ColumnChoice()

    @property
    def paths(self) -> list[Path]:
        return [Path(path) for path in (self.path, *self.more)]

    @property
    def origin(self) -> str:
        """Where the papers come from, for a list of corpora."""
        if self.piped:
            return "a pipe"
        name = Path(self.path).name
        return f"{name} and {len(self.more)} more" if self.more else name


class _State(msgspec.Struct, frozen=True, kw_only=True):
    """How far an import is.

    Attributes:
        identity: paths, sizes and modification times of the files.
        file: index of the file that is read.
        position, line: how far in it.
        fraction: of all files.
        read: papers so far.
        bad: records that could not be used; the first of them in `rejected`.
        latin1, encoding: lines that were not UTF-8, and what they were.
        number: of the record with which the import can be undone; 0 until something is stored.
    """

    identity: str
    file: int = 0
    position: Position = Position()
    line: int = 0
    fraction: float = 0.0
    read: int = 0
    added: Added = Added()
    bad: int = 0
    latin1: int = 0
    encoding: str = ""
    rejected: list[RejectedRecord] = []
    number: int = 0


def start_import(home: Home, source: Source) -> Job:
    """Start an import in the background; attach to one that runs, resume one that was cut off.

    Raises:
        UsageError: there is no such file, it is of no form that can be read, or the corpus cannot
            have that name.
        TitletuiError: another file is being imported into the corpus.
    """
    checked_name(source.corpus, "corpus name")
    paths = [named_path(path).absolute() for path in source.paths]
    for path in paths:
        PaperReader(path, source.columns).close()
    first, *more = map(str, paths)
    source = msgspec.structs.replace(source, path=first, more=tuple(more))
    with CorpusStore.open(home) as store:
        store.create(source.corpus, category=source.category, source=source.origin)
    return start_or_resume(home, "import", source.corpus, source)


def main() -> int:
    """Run the import of the job folder on the command line."""
    return run_worker(import_file)


def import_file(job: JobContext) -> JobResult:
    """Import the files of a job to the end, or until the job is to stop."""
    source = job.folder.work(Source)
    for path in source.paths:
        PaperReader(path, source.columns).close()
    with CorpusStore(find_home().corpus_db) as store:
        store.create(source.corpus, category=source.category, source=source.origin)
        store.tune_for_bulk_insert()
        state = _load(store, source)
        job.emit(Started(pid=os.getpid(), step=state.read))
        if state.read:
            job.emit(Note(text=f"Goes on after line {state.line:,}."))
        progress = _ImportProgress(job, state.fraction)
        progress.emit(state)
        for number, path in enumerate(source.paths):
            if number < state.file:
                continue
            if number > state.file:
                state = msgspec.structs.replace(state, file=number, position=Position(), line=0)
            with ReaderProcess(
                path, source.columns, state.position, lambda: job.stopping
            ) as reader:
                for chunk in reader:
                    state = _store(store, source, state, chunk)
                    progress.emit(state, force=job.stopping)
            if not reader.complete:
                return JobResult(outcome="stopped", reason=f"stopped after {state.read:,} papers")
        state = msgspec.structs.replace(state, fraction=1.0)
        progress.emit(state, force=True)
        _note_rejected(job, state)
        delete_state(store, source.corpus, _STATE)
        if source.piped:
            Path(source.path).unlink(missing_ok=True)
        if store.delete_if_empty(source.corpus):
            return JobResult(
                outcome="failed",
                code=EXIT_FAILED,
                reason=f"None of {state.bad:,} records could be used{_why(state)}; "
                "no corpus was made.",
                advice="Name a file of papers or titles.",
            )
    return JobResult(outcome="done")


class _ImportProgress:
    """Writes how far an import is, a few times a second at most."""

    def __init__(self, job: JobContext, start: float) -> None:
        self._job = job
        self._start = start
        self._began = time.monotonic()
        self._last = 0.0

    def emit(self, state: _State, *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._last < _BETWEEN_EVENTS:
            return
        self._last = now
        took = now - self._began
        speed = (state.fraction - self._start) / took if took > 0 else 0.0
        self._job.emit(
            Progress(
                done=state.read,
                fraction=round(state.fraction, 4),
                eta=round((1 - state.fraction) / speed, 1) if speed > 0 else None,
                counts={
                    "new": state.added.new,
                    "updated": state.added.updated,
                    "skipped": state.added.skipped + state.bad,
                    "bad": state.bad,
                },
            )
        )


def _store(store: CorpusStore, source: Source, state: _State, chunk: Chunk) -> _State:
    """Store a chunk together with the state after it."""
    number = state.number or begin_import(store, source.corpus, source.origin)
    files = len(source.paths)
    after = msgspec.structs.replace(
        state,
        position=chunk.position,
        line=chunk.line,
        fraction=(state.file + chunk.fraction) / files,
        read=state.read + chunk.read,
        bad=state.bad + len(chunk.rejected),
        latin1=state.latin1 + chunk.foreign_lines,
        encoding=chunk.encoding or state.encoding,
        rejected=[*state.rejected, *chunk.rejected][:_SHOWN_REJECTED],
        number=number,
    )

    def journal(connection: sqlite3.Connection, joined: list[int], changed: list[Change]) -> None:
        record_changes(connection, number, joined, changed)

    def save(connection: sqlite3.Connection, corpus: int, added: Added) -> None:
        nonlocal after
        after = msgspec.structs.replace(after, added=state.added + added)
        write_state(connection, corpus, _STATE, msgspec.json.encode(after))

    store.add_normalized(source.corpus, chunk.papers, within_transaction=save, journal=journal)
    return after


def _load(store: CorpusStore, source: Source) -> _State:
    """The state in which an earlier import of the same files stopped, or a new one."""
    try:
        stats = [(path, path.stat()) for path in source.paths]
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be read ({error.strerror}).") from error
    identity = "\n".join(f"{path} {stat.st_size} {stat.st_mtime_ns}" for path, stat in stats)
    stored = read_state(store, source.corpus, _STATE)
    if stored is not None:
        try:
            state = msgspec.json.decode(stored, type=_State)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return _State(identity=identity)
        if state.identity == identity:
            return state
    return _State(identity=identity)


def _note_rejected(job: JobContext, state: _State) -> None:
    """Say which records could not be used; a reason that all share is said once."""
    reasons = {one.reason for one in state.rejected}
    alike = len(reasons) == 1 and state.bad > _SHOWN_ALIKE
    shown = state.rejected[:1] if alike else state.rejected
    for one in shown:
        job.emit(Note(text=f"Line {one.line:,} was left out: {one.reason}.", level="warning"))
    if state.bad > len(shown):
        same = " for the same reason" if alike and state.bad <= len(state.rejected) else ""
        text = f"{state.bad - len(shown):,} more were left out{same}."
        job.emit(Note(text=text, level="warning"))
    if state.latin1:
        text = f"{state.latin1:,} lines were not UTF-8; they were read as {state.encoding}."
        job.emit(Note(text=text))


def _why(state: _State) -> str:
    reasons = {one.reason for one in state.rejected}
    return f": {reasons.pop()}" if len(reasons) == 1 else ""


if __name__ == "__main__":
    raise SystemExit(main())
