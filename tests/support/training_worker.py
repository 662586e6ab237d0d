"""Workers of runs, forked from one process that has loaded torch already, with faults put in.

A worker of its own takes three seconds to import torch and transformers. These run the same code,
`run_worker(train)`, in a fork of a server process, in a tenth of that.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from titletui.jobs import process_lock
from titletui.jobs.job import Job

_PRELOAD = [
    "titletui.training.trainer",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.gpt2.modeling_gpt2",
    "tests.support.training_worker",
]


def start_worker(job: Job, fault: str = "") -> BaseProcess:
    """Starts a worker on a prepared run; `fault` is `NAME` or `NAME:ARGUMENT` of `FAULTS`."""
    job.prepare()
    process = _server().Process(target=_work, args=(str(job.path), dict(os.environ), fault))
    process.start()
    assert process.pid is not None
    job.set_launcher(process_lock.identity(process.pid))
    return process


def warm_up() -> None:
    """Waits until the server process has loaded torch."""
    process = _server().Process(target=os.getpid)
    process.start()
    process.join(120)


def _server() -> ForkServerContext:
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    return context


def run_to_end(job: Job, fault: str = "") -> int | None:
    """Starts a worker and waits for it; returns its exit code, negative for a signal."""
    process = start_worker(job, fault)
    process.join(120)
    code = process.exitcode
    process.close()
    return code


def _work(folder: str, environment: dict[str, str], fault: str) -> None:
    from titletui.jobs.worker import run_worker
    from titletui.training.trainer import train

    os.environ.clear()
    os.environ.update(environment, TOKENIZERS_PARALLELISM="false")
    log = os.open(Path(folder) / "log.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if fault:
        name, _, argument = fault.partition(":")
        FAULTS[name](argument)
    code = run_worker(train, [folder])
    sys.stdout.flush()
    os._exit(code)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _put(module: Any, name: str, value: Any) -> None:
    """Replaces a part of a module by one with a fault."""
    setattr(module, name, value)


def _kill_after_stage(stage: str) -> None:
    """SIGKILL right after a stage of the second checkpoint (`state` and `manifest` too)."""
    from titletui.training import checkpoint, manifest

    whole, seen = checkpoint.write, [0]

    def deadly(act: Callable[[Path], None]) -> Callable[[Path], None]:
        def run(path: Path) -> None:
            act(path)
            _kill()

        return run

    def cut_short(path: Path, data: bytes) -> None:
        path.with_name(".MANIFEST-part").write_bytes(data)
        _kill()

    def write(folder: Path, saved: Any, stages: Any) -> Any:
        seen[0] += 1
        if seen[0] < 2:
            return whole(folder, saved, stages)
        if stage == "state":
            _put(manifest, "entry", lambda *_, **__: _kill())
        if stage == "manifest":
            _put(manifest, "write_atomically", lambda *_: _kill())
        if stage == "rename":
            _put(manifest, "write_atomically", cut_short)
        found = {name: deadly(act) if name == stage else act for name, act in stages.items()}
        return whole(folder, saved, found)

    _put(checkpoint, "write", write)


def _at_step(argument: str, act: Callable[[Any], Any]) -> None:
    """Calls `act(run)` before the loss, which it may scale, at the step that `argument` names."""
    from titletui.training.trainer import Trainer

    whole, at = Trainer._losses, int(argument)

    def losses(self: Trainer, examples: Any, rows: Any) -> Any:
        found = None
        if examples is self.state.data.train and self.state.step + 1 == at:
            found = act(self)
        losses = whole(self, examples, rows)
        return losses if found is None else losses * found

    _put(Trainer, "_losses", losses)


def _not_finite(argument: str) -> None:
    step, _, value = argument.partition("=")
    _at_step(step, lambda run: float(value or "nan"))


def _zero(argument: str) -> None:
    _at_step(argument, lambda run: 0.0)


def _out_of_gpu_memory(argument: str) -> None:
    import torch

    def fail(run: Any) -> None:
        if not run.micro_batch_tokens:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    _at_step(argument, fail)


def _broken(argument: str) -> None:
    def fail(run: Any) -> None:
        raise RuntimeError("a kernel is missing")

    _at_step(argument, fail)


def _terminate(argument: str) -> None:
    """SIGTERM, as often as told, in the middle of a step."""
    step, _, times = argument.partition("=")

    def send(run: Any) -> None:
        for _ in range(int(times or "1")):
            os.kill(os.getpid(), signal.SIGTERM)

    _at_step(step, send)


def _terminate_in_checkpoint(argument: str) -> None:
    from titletui.training import checkpoint

    whole = checkpoint.save_optimizer

    def save(path: Path, optimizer: Any, names: list[str]) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        whole(path, optimizer, names)

    _put(checkpoint, "save_optimizer", save)


def _full_disk(stage: str) -> None:
    """No room when the second checkpoint's stage is written, or at some events of the log."""
    from titletui import atomic_write
    from titletui.jobs import event_log
    from titletui.training import checkpoint, export, manifest

    calls = [0]
    # The token sequences are sealed before the first checkpoint is.
    second = 3 if stage == "manifest" else 2

    def once(whole: Callable[..., Any]) -> Callable[..., Any]:
        def act(*arguments: Any, **more: Any) -> Any:
            calls[0] += 1
            if calls[0] == second:
                raise OSError(28, "No space left on device")
            return whole(*arguments, **more)

        return act

    if stage == "model":
        _put(export, "save_model", once(export.save_model))
    elif stage == "optimizer":
        _put(checkpoint, "save_optimizer", once(checkpoint.save_optimizer))
    elif stage == "manifest":
        _put(manifest, "write_atomically", once(atomic_write.write_atomically))
    else:
        whole = event_log.EventLog.append

        def append(self: event_log.EventLog, event: Any) -> None:
            calls[0] += 1
            if 20 <= calls[0] < 25:
                raise OSError(28, "No space left on device")
            whole(self, event)

        _put(event_log.EventLog, "append", append)


