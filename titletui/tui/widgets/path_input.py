"""An input for the path of a file, completed from what is on the disk."""

import asyncio
import os
from pathlib import Path

from textual.suggester import Suggester

from titletui.text import display
from titletui.tui.textual_patches.line_input import LineInput

_LOOKED_AT = 2_000


class PathSuggester(Suggester):
    """Completes the last part of a path; folders end in a slash."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        return await asyncio.to_thread(complete, value)


class PathInput(LineInput):
    """→ takes the completion that is shown."""

    def __init__(self, *, id: str | None = None, placeholder: str = "") -> None:  # noqa: A002
        super().__init__(id=id, placeholder=placeholder, suggester=PathSuggester())


def complete(typed: str) -> str | None:
    """The first entry that begins as `typed` does; None where nothing does.

    Names that a terminal must not be given are left out.
    """
    if not typed:
        return None
    folder, _, start = typed.rpartition("/")
    place = Path(os.path.expanduser(folder + "/" if "/" in typed else "."))
    names: list[str] = []
    try:
        with os.scandir(place) as entries:
            for _, entry in zip(range(_LOOKED_AT), entries, strict=False):
                hidden = entry.name.startswith(".") and not start.startswith(".")
                if (
                    entry.name.startswith(start)
                    and not hidden
                    and display(entry.name) == entry.name
                ):
                    names.append(entry.name + ("/" if entry.is_dir() else ""))
    except OSError:
        return None
    if not names:
        return None
    return typed[: len(typed) - len(start)] + min(names)
