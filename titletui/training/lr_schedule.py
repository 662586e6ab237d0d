"""The learning rate of each step."""

import math

from titletui.training.recipe import Recipe


def lr_at(recipe: Recipe, step: int, steps: int) -> float:
    """The learning rate of `step`, 1…`steps`.

    Linear warm-up over `warmup_steps`, then by `schedule`: constant; linear to 0; cosine to a tenth
    of the peak; step-decay, the peak times `decay` for each `decay_every` steps passed.
    """
    peak = recipe.learning_rate
    warmup = min(recipe.warmup_steps, steps // 2)
    if step <= warmup:
        return peak * step / (warmup + 1)
    if recipe.schedule == "constant":
        return peak
    if recipe.schedule == "step-decay":
        return float(peak * recipe.decay ** ((step - 1) // recipe.decay_every))
    progress = (step - warmup - 1) / max(1, steps - warmup)
    if recipe.schedule == "linear":
        return peak * (1 - progress)
    return peak * (0.1 + 0.9 * (1 + math.cos(math.pi * progress)) / 2)
