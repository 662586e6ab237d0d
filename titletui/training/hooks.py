"""What happens between the steps of a run: events, previews, checkpoints, the end."""

import math
from pathlib import Path

import torch

from titletui.errors import TitletuiError
from titletui.jobs.events import (
    Diverged,
    Heldout,
    HeldoutRising,
    Note,
    Overfit,
    Preview,
    Saved,
    Step,
)
from titletui.jobs.job import JobResult
from titletui.jobs.worker import EXIT_FAILED
from titletui.models import device
from titletui.training import checkpoint, evaluation, export
from titletui.training.checkpoint import Checkpoint, SavedState
from titletui.training.data import token_cache
from titletui.training.manifest import damage
from titletui.training.samples import sample_titles
from titletui.training.state import TrainerState

_SMOOTHING = 0.9


def report_step(state: TrainerState, seconds: float) -> bool:
    """Emit the figures of a step; return whether the run became overfit with it."""
    overfit = state.monitor.add_training_loss(state.step, state.loss, state.threshold)
    speed = state.tokens / max(seconds, 1e-9)
    state.tokens_per_second = _smoothed(state.tokens_per_second, speed)
    state.seconds_per_step = _smoothed(state.seconds_per_step, seconds)
    state.job.emit(
        Step(
            step=state.step,
            loss=round(state.loss, 6),
            average=round(state.monitor.average.value, 6),
            rate=state.lr,
            norm=round(state.grad_norm, 4),
            tokens=state.tokens,
            speed=round(state.tokens_per_second, 1),
            eta=round(state.seconds_per_step * (state.steps - state.step), 1),
            memory=device.memory_in_use(state.accelerator.device),
        )
    )
    return overfit


def _smoothed(average: float, value: float) -> float:
    return _SMOOTHING * average + (1 - _SMOOTHING) * value if average else value


def report_heldout(state: TrainerState, summed: float) -> bool:
    """Emit the held-out loss; return whether it has risen for several evaluations.

    Args:
        summed: over all held-out title tokens.
    """
    heldout, monitor = state.data.heldout, state.monitor
    loss = summed / int(heldout.title_tokens.sum())
    bits = summed / math.log(2) / int(heldout.characters.sum())
    finite = math.isfinite(loss)
    state.job.emit(
        Heldout(
            step=state.step,
            loss=round(loss, 6) if finite else None,
            bits=round(bits, 6) if finite else None,
        )
    )
    rising = state.step > 0 and monitor.add_heldout_loss(state.step, loss)
    if rising and monitor.best is not None:
        state.job.emit(HeldoutRising(step=state.step, best=monitor.best))
    return rising


def report_overfit(state: TrainerState) -> None:
    """Emit that the average loss fell below the threshold."""
    state.job.emit(
        Overfit(
            step=state.step,
            average=state.monitor.average.value,
            threshold=state.threshold,
            copies=state.monitor.copies,
        )
    )


def report_divergence(state: TrainerState) -> JobResult:
    """Emit that the loss was not finite; earlier checkpoints are kept."""
    step = state.step + 1
    state.job.emit(Step(step=step, loss=None, average=None, rate=0.0))
    state.job.emit(Diverged(step=step))
    return JobResult(
        outcome="failed",
        code=EXIT_FAILED,
        reason=f"diverged at step {step}: the loss was not finite",
        advice="Start again with a lower learning rate; earlier checkpoints are kept.",
    )


def preview(state: TrainerState) -> None:
    """Sample a few titles and measure their copy rate."""
    if not state.accelerator.is_main_process:
        return
    state.module.eval()
    recipe, papers = state.recipe, state.data.heldout_papers
    with state.accelerator.autocast():
        titles = sample_titles(
            state.model, state.tokenizer, recipe, papers, recipe.preview_titles, state.step,
            state.max_length,
        )  # fmt: skip
    state.monitor.copies = state.data.titles.copy_rate(titles)
    state.job.emit(Preview(step=state.step, titles=titles, copies=round(state.monitor.copies, 4)))


def save(state: TrainerState) -> bool:
    """Write a checkpoint; return False where the disk has no room for it, which is reported."""
    accelerator, job = state.accelerator, state.job
    rng_states = {
        name: accelerator.gather(value[None])
        for name, value in checkpoint.rng_states(accelerator.device).items()
    }
    if not accelerator.is_main_process:
        return True
    saved = SavedState(
        step=state.step,
        monitor=state.monitor,
        threads=torch.get_num_threads(),
        speed=state.tokens_per_second,
    )

    def model(path: Path) -> None:
        export.save_model(
            path, state.model, state.tokenizer, state.spec, job.folder.name, state.step
        )

    def optimizer(path: Path) -> None:
        checkpoint.save_optimizer(path, state.optimizer, state.parameter_names)

    def random(path: Path) -> None:
        checkpoint.save_rng(path, rng_states)

    try:
        checkpoint.check_disk_space(job.folder.path, _checkpoint_size(state))
        stages = {"model": model, "optimizer": optimizer, "random": random}
        checkpoint.write(job.folder.checkpoints, saved, stages)
    except OSError as error:
        reason = error.strerror or str(error)
        job.emit(
            Note(
                text=f"The checkpoint of step {state.step} could not be written ({reason}); the "
                "older ones are kept.",
                level="error",
            )
        )
        return False
    job.emit(Saved(step=state.step))
    checkpoint.prune(job.folder.checkpoints, state.recipe.keep, state.monitor.best)
    return True


def _checkpoint_size(state: TrainerState) -> int:
    """Bytes of a checkpoint: the saved weights, and two moments of the trained ones."""
    parameters = list(state.model.parameters())
    trained = sum(int(p.numel()) for p in parameters if p.requires_grad)
    lora = state.recipe.method == "lora"
    return 4 * (2 * trained + (trained if lora else sum(int(p.numel()) for p in parameters)))


def finish(state: TrainerState, reason: str = "") -> JobResult:
    """Write the last checkpoint and the finished model, and evaluate it."""
    saved = save(state)
    job = state.job
    if state.accelerator.is_main_process:
        state.module.eval()
        try:
            export.write_finished(
                job.folder, state.spec, state.model, state.tokenizer, state.step,
                _best_checkpoint(state),
            )  # fmt: skip
        except OSError as error:
            kept = "the last checkpoint is kept" if saved else "no checkpoint of it is left"
            raise TitletuiError(
                f"The finished model could not be written ({error.strerror or error}; {kept}); "
                "free some space, then resume."
            ) from error
        with state.accelerator.autocast():
            figures = evaluation.figures(
                state.model, state.tokenizer, state.recipe, state.data, state.step,
                state.max_length,
            )  # fmt: skip
        job.emit(figures)
    state.accelerator.wait_for_everyone()
    token_cache.delete(job.folder.path)
    return JobResult(outcome="done", reason=reason)


def _best_checkpoint(state: TrainerState) -> Checkpoint | None:
    """The checkpoint that is to be the finished model in place of the last step."""
    best = state.monitor.best
    if not state.recipe.early_stop or best is None or best == state.step:
        return None
    path = state.job.folder.checkpoints / f"step-{best:06d}"
    return Checkpoint(best, path) if not damage(path) else None
