"""Output of the command line: results on stdout, messages on stderr; exit codes."""

import contextlib
import os
import sys
from typing import Any

from titletui.errors import TitletuiError
from titletui.text import display

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class OutputError(TitletuiError):
    """Standard output cannot be written: a full disk, or a closed file."""


def print_json(value: Any) -> None:
    """Print one JSON object on one line of stdout, in UTF-8 whatever the locale."""
    import msgspec

    _write(msgspec.json.encode(value) + b"\n")


def print_line(text: str) -> None:
    """Print one line of a result on stdout, safe for a terminal."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    _write((display(text) + "\n").encode(encoding, errors="replace"))


def _write(line: bytes) -> None:
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # The interpreter flushes the stream once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise OutputError(f"Standard output cannot be written ({error.strerror}).") from error


def confirm(question: str) -> bool:
    """Ask on stderr; return whether the answer on stdin is yes."""
    say(f"{question} [y/N]")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def say(text: str) -> None:
    """Print a message on stderr."""
    with contextlib.suppress(OSError):
        encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
        safe = display(text).encode(encoding, errors="replace").decode(encoding)
        print(safe, file=sys.stderr, flush=True)
