"""What a trainer knows: the parts of its run, how far it is, and the figures of the last step."""

import math
from dataclasses import dataclass, field
from typing import Any

from titletui.jobs.worker import JobContext
from titletui.training.data.dataset import TrainingSet
from titletui.training.overfit import OverfitMonitor
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
        threshold: the average loss under which the run is overfit; 0 turns the rule off.
        step: the last optimizer step that was completed.
        loss: of that step, nats per title token.
        tokens: title tokens in it.
        tokens_per_second, seconds_per_step: smoothed.
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
    threshold: float
    step: int = 0
    monitor: OverfitMonitor = field(default_factory=OverfitMonitor)
    loss: float = math.nan
    grad_norm: float = math.nan
    lr: float = 0.0
    tokens: int = 0
    tokens_per_second: float = 0.0
    seconds_per_step: float = 0.0

    @property
    def recipe(self) -> Recipe:
        return self.spec.recipe

    @property
    def model(self) -> Any:
        """The model itself, without the loss and the wrappers of several processes."""
        return self.accelerator.unwrap_model(self.module).model
