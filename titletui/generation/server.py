"""The process that holds the model: `python -m titletui.generation.server`.

Requests come on standard input, answers go to standard output, one JSON object a line (see
`messages`). Whatever a library prints goes to standard error. It ends with its standard input, and
by itself after ten minutes without a request (`TITLETUI_IDLE_SECONDS`).
"""

import contextlib
import gc
import logging
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from titletui.errors import TitletuiError
from titletui.generation.protocol import (
    Answer,
    Cancel,
    Failed,
    Finished,
    Generate,
    Generated,
    Loaded,
    Loading,
    Prepare,
    Request,
    Unload,
)
from titletui.jobs.job import list_jobs
from titletui.paths import find_home

if TYPE_CHECKING:
    from titletui.generation.engine import Engine

IDLE_SECONDS = 600.0
_GLANCE = 10.0
EXIT_IDLE = 0

_log = logging.getLogger(__name__)


class Server:
    """Answers one request after the other; cancelling needs no turn."""

    def __init__(self, answers: int, idle: float = IDLE_SECONDS) -> None:
        """
        Args:
            answers: the file descriptor that answers are written to.
            idle: seconds without a request after which it ends.
        """
        self._answers = answers
        self._idle = idle
        self._home = find_home()
        self._waiting: queue.SimpleQueue[Generate | Prepare | Unload] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self._engine: Engine | None = None
        self._loaded: tuple[str, float] | None = None

    def read(self, requests: int) -> None:
        """Takes requests until the other side has gone, then ends the process at once."""
        decoder = msgspec.json.Decoder(Request)
        with open(requests, "rb", buffering=0, closefd=False) as raw:
            buffer = b""
            while block := raw.read(65_536):
                *whole, buffer = (buffer + block).split(b"\n")
                for line in whole:
                    self._take(decoder, line)
        # The worker may be anywhere in the model; nothing here needs an orderly end.
        os._exit(0)

    def work(self) -> int:
        """Answers requests until there has been none for long."""
        quiet = 0.0
        while True:
            pause = min(_GLANCE, self._idle)
            try:
                request = self._waiting.get(timeout=pause)
            except queue.Empty:
                if not quiet:
                    _give_back_memory()
                quiet += pause
                if quiet >= self._idle:
                    return EXIT_IDLE
                self._leave_gpu_to_runs()
                continue
            quiet = 0.0
            try:
                self._answer(request)
            except TitletuiError as error:
                self._say(Failed(id=request.id, error=str(error)))
            except BrokenPipeError:
                raise
            except Exception as error:
                _log.exception("request %d failed", request.id)
                self._drop()
                self._say(Failed(id=request.id, error=_explained(error)))
            self._cancelled.discard(request.id)

    def _take(self, decoder: "msgspec.json.Decoder[Request]", line: bytes) -> None:
        if not line.strip():
            return
        try:
            request = decoder.decode(line)
        except msgspec.MsgspecError as error:
            self._say(Failed(id=_id_in(line), error=f"The request cannot be used: {error}."))
            return
        if isinstance(request, Cancel):
            self._cancelled.add(request.id)
        else:
            self._cancelled.discard(request.id)
            self._waiting.put(request)

    def _answer(self, request: Generate | Prepare | Unload) -> None:
        if isinstance(request, Unload):
            self._drop()
            self._say(Finished(id=request.id))
            return
        began = time.monotonic()
        if isinstance(request, Generate) and request.id in self._cancelled:
            self._say(Finished(id=request.id, reason="cancelled"))
            return
        engine = self._engine_for(request)
        if isinstance(request, Prepare):
            self._say(self._description(request, engine, engine.note))
            self._say(Finished(id=request.id, seconds=time.monotonic() - began))
            return
        self._generate(request, engine)
        self._say(
            Finished(
                id=request.id,
                reason="cancelled" if request.id in self._cancelled else "done",
                seconds=time.monotonic() - began,
            )
        )

    def _generate(self, request: Generate, engine: "Engine") -> None:
        candidates = engine.write(
            request,
            lambda: request.id in self._cancelled,
            lambda note: self._say(self._description(request, engine, note)),
        )
        for candidate in candidates:
            self._say(Generated(id=request.id, candidate=candidate))

    def _description(self, request: Generate | Prepare, engine: "Engine", note: str) -> Loaded:
        info = engine.info
        return Loaded(
            id=request.id,
            model=request.model,
            device=engine.device,
            task=info.task,
            parameters=info.parameters,
            note=note,
        )

    def _engine_for(self, request: Generate | Prepare) -> "Engine":
        """The model that is asked for: the one that is loaded, unless it has changed on disk."""
        from titletui.models.registry import find_model

        if self._engine is not None and self._loaded is not None:
            info = find_model(self._home, request.model)
            if self._loaded == (str(info.path), _changed(info.path)):
                return self._engine
        self._drop()
        if "torch" not in sys.modules:
            self._say(Loading(id=request.id, what="starting PyTorch"))
        from titletui.generation.engine import open_engine

        self._say(Loading(id=request.id, what=f"loading {request.model}"))

        engine = open_engine(
            self._home, request.model, lambda what: self._say(Loading(id=request.id, what=what))
        )
        # Loading takes more memory than the model that is made.
        _give_back_memory()
        self._engine = engine
        self._loaded = (str(engine.info.path), _changed(engine.info.path))
        return engine

    def _leave_gpu_to_runs(self) -> None:
        """Frees the GPU while a run trains and nobody asks for titles."""
        if self._engine is None or not self._engine.on_gpu:
            return
        if any(job.state.alive for job in list_jobs(self._home.jobs, "run")):
            self._drop()

    def _drop(self) -> None:
        """Gives the model's memory back to the system."""
        if self._engine is None:
            return
        self._engine = None
        self._loaded = None
        gc.collect()
        import torch

        torch.cuda.empty_cache()
        _give_back_memory()

    def _say(self, answer: Answer) -> None:
        line = msgspec.json.encode(answer) + b"\n"
        while line:
            line = line[os.write(self._answers, line) :]


def main() -> int:
    """Serves standard input; ends well where nobody reads the answers any more."""
    os.umask(0o077)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    answers = os.dup(1)
    os.dup2(2, 1)
    idle = float(os.environ.get("TITLETUI_IDLE_SECONDS", IDLE_SECONDS))
    server = Server(answers, idle)
    threading.Thread(target=server.read, args=[0], daemon=True).start()
    try:
        return server.work()
    except BrokenPipeError:
        return 0


def _changed(folder: Path | None) -> float:
    """When the weights in a model's folder were last written."""
    if folder is None:
        return 0.0
    with contextlib.suppress(OSError):
        return max((path.stat().st_mtime for path in folder.glob("*.safetensors")), default=0.0)
    return 0.0


def _give_back_memory() -> None:
    """Returns what was freed to the system, where the C library can (glibc)."""
    with contextlib.suppress(OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).malloc_trim(0)


def _explained(error: Exception) -> str:
    # torch's own error is told by its name, as torch may not be loaded yet.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "There is not enough memory; ask for fewer titles or take a smaller model."
    reason = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    return f"Generating failed ({reason})."


def _id_in(line: bytes) -> int:
    try:
        found = msgspec.json.decode(line).get("id")
    except (msgspec.MsgspecError, AttributeError):
        return 0
    return found if isinstance(found, int) else 0


if __name__ == "__main__":
    # os._exit: threads of the model's libraries must not keep a server that is done.
    code = main()
    sys.stderr.flush()
    os._exit(code)
