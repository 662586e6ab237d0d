"""What an import would read: form, columns and the first titles, before anything is stored."""

import contextlib
import multiprocessing
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from titletui.corpus.paper import Paper
from titletui.errors import TitletuiError, UsageError
from titletui.importing.paper_reader import PaperReader
from titletui.importing.reader_process import limit_memory
from titletui.importing.tables import ColumnChoice
from titletui.text import clean

_TITLES = 3
_LOOKED_AT = 20
_TIMEOUT = 30.0
_MEMORY = 600 << 20


class Preview(msgspec.Struct, frozen=True):
    """What an import would read.

    Attributes:
        form: `JSON lines`, `table`, `titles`, `BibTeX`, ….
        size: bytes of all files.
        titles: the first ones, as they would be stored.
        columns: field and column name, of the columns of a table that are read.
        guessed: the titles were found by their content rather than by a name; ask before storing.
        rejected: why the first record that cannot be used cannot.
        files: how many files.
    """

    form: str
    size: int
    titles: list[str]
    columns: list[tuple[str, str]] = []
    guessed: bool = False
    rejected: str = ""
    files: int = 1

    @property
    def description(self) -> str:
        """Form and columns in one line: `table: title from “Document Title”, …`."""
        named = ", ".join(f"{field} from {name!r}" for field, name in self.columns)
        return f"{self.form}: {named}" if named else self.form


def preview(paths: Sequence[Path], choice: ColumnChoice | None = None) -> Preview:
    """Look into files in a process of its own, within limits of memory and time.

    The first file is previewed; of the others it is checked that they can be read.

    Raises:
        TitletuiError: one is no file, or none that can be imported.
    """
    for path in paths:
        if path.is_dir():
            raise UsageError(f"{path} is a folder; name a file in it.")
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(
        target=_send_preview, args=(sender, list(paths), choice or ColumnChoice()), daemon=True
    )
    process.start()
    sender.close()
    try:
        if not receiver.poll(_TIMEOUT):
            raise TitletuiError(f"{paths[0]} cannot be read within {_TIMEOUT:.0f} s.")
        answer = receiver.recv()
    except (EOFError, OSError) as error:
        raise TitletuiError(f"{paths[0]} cannot be read: it takes too much memory.") from error
    finally:
        process.kill()
        process.join()
        receiver.close()
    if isinstance(answer, Exception):
        raise answer
    assert isinstance(answer, Preview)
    return answer


def look_into(paths: Sequence[Path], choice: ColumnChoice) -> Preview:
    """The preview of files, in this process (see `preview`)."""
    first: Preview | None = None
    for path in paths:
        with PaperReader(path, choice) as reader:
            if first is not None:
                continue
            titles: list[str] = []
            rejected = ""
            for record, _ in zip(reader, range(_LOOKED_AT), strict=False):
                if isinstance(record, Paper):
                    titles.append(clean(record.title))
                else:
                    rejected = rejected or record.reason
                if len(titles) >= _TITLES:
                    break
            table = reader.table
            first = Preview(
                form=reader.form,
                size=sum(one.stat().st_size for one in paths),
                titles=titles,
                columns=[(str(field), name) for field, name in table.described] if table else [],
                guessed=bool(table and table.guessed),
                rejected=rejected,
                files=len(paths),
            )
    assert first is not None
    return first


def _send_preview(sender: Connection, paths: list[Path], choice: ColumnChoice) -> None:
    limit_memory(_MEMORY)
    answer: Preview | TitletuiError
    try:
        answer = look_into(paths, choice)
    except TitletuiError as error:
        answer = type(error)(str(error))
    except MemoryError:
        answer = TitletuiError(f"{paths[0]} takes too much memory to read.")
    with contextlib.suppress(BrokenPipeError):
        sender.send(answer)
