"""Whether a run fits into this machine, asked before it is made."""

import psutil

from titletui.errors import TitletuiError
from titletui.home import Home
from titletui.jobs.folder import State, list_jobs
from titletui.training import gpu, safety
from titletui.training.base_models import find_model
from titletui.training.recipe import Recipe
from titletui.training.run_view import RunView

# Weights, gradients and two moments, four bytes each; with LoRA the weights and a little.
_FULL, _LORA = 16, 5


def check_room(home: Home, recipe: Recipe) -> None:
    """Makes sure that the memory suffices and that no other run has the GPU.

    Raises:
        TitletuiError: it cannot be; the sentence says what would.
    """
    found = gpu.gpus()
    if found:
        _refuse_second(home)
        free, where = max(one.free for one in found), "GPU memory"
    else:
        free, where = int(psutil.virtual_memory().available), "memory"
    count = parameters(home, recipe)
    needs = count * (_FULL if recipe.method == "full" else _LORA)
    if needs > free:
        lora = "method=lora, " if recipe.method == "full" and recipe.base != "new" else ""
        raise TitletuiError(
            f"A model of {count / 1e6:,.0f} million parameters needs about {needs / 1e9:.1f} GB of "
            f"{where} to train, and {free / 1e9:.1f} GB are free: take {lora}a smaller base model, "
            "or a machine with more."
        )


def parameters(home: Home, recipe: Recipe) -> int:
    """How many parameters the recipe's model has; 0 where that is not known yet."""
    if recipe.base == "new":
        embeddings = (recipe.vocabulary + recipe.context) * recipe.width
        return embeddings + 12 * recipe.layers * recipe.width**2
    info = find_model(home, recipe.base)
    while info.adapter:
        info = find_model(home, info.base)
    return safety.read_weights(info.path).parameters if info.path else 0


def _refuse_second(home: Home) -> None:
    """Two runs on one GPU slow each other down, or end each other."""
    for job in list_jobs(home.jobs, "run"):
        if job.state not in (State.QUEUED, State.RUNNING, State.STOPPING):
            continue
        view = RunView(job)
        view.refresh()
        if "CPU" not in view.device:
            raise TitletuiError(
                f"The run {job.name} has the GPU; stop it or wait until it is done."
            )
