"""The rooms as the screens reach them: each opened when first asked for, none in the event loop."""

import itertools
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from titletui.paths import Home
from titletui.tui.worker_thread import WorkerThread

if TYPE_CHECKING:
    from titletui.corpus.store import CorpusStore
    from titletui.generation.client import GenerationClient
    from titletui.jobs.status import JobWatch
    from titletui.shortlist.library import Library


class Rooms:
    """What lies behind the screens of one app.

    Attributes:
        home: where files live.
        on_quit: called, and to be quick, when the app ends.
    """

    home: Home
    on_quit: list[Callable[[], None]]

    @cached_property
    def corpora(self) -> "WorkerThread[CorpusStore]":
        """The corpus store: `await app.corpora.ask(lambda store: …)`."""

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
    def errands(self) -> WorkerThread[Home]:
        """Whatever else reads or writes files."""
        return WorkerThread("errands", lambda: self.home)

    @cached_property
    def job_watch(self) -> "WorkerThread[JobWatch]":
        """What the jobs are doing."""

        def open_watch() -> "JobWatch":
            from titletui.jobs.status import JobWatch

            return JobWatch(self.home.jobs)

        return WorkerThread("jobs", open_watch)

    @cached_property
    def generator(self) -> "GenerationClient":
        """The generation server's client; the server starts with the first request."""
        return self._generator({})

    @cached_property
    def second_generator(self) -> "GenerationClient":
        """A server for a second model beside the first; it soon ends when it is not asked."""
        return self._generator({"TITLETUI_IDLE_SECONDS": "60"})

    def _generator(self, environment: dict[str, str]) -> "GenerationClient":
        from titletui.generation.client import GenerationClient

        generator = GenerationClient(self.home, environment)
        self.on_quit.append(generator.kill)
        return generator

    @cached_property
    def _requests(self) -> "itertools.count[int]":
        return itertools.count(1)

    def next_request(self) -> int:
        """A number that no request to the generator has yet."""
        return next(self._requests)