def _read_only(_: str) -> None:
    """From the second checkpoint on nothing can be written beside the log."""
    from titletui.training import checkpoint, export

    whole, calls = checkpoint.write, [0]

    def write(*arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] > 1:
            raise OSError(30, "Read-only file system")
        return whole(*arguments)

    def refuse(*_: Any) -> None:
        raise OSError(30, "Read-only file system")

    _put(checkpoint, "write", write)
    _put(export, "write_finished", refuse)


def _clock(argument: str) -> None:
    """Moves the clock by so many seconds at step 10."""
    import time

    real, shift = time.time, float(argument)
    moved = [0.0]
    _put(time, "time", lambda: real() + moved[0])

    def move(run: Any) -> None:
        moved[0] = shift

    _at_step("10", move)


def _leave_child(path: str) -> None:
    """A child that outlives the worker, forked while it holds the lock; its pid is in `path`."""

    def fork(run: Any) -> None:
        child = os.fork()
        if child == 0:
            signal.pause()
        part = Path(path + ".part")
        part.write_text(str(child))
        part.rename(path)
        signal.pause()

    _at_step("2", fork)


def _no_tokenising(_: str) -> None:
    """Token sequences cannot be made."""
    from titletui.training import setup

    def refuse(*_: Any) -> None:
        raise AssertionError("tokenised again")

    _put(setup, "build", refuse)


FAULTS: dict[str, Callable[[str], None]] = {
    "kill-after": _kill_after_stage,
    "not-finite": _not_finite,
    "zero": _zero,
    "out-of-gpu-memory": _out_of_gpu_memory,
    "broken": _broken,
    "terminate": _terminate,
    "terminate-in-checkpoint": _terminate_in_checkpoint,
    "full-disk": _full_disk,
    "read-only": _read_only,
    "clock": _clock,
    "leave-child": _leave_child,
    "no-tokenising": _no_tokenising,
}

__all__ = ["FAULTS", "run_to_end", "start_worker", "warm_up"]
