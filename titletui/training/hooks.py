"""What happens between the steps of a run: events, previews, checkpoints, the end."""

import math
import os
from pathlib import Path
from typing import Any

import torch

from titletui.errors import TitletuiError
from titletui.jobs.events import (
    Copying,
    Diverged,
    Heldout,
    HeldoutRising,
    Note,
    Overfit,
    Preview,
    Probe,
    Saved,
    Started,
    Step,
)
from titletui.jobs.job import JobResult
from titletui.jobs.worker import EXIT_FAILED
from titletui.models import device
from titletui.training import checkpoint, evaluation, export, setup
from titletui.training.checkpoint import Checkpoint, SavedState
from titletui.training.copies import NearTitles
from titletui.training.data import token_cache
from titletui.training.data.frozen_papers import in_split, read_papers
from titletui.training.manifest import damage
from titletui.training.overfit import MIN_SAMPLED
from titletui.training.samples import sample_titles
from titletui.training.state import TrainerState

_SMOOTHING = 0.9


def report_start(state: TrainerState) -> None:
    """Emit what is known before the first step."""
    margin, floor = state.recipe.overfit_below, state.data.memorization_floor
    state.job.emit(
        Started(
            pid=os.getpid(),
            step=state.step,
            steps=state.steps,
            threshold=round(margin + floor, 4) if margin else 0.0,
            floor=round(floor, 4),
            device=setup.describe_device(state.accelerator, state.recipe),
        )
    )


def report_step(state: TrainerState, seconds: float) -> bool:
    """Emit the metrics of a step; return whether the titles are memorized with it."""
    loss, monitor, window = state.loss, state.monitor, state.monitor.window
    memorized = monitor.add_step(state.step, loss, state.window, state.recipe.overfit_below)
    speed = loss.tokens / max(seconds, 1e-9)
    state.tokens_per_second = _smoothed(state.tokens_per_second, speed)
    state.seconds_per_step = _smoothed(state.seconds_per_step, seconds)
    state.job.emit(
        Step(
            step=state.step,
            loss=round(loss.loss / loss.tokens, 6),
            average=round(window.mean, 6),
            excess=round(window.excess, 6),
            rate=state.lr,
            norm=round(state.grad_norm, 4),
            tokens=loss.tokens,
            speed=round(state.tokens_per_second, 1),
            eta=round(state.seconds_per_step * (state.steps - state.step), 1),
            memory=device.memory_in_use(state.accelerator.device),
        )
    )
    return memorized


def _smoothed(average: float, value: float) -> float:
    return _SMOOTHING * average + (1 - _SMOOTHING) * value if average else value


def report_probe(state: TrainerState, summed: float) -> bool:
    """Emit the loss of the probe; return whether the titles are memorized with it.

    Args:
        summed: over the title tokens of the probe, nats.
    """
    tokens = int(state.data.train.title_tokens[state.probe].sum())
    loss = summed / tokens
    excess = loss - float(state.data.floors[state.probe].sum()) / tokens
    if not math.isfinite(loss):
        return False
    state.probe_excess = excess
    state.job.emit(Probe(step=state.step, loss=round(loss, 6), excess=round(excess, 6)))
    return state.monitor.add_probe(state.step, excess, state.recipe.overfit_below)


def report_heldout(state: TrainerState, summed: float) -> bool:
    """Emit the held-out loss; return whether it was not improved for several evaluations.

    Args:
        summed: over all held-out title tokens, nats.
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
    rising = monitor.add_heldout(state.step, loss)
    if rising and (lowest := monitor.best_or_base):
        best, best_loss = lowest
        state.job.emit(HeldoutRising(step=state.step, loss=loss, best=best, best_loss=best_loss))
    return rising


def rising_reason(state: TrainerState) -> str:
    """Why a run ends whose held-out loss is not improved any more."""
    best = state.monitor.best_or_base
    if best is None or best[0] == 0:
        return "training never improved the held-out loss: the base model is better"
    return f"the held-out loss rises since step {best[0]}"


def report_overfit(state: TrainerState, *, probe: bool) -> float:
    """Emit that the training titles are memorized; return the loss above their floor.

    Args:
        probe: the probe showed it, not the mean of the last steps.
    """
    monitor = state.monitor
    excess = state.probe_excess if probe else monitor.window.excess
    margin, floor = state.recipe.overfit_below, state.data.memorization_floor
    state.job.emit(
        Overfit(
            step=state.step,
            average=monitor.window.mean,
            threshold=round(margin + floor, 4),
            copies=monitor.copies,
            excess=round(excess, 6),
            probe=probe,
        )
    )
    return excess


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
    """Sample some titles and count copies and near-copies of training titles among them."""
    if not state.accelerator.is_main_process:
        return
    state.module.eval()
    recipe, monitor = state.recipe, state.monitor
    # Titles of one prompt are sampled side by side; enough of them tell the rate of copies.
    count = recipe.preview_titles
    if recipe.task in ("title", "year-to-title"):
        count = max(count, MIN_SAMPLED)
    with state.accelerator.autocast():
        titles = sample_titles(
            state.model, state.tokenizer, recipe, state.data.heldout_papers, count, state.step,
            state.max_length,
        )  # fmt: skip
    copied = [title in state.data.titles for title in titles]
    near = [
        not copy and recipe.task != "abstract" and title in _near_titles(state)
        for title, copy in zip(titles, copied, strict=True)
    ]
    sampled = len(titles)
    copying = monitor.add_preview(
        state.step, sum(copied) / max(1, sampled), sum(near) / max(1, sampled), sampled
    )
    rates: dict[str, Any] = {
        "copies": round(monitor.copies, 4), "near": round(monitor.near, 4), "sampled": sampled,
    }  # fmt: skip
    shown = titles[: recipe.preview_titles]
    state.job.emit(Preview(step=state.step, titles=shown, **rates))
    if copying and monitor.copying_since is not None:
        state.job.emit(Copying(step=state.step, since=monitor.copying_since, **rates))


def _near_titles(state: TrainerState) -> NearTitles:
    """The training titles, read from the frozen papers when they are first needed."""
    if state.near_titles is None:
        share = state.recipe.heldout
        papers = read_papers(state.job.folder.papers, state.spec.sha256)
        state.near_titles = NearTitles(
            paper.title for paper in papers if not in_split(paper, share, "heldout")
        )
    return state.near_titles


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
            metrics = evaluation.evaluate(state)
        job.emit(metrics)
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
