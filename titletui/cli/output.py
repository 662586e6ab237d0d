"""What the command line prints: objects on stdout, everything for a person on stderr."""

import sys
from typing import Any

import msgspec

from titletui.text import display


def print_json(value: Any) -> None:
    """One JSON object on one line of stdout, at once."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def print_line(text: str) -> None:
    """One line of a result on stdout, harmless for a terminal."""
    print(display(text), flush=True)


def say(text: str) -> None:
    """A message to the person, on stderr."""
    print(display(text), file=sys.stderr, flush=True)
