"""Output of the command line: results on stdout, messages on stderr; exit codes."""

import sys
from typing import Any

from titletui.text import display

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def print_json(value: Any) -> None:
    """Print one JSON object on one line of stdout."""
    import msgspec

    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def print_line(text: str) -> None:
    """Print one line of a result on stdout, safe for a terminal."""
    print(display(text), flush=True)


def say(text: str) -> None:
    """Print a message on stderr."""
    print(display(text), file=sys.stderr, flush=True)
