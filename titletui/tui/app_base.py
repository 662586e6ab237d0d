"""What screens, dialogs and widgets may ask of the app."""

import itertools
import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from textual.notifications import SeverityLevel
from textual.signal import Signal

from titletui.paths import Home
from titletui.settings import Settings
from titletui.text import display
from titletui.tui.novelty import NoveltyChecker
from titletui.tui.terminal.clipboard import ClipboardApp, osc52
from titletui.tui.terminal.frame_diff import FrameDiffApp
from titletui.tui.textual_patches.key_queue import KeyQueueApp
from titletui.tui.worker_thread import WorkerThread

if TYPE_CHECKING:
    from titletui.corpus.store import CorpusStore
    from titletui.generation.client import GenerationClient
    from titletui.jobs.status import JobStatus, JobWatch
    from titletui.shortlist.library import Library

_GLYPHS: dict[SeverityLevel, str] = {"information": "", "warning": "⚠ ", "error": "✕ "}


class AppBase(KeyQueueApp, FrameDiffApp, ClipboardApp):
    """Stores, generators, messages and navigation, for `app = getters.app(AppBase)`.

    Stores are opened on first use, each in a thread of its own, never in the event loop.

    Attributes:
        home: where files live.
        settings: what the user chose; screens change it, the app saves it.
        on_quit: called when the app ends; must be quick.
        jobs_changed: published about once a second with all watched jobs.
        model_changed: published with the text of `model_line`.
        shown_jobs: the jobs for the status line.
        model_line: the model in use, for the status line.
    """

    def __init__(self, home: Home, settings: Settings) -> None:
        self.home = home
        self.settings = settings
        super().__init__()
        self.on_quit: list[Callable[[], None]] = []
        self.jobs_changed: Signal[tuple[JobStatus, ...]] = Signal(self, "jobs_changed")
        self.model_changed: Signal[str] = Signal(self, "model_changed")
        self.shown_jobs: tuple[JobStatus, ...] = ()
        self.model_line = settings.generate.model
        self._request_ids = itertools.count(1)
        self._last_toast: tuple[str, str, float] = ("", "", 0.0)

    # --- stores and generators

    @cached_property
    def corpora(self) -> "WorkerThread[CorpusStore]":
        """The corpus store: `await app.corpora.run(lambda store: …)`."""

        def open_store() -> "CorpusStore":
            from titletui.corpus.store import CorpusStore

            return CorpusStore.open(self.home)

        return WorkerThread("corpora", open_store)

    @cached_property
    def library(self) -> "WorkerThread[Library]":
        """Candidates and favourites."""

        def open_store() -> "Library":
            from titletui.shortlist.library import Library

            return Library.open(self.home)

        return WorkerThread("library", open_store)

    @cached_property
    def files(self) -> WorkerThread[Home]:
        """For all other reading and writing of files."""
        return WorkerThread("files", lambda: self.home)

    @cached_property
    def job_watch(self) -> "WorkerThread[JobWatch]":
        """The states of running jobs."""

        def open_watch() -> "JobWatch":
            from titletui.jobs.status import JobWatch

            return JobWatch(self.home.jobs)

        return WorkerThread("jobs", open_watch)

    @cached_property
    def novelty(self) -> NoveltyChecker:
        """Compares titles with the papers of the corpora."""
        return NoveltyChecker(self.home, self._compare_with_all_papers)

    async def judge_favourites(self) -> int:
        """Compare all favourites with all papers and store what changed; return how many changed.

        Raises:
            TitletuiError: the library or the corpora cannot be read.
        """
        favourites = await self.library.run(lambda library: library.favourites())
        found = await self.novelty.check([one.text for one in favourites], None)
        judged = list(zip(favourites, found, strict=False))
        if not judged:
            return 0
        return await self.library.run(lambda library: library.judge_favourites(judged))

    def _compare_with_all_papers(self, reason: str) -> None:
        self.say(f"{reason} Titles are compared with all papers.", "warning")
        self.settings.generate.against = None

    @cached_property
    def generator(self) -> "GenerationClient":
        """Client of the generation server, which starts with the first request."""
        return self._generator({})

    @cached_property
    def second_generator(self) -> "GenerationClient":
        """Client of a server for a second model, which ends after a minute without requests."""
        return self._generator({"TITLETUI_IDLE_SECONDS": "60"})

    def _generator(self, environment: dict[str, str]) -> "GenerationClient":
        from titletui.generation.client import GenerationClient

        generator = GenerationClient(self.home, environment)
        self.on_quit.append(generator.kill)
        return generator

    def next_request_id(self) -> int:
        """An id that no request to a generator has had."""
        return next(self._request_ids)

    @abstractmethod
    async def save_changed_settings(self) -> None:
        """Save the settings if they differ from those on disk."""

    # --- messages

    def say(self, text: str, severity: SeverityLevel = "information") -> None:
        """Show `text`, which may hold anything, above the footer for a few seconds.

        A message that is still shown is not shown twice.
        """
        now = time.monotonic()
        last_text, last_severity, shown_at = self._last_toast
        shown = now <= shown_at + self.NOTIFICATION_TIMEOUT
        if (text, severity) != (last_text, last_severity) or not shown:
            self._last_toast = (text, severity, now)
            self.notify(f"{_GLYPHS[severity]}{display(text)}", severity=severity, markup=False)

    @abstractmethod
    def show_error(self, error: BaseException | str) -> None:
        """Show what went wrong: a toast for a refused value, else a dialog."""

    @abstractmethod
    def show_notices(self, notices: Sequence[str]) -> None:
        """Show what a store has to say about its file, each sentence once."""

    def copy(self, text: str) -> None:
        """Put `text` on the terminal's clipboard and say how."""
        self.copy_to_clipboard(text)
        wrapped = " through tmux" if "Ptmux" in osc52("") else ""
        self.say(f"Copied via OSC 52{wrapped}. If it does not arrive, 4 and then E writes a file.")

    def show_model(self, line: str) -> None:
        """Show on every screen which model is in use."""
        self.model_line = line
        self.model_changed.publish(line)

    # --- navigation

    @abstractmethod
    async def open_mode(self, mode: str, name: str = "", action: str = "") -> None:
        """Switch to `mode`, highlight `name` there, then run `action` there."""
