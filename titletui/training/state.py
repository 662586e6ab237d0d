"""What a trainer knows: the parts of its run, how far it is, and the figures of the last step."""

import math
from dataclasses import dataclass, field
from typing import Any

from titletui.jobs.worker import JobContext
from titletui.training.copies import NearTitles
from titletui.training.data.dataset import Integers, TrainingSet
from titletui.training.overfit import OverfitMonitor, StepLoss
from titletui.training.recipe import Recipe
from titletui.training.run_spec import RunSpec


@dataclass
class TrainerState:
    """The state that the training loop changes and its hooks read.

    Attributes:
        module: the `TitleLoss` of the model, as accelerate prepared it.
        parameter_names: of the optimizer's parameters, in its order.
        max_length: tokens of the longest sequence.
        steps: optimizer steps of the whole run.
        window: steps whose mean loss is judged.
        probe: rows of training titles whose loss is measured in evaluation mode.
        step: the last optimizer step that was completed.
        loss: the loss of that step, its memorization floor and its title tokens.
        probe_excess: the newest loss of the probe above its memorization floor.
        tokens_per_second, seconds_per_step: smoothed.
        near_titles: the training titles, once they were needed to find near-copies.
    """

    job: JobContext
    spec: RunSpec
    accelerator: Any
    module: Any
    optimizer: Any
    parameter_names: list[str]
    tokenizer: Any
    data: TrainingSet
    max_length: int
    steps: int
    window: int
    probe: Integers
    step: int = 0
    monitor: OverfitMonitor = field(default_factory=OverfitMonitor)
    loss: StepLoss = field(default_factory=lambda: StepLoss(0.0, 0.0, 0))
    probe_excess: float = math.nan
    grad_norm: float = math.nan
    lr: float = 0.0
    tokens_per_second: float = 0.0
    seconds_per_step: float = 0.0
    near_titles: NearTitles | None = None

    @property
    def recipe(self) -> Recipe:
        return self.spec.recipe

    @property
    def model(self) -> Any:
        """The model itself, without the loss and the wrappers of several processes."""
        return self.accelerator.unwrap_model(self.module).model
