"""What an import would read: form, columns and the first titles, before anything is stored."""

import subprocess
import sys
from collections.abc import Sequence
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


class _Question(msgspec.Struct, frozen=True):
    paths: list[str]
    choice: ColumnChoice


class _Refusal(msgspec.Struct, frozen=True, tag="refusal"):
    """Why there is no preview; `usage` where the person can choose something else."""

    reason: str
    usage: bool = False


class Preview(msgspec.Struct, frozen=True, tag="preview"):
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
    question = _Question([str(path) for path in paths], choice or ColumnChoice())
    command = [sys.executable, "-P", "-m", "titletui.importing.preview"]
    try:
        done = subprocess.run(
            command,
            input=msgspec.json.encode(question),
            capture_output=True,
            check=False,
            timeout=_TIMEOUT,
        )
        answer = msgspec.json.decode(done.stdout, type=Preview | _Refusal)
    except subprocess.TimeoutExpired as error:
        raise TitletuiError(f"{paths[0]} cannot be read within {_TIMEOUT:.0f} s.") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise TitletuiError(f"{paths[0]} cannot be read: it takes too much memory.") from error
    if isinstance(answer, _Refusal):
        raise UsageError(answer.reason) if answer.usage else TitletuiError(answer.reason)
    return answer


def look_into(paths: Sequence[Path], choice: ColumnChoice) -> Preview:
    """The preview of files, in this process (see `preview`)."""
    first: Preview | None = None
    for path in paths:
        if path.is_dir():
            raise UsageError(f"{path} is a folder; name a file in it.")
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


def main() -> int:
    """Answer the question on standard input with a preview or a refusal."""
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=_Question)
    limit_memory(_MEMORY)
    answer: Preview | _Refusal
    try:
        answer = look_into([Path(path) for path in question.paths], question.choice)
    except TitletuiError as error:
        answer = _Refusal(str(error), usage=isinstance(error, UsageError))
    except MemoryError:
        answer = _Refusal(f"{question.paths[0]} takes too much memory to read.")
    sys.stdout.buffer.write(msgspec.json.encode(answer))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
