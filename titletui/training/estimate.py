"""Estimate a run before it is started: examples, tokens, steps, memory, time.

`python -m titletui.training.estimate` reads a `Question` from standard input and writes `Forecast`s
to standard output, one JSON object a line: first the counts of tokens and steps, then also the
memory and time of a few steps on this device. It changes nothing.
"""

import itertools
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
from titletui.training.launch.launch_env import rank_environment
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
    """The run to estimate; `papers` as for `prepare_run`."""

    corpus: str
    recipe: Recipe
    papers: tuple[Paper, ...] | None = None


class Forecast(msgspec.Struct, kw_only=True):
    """The estimate of a run.

    Attributes:
        examples, heldout: sequences to train and to evaluate on.
        left_out: papers that give no example.
        tokens: title tokens in an epoch.
        shown: the first examples as (prompt, target).
        about: the numbers are scaled up from a sample of the corpus.
        memory, free: bytes needed and available; 0 where that is not known.
        seconds: for all steps, without evaluations.
        note: why something is not known.
        problem: why the run cannot start, and what would help; empty where it can.
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
    """Estimate a run in a process of its own; takes half a minute at most.

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
    """Environment of the estimating process: a worker's, so that its steps take as long."""
    return worker_environment("run", rank_environment(1))


def command() -> list[str]:
    """Command of the estimating process."""
    return [sys.executable, "-P", "-m", "titletui.training.estimate"]


def main() -> int:
    """Answer the question on standard input."""
    threading.Thread(target=_exit_with_parent, args=(os.getppid(),), daemon=True).start()
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


def _exit_with_parent(parent: int) -> None:
    """End this process when its parent has ended, however that happened."""
    while os.getppid() == parent:
        time.sleep(_GLANCE)
    os._exit(0)


def _say(forecast: Forecast) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(forecast) + b"\n")
    sys.stdout.buffer.flush()


def _answer(question: Question) -> Iterator[Forecast]:
    from titletui.corpus.store import CorpusStore
    from titletui.models.loading import load_tokenizer
    from titletui.models.registry import find_model
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
    from titletui.training import setup
    from titletui.training.data.batching import epoch_batches

    per_epoch = len(epoch_batches(data.train, recipe, 0)) * scale
    steps = setup.count_steps(recipe, per_epoch)
    shown = []
    for row in range(min(SHOWN, len(data.train))):
        sequence, prompt = data.train.sequence(row), int(data.train.prompt_lengths[row])
        shown.append((tokenizer.decode(sequence[:prompt]), tokenizer.decode(sequence[prompt:])))
    return Forecast(
        examples=round(len(data.train) * scale),
        heldout=len(data.heldout),
        left_out=round(data.left_out * scale),
        tokens=round(int(data.train.title_tokens.sum()) * scale),
        steps=steps,
        epochs=round(steps * recipe.accumulation / max(per_epoch, 1e-9), 2),
        shown=shown,
        about=scale > 1,
    )


def _measured(
    recipe: Recipe, forecast: Forecast, info: Any, tokenizer: Any, data: "TrainingSet"
) -> Forecast:
    """Add memory and time of a few real steps on a model that is thrown away."""
    import torch

    from titletui.models import device
    from titletui.models.loading import load_model
    from titletui.training import setup
    from titletui.training.from_scratch import new_model

    where = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    numbers = device.resolve_precision(recipe.precision, where)
    torch.set_num_threads(device.threads())
    free = device.free_memory(where)
    forecast.device, forecast.free = device.describe_device(where, numbers, 1), free
    needs = memory_check.needed(recipe, forecast.parameters)
    if needs > free:
        forecast.memory, forecast.problem = needs, _problem(recipe, forecast, needs)
        return forecast
    if info is None:
        model = new_model(recipe, tokenizer)
    else:
        model = load_model(info, merge=False, quantization=recipe.quantization).model
    seconds = _time_steps(
        recipe, setup.add_adapters(model, recipe), tokenizer, data, where, numbers
    )
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
    """Seconds a batch, without the first one."""
    import torch

    from titletui.training import setup
    from titletui.training.data.batching import collate, epoch_batches
    from titletui.training.loss import TitleLoss

    module = TitleLoss(model)
    if recipe.quantization == "none":
        module = module.to(where)
    module.train()
    optimizer, _ = setup.make_optimizer(module, recipe)
    took: list[float] = []
    began = time.monotonic()
    for rows in epoch_batches(data.train, recipe, 0)[:_STEPS]:
        start = time.monotonic()
        batch = collate(data.train, rows, tokenizer.eos_token_id, where)
        with torch.autocast(where.type, torch.bfloat16, enabled=numbers == "bf16"):
            loss = module(batch)[0] / max(1, len(batch.targets))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        took.append(time.monotonic() - start)
        if time.monotonic() - began > _LONGEST:
            break
    return sum(took[1:]) / len(took[1:]) if len(took) > 1 else took[0]


if __name__ == "__main__":
    raise SystemExit(main())
