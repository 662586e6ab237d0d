"""Refuse a run that does not fit this machine before its folder is created."""

import contextlib
import fcntl
from collections.abc import Iterator

import msgspec
import psutil

from titletui.errors import TitletuiError
from titletui.jobs.job import State, list_jobs
from titletui.models import gpu, validation
from titletui.models.registry import find_model, resolve_adapter_chain
from titletui.paths import Home, private_folder
from titletui.training.recipe import Recipe
from titletui.training.run_history import RunView

# Bytes a parameter: weights, gradients and two moments in float32; with LoRA the frozen weights,
# and what the adapters and the activations add.
_FULL, _ADAPTERS = 16.0, 1.0
_FROZEN = {"none": 4.0, "8bit": 1.1, "4bit": 0.6}


def check_memory(home: Home, recipe: Recipe, processes: int = 1) -> None:
    """Check that memory suffices for a run, and that no other run has the GPU.

    Args:
        processes: ranks on this machine; on the CPU each holds the whole model.

    Raises:
        TitletuiError: it does not; the sentence says what would fit.
    """
    found = gpu.gpus()
    if found:
        _refuse_second(home)
        chosen = gpu.freest(processes)
        if len(chosen) < processes:
            count = len(chosen)
            raise TitletuiError(
                f"{processes} process{'es need' if processes > 1 else ' needs'} as many GPUs, and "
                f"there {'is' if count == 1 else 'are'} {count}: take --processes {max(1, count)}."
            )
        free, where = min(one.free for one in chosen), "GPU memory"
    else:
        free, where = int(psutil.virtual_memory().available) // processes, "memory"
    count = parameters(home, recipe)
    if needed(recipe, count) > free:
        raise TitletuiError(
            f"A model of {count / 1e6:,.0f} million parameters"
            f"{too_large(recipe, count, needed(recipe, count), free, where)}"
        )


def needed(recipe: Recipe, count: int) -> int:
    """Bytes that training a model of `count` parameters takes at least."""
    each = _FULL if recipe.method == "full" else _FROZEN[recipe.quantization] + _ADAPTERS
    return int(count * each)


def too_large(recipe: Recipe, count: int, needs: int, free: int, where: str = "memory") -> str:
    """The end of the sentence that says that a run needs too much, and what would fit.

    Args:
        needs, free: bytes.
    """
    return (
        f" needs about {needs / 1e9:.1f} GB of {where} to train, and {free / 1e9:.1f} GB are free: "
        f"take {_what_fits(recipe, count, needs, free, where)}."
    )


def _what_fits(recipe: Recipe, count: int, needs: int, free: int, where: str) -> str:
    options = []
    lora = msgspec.structs.replace(recipe, method="lora")
    if needed(recipe, count) <= free:
        # The model fits; what its batches take does not.
        share = max(0.02, (free - needed(recipe, count)) / max(1, needs - needed(recipe, count)))
        if recipe.batch_tokens:
            options.append(f"batch_tokens={max(64, int(recipe.batch_tokens * share * 0.8))}")
        elif recipe.batch_size > 1:
            options.append(f"batch_size={max(1, int(recipe.batch_size * share * 0.8))}")
    if recipe.method == "full" and recipe.base != "new" and needed(lora, count) <= free:
        options.append(f"method=lora (about {needed(lora, count) / 1e9:.1f} GB)")
    if recipe.base != "new" and where == "GPU memory":
        for bits in ("8bit", "4bit"):
            less = msgspec.structs.replace(lora, quantization=bits)
            if recipe.quantization == "none" and needed(less, count) <= free < needed(lora, count):
                options.append(f"method=lora with quantization={bits}")
                break
    return ", ".join([*options, "a smaller base model", "or a machine with more"])


def parameters(home: Home, recipe: Recipe) -> int:
    """Parameters of the recipe's model; 0 where it has to be downloaded first."""
    if recipe.base == "new":
        embeddings = (recipe.vocabulary + recipe.context) * recipe.width
        return embeddings + 12 * recipe.layers * recipe.width**2
    info = resolve_adapter_chain(home, find_model(home, recipe.base))[-1]
    return validation.read_weights(info.path).parameters if info.path else 0


@contextlib.contextmanager
def lock_gpu(home: Home) -> Iterator[None]:
    """Keep other runs from being started meanwhile, where there is a GPU that they would share.

    Raises:
        TitletuiError: a run uses the GPU already; the sentence names it.
    """
    if not gpu.has_gpu():
        yield
        return
    with (private_folder(home.jobs) / ".gpu").open("ab") as file:
        # Not a POSIX lock: two threads of one app exclude each other, too.
        fcntl.flock(file, fcntl.LOCK_EX)
        _refuse_second(home)
        yield


def _refuse_second(home: Home) -> None:
    """Refuse to start a run beside another one on the same GPU."""
    for job in list_jobs(home.jobs, "run"):
        if not job.state.alive or job.state is State.REMOTE:
            continue
        if job.ticket is not None:
            continue
        view = RunView(job)
        view.refresh()
        if "CPU" not in view.device:
            raise TitletuiError(
                f"The run {job.name} has the GPU; stop it or wait until it is done."
            )
