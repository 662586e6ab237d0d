"""A store as the screens use it: opened when first asked, in a thread of its own."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

S = TypeVar("S")
T = TypeVar("T")


class WorkerThread(Generic[S]):
    """One store and the one thread that touches it.

    The thread is a daemon: a query that hangs on a network disk does not keep the app from
    quitting, and a write is either committed or was never acknowledged.
    """

    def __init__(self, name: str, open_store: Callable[[], S]) -> None:
        self._name = name
        self._open = open_store
        self._questions: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._store: S | None = None

    async def run(self, question: Callable[[S], T]) -> T:
        """What `question` says of the store; questions are taken one after the other.

        Raises:
            TitletuiError: the store cannot be opened (the next question tries again), or what
                `question` raises.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def settle(value: T | None, error: Exception | None) -> None:
            if answer.cancelled():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(value)  # type: ignore[arg-type]

        def work() -> None:
            value: T | None = None
            failure: Exception | None = None
            try:
                if self._store is None:
                    self._store = self._open()
                value = question(self._store)
            except Exception as error:
                failure = error
            # The loop is closed when the app has quit in the meantime: nobody waits any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, value, failure)

        self._questions.put(work)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        return await answer

    def _run(self) -> None:
        while True:
            self._questions.get()()
