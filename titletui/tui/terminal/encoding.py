"""Letters and lines beyond ASCII, also where no language is set."""

import codecs
import io
import sys

from titletui.errors import UsageError


def require_utf8() -> None:
    """Has what goes to the terminal written in UTF-8.

    A locale of plain ASCII is one that nobody has set, as over SSH to a bare machine; the terminal
    in front of it reads UTF-8 all the same.

    Raises:
        UsageError: the locale names another encoding.
    """
    for stream in (sys.__stdout__, sys.__stderr__):
        if not isinstance(stream, io.TextIOWrapper):
            continue
        encoding = codecs.lookup(stream.encoding).name
        if encoding == "ascii":
            stream.reconfigure(encoding="utf-8", errors="replace")
        elif encoding != "utf-8":
            raise UsageError(
                f"The locale says that this terminal reads {encoding}, in which titletui cannot be "
                "drawn: set LC_ALL=C.UTF-8 if it reads UTF-8."
            )
