"""Importing papers from a file, as a job: `python -m titletui.importing.job FOLDER`.

After each twenty thousand papers they are in the store together with the place in the file, in one
transaction: a job that is cut off goes on there.
"""

import os
import sqlite3
import time
from pathlib import Path

import msgspec

from titletui.corpus.export import data_ending
from titletui.corpus.job_state import delete_state, read_state, write_state
from titletui.corpus.jobs import start_or_resume
from titletui.corpus.store import Added, CorpusStore
from titletui.importing.paper_reader import PaperReader, RejectedRecord
from titletui.importing.reader_process import Chunk, ReadingProcess
from titletui.jobs.events import Note, Progress, Started
from titletui.jobs.job import Job, JobResult
from titletui.jobs.worker import EXIT_FAILED, JobContext, run_worker
from titletui.paths import Home, checked_name, find_home, named_path

_BETWEEN_EVENTS = 0.25
_BAD_TOLD = 20
_MARK = "import"
_STRIPPED = (".jsonl", ".json", ".ndjson", ".csv", ".tsv")


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What an import reads, and where to.

    Attributes:
        path: absolute.
        category: what the corpus is said to be about.
        piped: the file is what came through a pipe, and goes when all of it is in the store.
    """

    corpus: str
    path: str
    category: str = ""
    piped: bool = False

    @property
    def origin(self) -> str:
        """Where the papers come from, as a list of corpora says it."""
        return "a pipe" if self.piped else Path(self.path).name


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    """How far an import is.

    Attributes:
        identity: path, size and modification time of the file.
        bad: records that could not be used; the first of them in `told`.
    """

    identity: str
    offset: int = 0
    line: int = 0
    fraction: float = 0.0
    read: int = 0
    added: Added = Added()
    bad: int = 0
    latin1: int = 0
    told: list[RejectedRecord] = []


def corpus_name_for(path: Path) -> str:
    """The name of the corpus that a file is imported into unless another is given."""
    if path == Path("-") or path.is_relative_to("/dev") or path.is_relative_to("/proc"):
        return "piped"
    ending = data_ending(path)
    name = path.name
    if ending:
        cut = name.lower().rindex(ending)
        name = name[:cut] if ending in _STRIPPED else name[: cut + len(ending)]
    return name.lstrip(".-") or "imported"


def start_import(home: Home, source: Source) -> Job:
    """Starts importing a file, detached; attaches to or resumes an import that is there.

    Raises:
        UsageError: there is no such file, it is of no kind that can be read, or the corpus cannot
            have that name.
        TitletuiError: another file is being imported into the corpus.
    """
    checked_name(source.corpus, "corpus name")
    path = named_path(source.path).absolute()
    PaperReader(path).close()
    source = msgspec.structs.replace(source, path=str(path))
    with CorpusStore.open(home) as store:
        store.create(source.corpus, category=source.category, source=source.origin)
    return start_or_resume(home, "import", source.corpus, source)


def main() -> int:
    """Imports what the job folder on the command line says."""
    return run_worker(import_file)


def import_file(job: JobContext) -> JobResult:
    """Reads the file to its end, or until the job is to stop."""
    source = job.folder.work(Source)
    path = Path(source.path)
    PaperReader(path).close()
    with CorpusStore(find_home().corpus_db) as store:
        store.create(source.corpus, category=source.category, source=source.origin)
        store.tune_for_bulk_insert()
        place = _place(store, source)
        job.emit(Started(pid=os.getpid(), step=place.read))
        if place.read:
            job.emit(Note(text=f"Goes on after line {place.line:,}."))
        began, behind, last = time.monotonic(), place.fraction, 0.0
        job.emit(_progress(place, 0.0, behind))
        with ReadingProcess(
            job.folder.path, path, place.offset, place.line, lambda: job.stopping
        ) as reading:
            for piece in reading:
                place = _store(store, source, place, piece)
                now = time.monotonic()
                if now - last > _BETWEEN_EVENTS or job.stopping:
                    last = now
                    job.emit(_progress(place, now - began, behind))
                if job.stopping:
                    break
        if not reading.complete:
            return JobResult(outcome="stopped", reason=f"stopped after {place.read:,} papers")
        place = msgspec.structs.replace(place, fraction=1.0)
        job.emit(_progress(place, time.monotonic() - began, behind))
        _say_what_was_bad(job, place)
        delete_state(store, source.corpus, _MARK)
        if source.piped:
            path.unlink(missing_ok=True)
        if store.delete_if_empty(source.corpus):
            return JobResult(
                outcome="failed",
                code=EXIT_FAILED,
                reason=f"None of {place.bad:,} records could be used; no corpus was made.",
                advice="Name a file of papers or titles.",
            )
    return JobResult(outcome="done")


def _store(store: CorpusStore, source: Source, place: _Place, piece: Chunk) -> _Place:
    """Stores a piece of the file together with the place that the import is at with it."""
    ahead = msgspec.structs.replace(
        place,
        offset=piece.offset,
        line=piece.line,
        fraction=piece.fraction,
        read=place.read + piece.read,
        bad=place.bad + len(piece.bad),
        latin1=place.latin1 + piece.latin1,
        told=[*place.told, *piece.bad][:_BAD_TOLD],
    )

    def remember(connection: sqlite3.Connection, number: int, added: Added) -> None:
        nonlocal ahead
        ahead = msgspec.structs.replace(ahead, added=place.added + added)
        write_state(connection, number, _MARK, msgspec.json.encode(ahead))

    store.add_normalized(source.corpus, piece.papers, within_transaction=remember)
    return ahead


def _place(store: CorpusStore, source: Source) -> _Place:
    """Where an earlier import of the same file stopped, or its beginning."""
    about = Path(source.path).stat()
    identity = f"{source.path} {about.st_size} {about.st_mtime_ns}"
    remembered = read_state(store, source.corpus, _MARK)
    if remembered is not None:
        place = msgspec.json.decode(remembered, type=_Place)
        if place.identity == identity:
            return place
    return _Place(identity=identity)


def _progress(place: _Place, took: float, behind: float) -> Progress:
    """How far it is.

    Args:
        took: seconds since this worker began.
        behind: the fraction of the file that lay behind then.
    """
    pace = (place.fraction - behind) / took if took > 0 else 0.0
    return Progress(
        done=place.read,
        fraction=round(place.fraction, 4),
        eta=round((1 - place.fraction) / pace, 1) if pace > 0 else None,
        counts={
            "new": place.added.new,
            "updated": place.added.updated,
            "skipped": place.added.skipped + place.bad,
            "bad": place.bad,
        },
    )


def _say_what_was_bad(job: JobContext, place: _Place) -> None:
    for bad in place.told:
        job.emit(Note(text=f"Line {bad.line:,} was left out: {bad.reason}.", level="warning"))
    if place.bad > len(place.told):
        more = place.bad - len(place.told)
        job.emit(Note(text=f"{more:,} more were left out.", level="warning"))
    if place.latin1:
        job.emit(Note(text=f"{place.latin1:,} lines were not UTF-8; they were read as Latin-1."))


if __name__ == "__main__":
    raise SystemExit(main())
