"""What a run would be, before it is started: examples, tokens, steps, memory, time.

`python -m titletui.training.estimate` reads a `Question` from standard input and writes `Forecast`s
to standard output, one JSON object a line: first what the tokenizer says, then, after a few steps
on this device, what memory and time they take. It changes nothing.
"""

import itertools
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from titletui.corpus.paper import Paper
from titletui.errors import TitletuiError
from titletui.jobs.launch import worker_environment
from titletui.training.launch import memory_check
from titletui.training.launch.launch_env import variables
from titletui.training.recipe import Recipe

if TYPE_CHECKING:
    from titletui.training.data.dataset import TrainingSet

SAMPLE = 20_000
SHOWN = 3
_STEPS = 4
_LONGEST = 20.0
_NEW_TOKENIZER = 2_000
_GLANCE = 0.5


class Question(msgspec.Struct, frozen=True):
    """A run that is thought of; `papers` are as for `prepare_run`."""

    corpus: str
    recipe: Recipe
    papers: tuple[Paper, ...] | None = None


class Forecast(msgspec.Struct, kw_only=True):
    """What a run would be.

    Attributes:
        examples, heldout: sequences to train on, and to be measured on.
        left_out: papers that give no example.
        tokens: title tokens in an epoch.
        shown: the first examples as (prompt, what is to be written).
        about: the numbers are those of a sample of the corpus, scaled up.
        memory, free: bytes that it takes and that there are; 0 where that is not known.
        seconds: for all steps, without evaluations.
        note: why something is not known.
        problem: why it cannot be, and what would; empty where it can.
    """

    examples: int = 0
    heldout: int = 0
    left_out: int = 0
    tokens: int = 0
    steps: int = 0
    epochs: float = 0.0
    shown: list[tuple[str, str]] = []
    about: bool = False
    parameters: int = 0
    memory: int = 0
    free: int = 0
    seconds: float | None = None
    device: str = ""
    note: str = ""
    problem: str = ""


def ask(question: Question) -> Forecast:
    """All that there is to know of a run, from a process of its own; takes half a minute at most.

    Raises:
        TitletuiError: that process failed.
    """
    asked = msgspec.json.encode(question)
    done = subprocess.run(command(), input=asked, capture_output=True, env=environment())
    answers = done.stdout.splitlines()
    if not answers:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or ["no reason"])[-1]
        raise TitletuiError(f"The run cannot be estimated ({last[:200]}).")
    return msgspec.json.decode(answers[-1], type=Forecast)


def environment() -> dict[str, str]:
    """The variables of the process that answers: those of a worker, so that it is as fast."""
    return worker_environment("run", variables(1))


def command() -> list[str]:
    """The process that answers."""
    return [sys.executable, "-P", "-m", "titletui.training.estimate"]


