"""What happens beside the steps of a run: what is said, sampled and written, and how it ends."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from titletui.errors import TitletuiError
from titletui.jobs.events import Diverged, Note, Overfit, Preview, Saved, Step
from titletui.jobs.job import JobResult
from titletui.jobs.worker import EXIT_FAILED
from titletui.models import device
from titletui.training import checkpoint, evaluation
from titletui.training.checkpoint import Checkpoint, TrainerState
from titletui.training.data import token_cache
from titletui.training.manifest import damage
from titletui.training.samples import sample_titles

if TYPE_CHECKING:
    from titletui.training.trainer import Trainer

_SMOOTH = 0.9


def report(run: "Trainer", seconds: float) -> bool:
    """Says how the step went; returns whether the run became overfit with it."""
    overfit = run.watch.trained(run.step, run.loss, run.threshold)
    speed = run.tokens / max(seconds, 1e-9)
    run.speed = speed if not run.speed else _SMOOTH * run.speed + (1 - _SMOOTH) * speed
    run.pace = seconds if not run.pace else _SMOOTH * run.pace + (1 - _SMOOTH) * seconds
    run.job.emit(
        Step(
            step=run.step,
            loss=round(run.loss, 6),
            average=round(run.watch.average.value, 6),
            rate=run.rate,
            norm=round(run.norm, 4),
            tokens=run.tokens,
            speed=round(run.speed, 1),
            eta=round(run.pace * (run.steps - run.step), 1),
            memory=device.memory_in_use(run.device),
        )
    )
    return overfit


def say_overfit(run: "Trainer") -> None:
    """Says that the average loss fell below the threshold."""
    run.job.emit(
        Overfit(
            step=run.step,
            average=run.watch.average.value,
            threshold=run.threshold,
            copies=run.watch.copies,
        )
    )


def preview(run: "Trainer") -> None:
    """Lets the model write a few titles, and counts the copies among them."""
    if not run.accelerator.is_main_process:
        return
    run.module.eval()
    recipe, pairs = run.recipe, run.data.pairs
    with run.accelerator.autocast():
        titles = sample_titles(
            run.model, run.tokenizer, recipe, pairs, recipe.preview_titles, run.step, run.limit
        )
    run.watch.copies = run.data.titles.copies(titles)
    run.job.emit(Preview(step=run.step, titles=titles, copies=round(run.watch.copies, 4)))


def save(run: "Trainer") -> bool:
    """Writes a checkpoint; one that the disk has no room for is left out, and said."""
    states = {
        name: run.accelerator.gather(state[None])
        for name, state in checkpoint.random_state(run.device).items()
    }
    if not run.accelerator.is_main_process:
        return True
    folder, name = run.job.folder.checkpoints, run.job.folder.name
    known = TrainerState(
        step=run.step, watch=run.watch, threads=torch.get_num_threads(), speed=run.speed
    )

    def model(path: Path) -> None:
        evaluation.save_model(path, run.model, run.tokenizer, run.plan, name, run.step)

    def optimizer(path: Path) -> None:
        checkpoint.save_optimizer(path, run.optimizer.optimizer, run.names)

    def random(path: Path) -> None:
        checkpoint.save_random(path, states)

    try:
        checkpoint.check_room(run.job.folder.path, _size(run))
        stages = {"model": model, "optimizer": optimizer, "random": random}
        checkpoint.write(folder, run.step, known, stages)
    except OSError as error:
        why = error.strerror or str(error)
        run.job.emit(
            Note(
                text=f"The checkpoint of step {run.step} could not be written ({why}); the "
                "older ones are kept.",
                level="error",
            )
        )
        return False
    run.job.emit(Saved(step=run.step))
    checkpoint.prune(folder, run.recipe.keep, run.watch.best)
    return True


def _size(run: "Trainer") -> int:
    """Bytes of a checkpoint: the weights, and two moments of those that are trained."""
    parameters = list(run.model.parameters())
    trained = sum(int(p.numel()) for p in parameters if p.requires_grad)
    lora = run.recipe.method == "lora"
    return 4 * (2 * trained + (trained if lora else sum(int(p.numel()) for p in parameters)))


def finished(run: "Trainer", reason: str = "") -> JobResult:
    """Writes the last checkpoint and the finished model, and says what it is like."""
    saved = save(run)
    if run.accelerator.is_main_process:
        early = run.recipe.early_stop and run.watch.best not in (None, run.step)
        best = _best_checkpoint(run) if early else None
        folder = run.job.folder
        run.module.eval()
        pointer = evaluation.fit_pointer(
            run.model, run.tokenizer, run.plan, folder.papers, run.limit
        )
        try:
            evaluation.write_finished(
                folder, run.plan, run.model, run.tokenizer, run.step, best, pointer
            )
        except OSError as error:
            kept = "the last checkpoint is kept" if saved else "no checkpoint of it is left"
            raise TitletuiError(
                f"The finished model could not be written ({error.strerror or error}; {kept}); "
                "free some space, then resume."
            ) from error
        with run.accelerator.autocast():
            figures = evaluation.figures(
                run.model, run.tokenizer, run.recipe, run.data, run.step, run.limit, pointer
            )
        run.job.emit(figures)
    run.accelerator.wait_for_everyone()
    token_cache.drop(run.job.folder.path)
    return JobResult(outcome="done", reason=reason)


def _best_checkpoint(run: "Trainer") -> Checkpoint | None:
    best = run.watch.best or 0
    path = run.job.folder.checkpoints / f"step-{best:06d}"
    return Checkpoint(best, path) if not damage(path) else None


def diverged(run: "Trainer") -> JobResult:
    """Says that the loss was no number; the checkpoints before it are kept."""
    step = run.step + 1
    run.job.emit(Step(step=step, loss=None, average=None, rate=0.0))
    run.job.emit(Diverged(step=step))
    return JobResult(
        outcome="failed",
        code=EXIT_FAILED,
        reason=f"diverged at step {step}: the loss was not finite",
        advice="Start again with a lower learning rate; earlier checkpoints are kept.",
    )
