"""What a user sees of an exception that nothing caught: one sentence and the path of a file.

Textual prints a traceback with the values of all local variables, among them titles, abstracts and
tokens of a hub.
"""

import os
import time
import traceback
from abc import abstractmethod
from pathlib import Path

from textual.app import App

from titletui.errors import TitletuiError
from titletui.paths import Home, private_folder


class CrashReportApp(App[int]):
    """An app that writes a traceback without values into its log folder."""

    home: Home

    @abstractmethod
    def release(self) -> None:
        """End what must not outlive the app."""

    def _fatal_error(self) -> None:
        """Replace Textual's traceback."""
        if self._exit_renderables:
            return
        self.release()
        path = write_crash(self.home.logs, self._exception)
        where = f"The details are in {path}." if path else "The details could not be written."
        what = type(getattr(self._exception, "error", self._exception)).__name__
        self.bell()
        self._exit_renderables.append(
            f"titletui stopped by a fault of its own ({what}); your papers and stars are kept, and "
            f"jobs go on. {where}"
        )
        self._close_messages_no_wait()


def write_crash(logs: Path, error: BaseException | None) -> Path | None:
    """Write a traceback without the values of variables; return its path, None if it cannot be."""
    path = logs / f"crash-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.txt"
    # A worker's exception comes wrapped, without the place where it happened.
    cause = getattr(error, "error", error)
    lines = traceback.format_exception(cause) if cause else ["no exception was recorded\n"]
    try:
        private_folder(logs)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.writelines(lines)
    except (OSError, TitletuiError):
        return None
    return path
