"""The app's side of the generation server: starts it, asks it, outlives its crashes."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Self

import msgspec

from titletui.errors import TitletuiError
from titletui.generation.protocol import (
    Answer,
    Cancel,
    Failed,
    Finished,
    Generate,
    Generated,
    Prepare,
    Unload,
    with_seed,
)
from titletui.jobs.launch import worker_environment
from titletui.paths import Home

_LINE_LIMIT = 1 << 20
_END_WITHIN = 1.0
_KEPT_LINES = 12
# Memory that was used goes back to the process, not to the system: a third quicker on a CPU.
_ALLOCATION = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 30)}


class GenerationClient:
    """Owns one server process; it is started with the first request and ends with `close`.

    All methods belong to one event loop, but for `kill`.
    """

    def __init__(
        self, home: Home | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        """
        Args:
            home: where runs and settings are; None means this user's.
            environment: variables to add to the server's.
        """
        # Threads that spin while they wait for each other make a busy machine forty times slower.
        wait = os.environ.get("OMP_WAIT_POLICY", "PASSIVE")
        self._environment = {"OMP_WAIT_POLICY": wait, **(environment or {})}
        if home is not None and "TITLETUI_HOME" in os.environ:
            self._environment["TITLETUI_HOME"] = str(home.data)
        self._server: _Process | None = None
        self._starting = asyncio.Lock()
        self._closed = False
        self._cancelled: set[int] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def pid(self) -> int | None:
        """The server's process id, while there is one."""
        return self._server.process.pid if self._server and self._server.alive else None

    async def start(self) -> None:
        """Starts the server before the first request.

        Raises:
            TitletuiError: it cannot be started.
        """
        try:
            await self._running()
        except OSError as error:
            raise TitletuiError(_no_start(error)) from error

    async def generate(self, request: Generate) -> AsyncIterator[Answer]:
        """Answers to `request` as they come; the last is `Finished` or `Failed`.

        Whoever stops listening cancels the request. Requests are answered one after the other.
        """
        async for answer in self._ask(request):
            yield answer

    async def prepare(self, request: Prepare) -> AsyncIterator[Answer]:
        """Loads a model before it is needed; answers as `generate`, without candidates."""
        async for answer in self._ask(request):
            yield answer

    async def cancel(self, id: int) -> None:  # noqa: A002
        """Ends the request at once, its last answer says `cancelled`; the server goes on to its
        next token, or to the end of loading, before it turns to another request.
        """
        self._cancelled.add(id)
        if self._server is not None:
            self._server.drop(id)
            await self._server.send(Cancel(id=id))

    async def unload(self) -> None:
        """Asks the server to give the model's memory back; it loads it again when needed."""
        if self._server is not None and self._server.alive:
            await self._server.send(Unload())

    async def close(self) -> None:
        """Ends the server within a second."""
        self._closed = True
        server, self._server = self._server, None
        if server is not None:
            await server.end()

    def kill(self) -> None:
        """Ends the server at once; may be called from anywhere, also from a signal handler."""
        self._closed = True
        if self._server is not None:
            self._server.kill()

    async def _ask(self, request: Generate | Prepare) -> AsyncIterator[Answer]:
        """Asks, and asks once more where the server dies over it."""
        self._cancelled.discard(request.id)
        seen: set[int] = set()
        crashes = 0
        while True:
            try:
                server = await self._running()
            except OSError as error:
                yield Failed(id=request.id, error=_no_start(error))
                return
            if request.id in self._cancelled:
                yield Finished(id=request.id, reason="cancelled")
                return
            # Closed at once: later it would take the answers of a next request of the same number.
            async with contextlib.aclosing(server.ask(request)) as answers:
                async for answer in answers:
                    if isinstance(answer, Generated):
                        if answer.candidate.index in seen:
                            continue
                        seen.add(answer.candidate.index)
                        if isinstance(request, Generate):
                            # A server that is asked once more has to write the same titles.
                            request = with_seed(request, answer.candidate.seed)
                    yield answer
                    if isinstance(answer, Finished | Failed):
                        return
            if self._closed:
                yield Failed(id=request.id, error="The generator was closed.")
                return
            crashes += not await server.ended_well()
            if crashes > 1:
                yield Failed(id=request.id, error=await server.last_words())
                return

    async def _running(self) -> "_Process":
        async with self._starting:
            if self._server is None or not self._server.alive:
                self._server = await _Process.start(self._environment)
            return self._server