def main() -> int:
    """Answers the question on standard input."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=Question)
    forecast = Forecast()
    try:
        for forecast in _answer(question):
            _say(forecast)
    except TitletuiError as error:
        forecast.note = str(error)
    except (MemoryError, RuntimeError) as error:
        if _is_out_of_memory(error):
            forecast.problem = _problem(question.recipe, forecast, 2 * forecast.free)
        forecast.note = f"Trial steps failed: {type(error).__name__} {error}".splitlines()[0][:300]
    else:
        return 0
    _say(forecast)
    return 0


def _end_with(parent: int) -> None:
    """Ends this process when the one that asked is gone, however it went."""
    while os.getppid() == parent:
        time.sleep(_GLANCE)
    os._exit(0)


def _say(forecast: Forecast) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(forecast) + b"\n")
    sys.stdout.buffer.flush()


def _answer(question: Question) -> Iterator[Forecast]:
    from titletui.corpus.store import CorpusStore
    from titletui.models.registry import find_model, load_tokenizer
    from titletui.paths import find_home
    from titletui.training.data.dataset import build

    home, recipe = find_home(), question.recipe
    if question.papers is not None:
        papers = list(question.papers)
        total = len(papers)
    else:
        with CorpusStore(home.corpus_db, read_only=True) as store:
            total = store.summary(question.corpus).papers
            stream = store.papers(question.corpus, abstracts=recipe.wants_abstracts)
            papers = list(itertools.islice(stream, SAMPLE))
    info = None if recipe.base == "new" else find_model(home, recipe.base)
    if info is not None and info.path is None:
        raise TitletuiError(
            f"{recipe.base} is downloaded when the run starts; memory and time are known then."
        )
    if info is None:
        from titletui.training.from_scratch import train_tokenizer

        texts = (paper.title for paper in papers[:_NEW_TOKENIZER])
        tokenizer = train_tokenizer(texts, recipe.vocabulary)
    else:
        assert info.path is not None
        tokenizer = load_tokenizer(info.path)
    data = build(papers, recipe, tokenizer, recipe.max_tokens)
    forecast = _count(recipe, data, tokenizer, total / max(1, len(papers)))
    forecast.parameters = memory_check.parameters(home, recipe)
    yield forecast
    yield _measured(recipe, forecast, info, tokenizer, data)


def _count(recipe: Recipe, data: "TrainingSet", tokenizer: Any, scale: float) -> Forecast:
    from titletui.training.data.dataset import epoch_batches

    per_epoch = len(epoch_batches(data.train, recipe, 0)) * scale / recipe.accumulation
    steps = recipe.steps or max(1, math.ceil(recipe.epochs * per_epoch))
    shown = []
    for row in range(min(SHOWN, len(data.train))):
        sequence, prompt = data.train.sequence(row), int(data.train.prompts[row])
        shown.append((tokenizer.decode(sequence[:prompt]), tokenizer.decode(sequence[prompt:])))
    return Forecast(
        examples=round(len(data.train) * scale),
        heldout=len(data.heldout),
        left_out=round(data.left_out * scale),
        tokens=round(int(data.train.title_tokens.sum()) * scale),
        steps=steps,
        epochs=round(steps / max(per_epoch, 1e-9), 2),
        shown=shown,
        about=scale > 1,
    )


def _measured(
    recipe: Recipe, forecast: Forecast, info: Any, tokenizer: Any, data: "TrainingSet"
) -> Forecast:
    """The forecast with memory and time, from a few real steps on a model that is thrown away."""
    import torch

    from titletui.models import device
    from titletui.models.registry import load_model
    from titletui.training import setup
    from titletui.training.from_scratch import new_model

    where = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    numbers = device.precision(recipe.precision, where)
    torch.set_num_threads(device.threads())
    free = device.free_memory(where)
    forecast.device, forecast.free = device.described(where, numbers, 1), free
    needs = memory_check.needed(recipe, forecast.parameters)
    if needs > free:
        forecast.memory, forecast.problem = needs, _problem(recipe, forecast, needs)
        return forecast
    if info is None:
        model = new_model(recipe, tokenizer)
    else:
        model = load_model(info, merge=False, quantization=recipe.quantization).model
    seconds = _time_steps(recipe, setup.adapted(model, recipe), tokenizer, data, where, numbers)
    forecast.seconds = seconds * recipe.accumulation * forecast.steps
    forecast.memory = device.memory_in_use(where)
    if forecast.memory > free:
        forecast.problem = _problem(recipe, forecast, forecast.memory)
    return forecast


def _problem(recipe: Recipe, forecast: Forecast, needs: int) -> str:
    where = "memory" if "CPU" in forecast.device else "GPU memory"
    return "It" + memory_check.too_large(recipe, forecast.parameters, needs, forecast.free, where)


def _is_out_of_memory(error: BaseException) -> bool:
    from titletui.training.micro_batch import is_out_of_memory

    return is_out_of_memory(error)


def _time_steps(
    recipe: Recipe, model: Any, tokenizer: Any, data: "TrainingSet", where: Any, numbers: str
) -> float:
    """Seconds that a batch takes, the first one left out."""
    import numpy as np
    import torch

    from titletui.training import setup
    from titletui.training.data.dataset import collate, epoch_batches
    from titletui.training.loss import TitleLoss

    module = TitleLoss(model)
    if recipe.quantization == "none":
        module = module.to(where)
    module.train()
    optimizer, _ = setup.optimizer_of(module, recipe)
    took: list[float] = []
    began = time.monotonic()
    for rows in epoch_batches(data.train, recipe, 0)[:_STEPS]:
        start = time.monotonic()
        batch = collate(data.train, rows, tokenizer.eos_token_id)
        inputs = torch.from_numpy(np.ascontiguousarray(batch.inputs)).to(where)
        counted = torch.from_numpy(batch.counted).to(where)
        targets = torch.from_numpy(batch.targets).to(where)
        with torch.autocast(where.type, torch.bfloat16, enabled=numbers == "bf16"):
            loss = module(inputs, counted, targets) / max(1, len(targets))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        took.append(time.monotonic() - start)
        if time.monotonic() - began > _LONGEST:
            break
    return sum(took[1:]) / len(took[1:]) if len(took) > 1 else took[0]


if __name__ == "__main__":
    raise SystemExit(main())