def _no_start(error: OSError) -> str:
    return f"The generator cannot be started ({error.strerror or error})."


class _Process:
    """One server process and the requests that it has been given."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._said: dict[int, asyncio.Queue[Answer | None]] = {}
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._tasks = [
            asyncio.create_task(self._read_answers()),
            asyncio.create_task(self._read_errors()),
        ]
        self._open = True

    @classmethod
    async def start(cls, environment: Mapping[str, str]) -> "_Process":
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "titletui.generation.server",
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            limit=_LINE_LIMIT,
            start_new_session=True,
            env=worker_environment("run", {**_ALLOCATION, **environment}),
        )
        return cls(process)

    @property
    def alive(self) -> bool:
        return self._open and self.process.returncode is None

    async def ask(self, request: Generate | Prepare) -> AsyncGenerator[Answer]:
        """The answers to one request; ends early where the process does."""
        answers = self._said.setdefault(request.id, asyncio.Queue())
        over = False
        try:
            if not await self.send(request):
                return
            while not over and (answer := await answers.get()) is not None:
                over = isinstance(answer, Finished | Failed)
                yield answer
        finally:
            self._said.pop(request.id, None)
            if not over:
                await self.send(Cancel(id=request.id))

    def drop(self, id: int) -> None:  # noqa: A002
        """Ends the answers to a request for whoever listens."""
        if (answers := self._said.get(id)) is not None:
            answers.put_nowait(Finished(id=id, reason="cancelled"))

    async def send(self, message: Generate | Prepare | Cancel | Unload) -> bool:
        """Writes one line; returns False where nobody is there to read it."""
        assert self.process.stdin is not None
        if not self.alive:
            return False
        try:
            self.process.stdin.write(msgspec.json.encode(message) + b"\n")
            await self.process.stdin.drain()
        except (OSError, RuntimeError):
            return False
        return True

    async def ended_well(self) -> bool:
        """Waits for the end; whether the process ended by itself, for want of requests."""
        return await self.process.wait() == 0

    async def last_words(self) -> str:
        """Why the process ended, and what to do."""
        code = await self.process.wait()
        await asyncio.wait(self._tasks, timeout=_END_WITHIN)
        how = f"ended with code {code}"
        if code < 0:
            with contextlib.suppress(ValueError):
                how = f"was killed by {signal.Signals(-code).name}"
        lines = [line for line in self._lines if not line.startswith((" ", "Traceback"))]
        said = f": {lines[-1][:300]}" if lines else ""
        advice = "try again"
        if code == -signal.SIGKILL:
            advice = "memory may be short: ask for fewer or take a smaller model"
        return f"The generator {how} twice{said}; the titles so far stay; {advice}."

    async def end(self) -> None:
        """Closes its standard input, and kills it where that does not end it within a second."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), _END_WITHIN / 2)
        except TimeoutError:
            self.kill()
            await self.process.wait()
        await asyncio.wait(self._tasks, timeout=_END_WITHIN / 2)
        for task in self._tasks:
            task.cancel()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    async def _read_answers(self) -> None:
        assert self.process.stdout is not None
        decoder = msgspec.json.Decoder(Answer)
        try:
            while line := await self.process.stdout.readline():
                answer = decoder.decode(line)
                if (queue := self._said.get(answer.id)) is not None:
                    queue.put_nowait(answer)
        except (ValueError, msgspec.MsgspecError) as error:
            self._lines.append(f"an answer cannot be read ({error})")
            self.kill()
        finally:
            self._open = False
            for queue in self._said.values():
                queue.put_nowait(None)

    async def _read_errors(self) -> None:
        assert self.process.stderr is not None
        while block := await self.process.stderr.read(65_536):
            for line in block.decode(errors="replace").splitlines():
                if line.strip():
                    self._lines.append(line)
