"""The worker of a run: `python -m titletui.training.train FOLDER`.

Reads top to bottom: what the run is, the loop, a step, what happens beside the steps, how it ends.
It resumes from the newest whole checkpoint in its folder; on the CPU the weights at the end are
the same, bit for bit, as those of an undisturbed run. Started by torchrun, several processes share
each batch; only the first one writes.
"""

import contextlib
import math
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from titletui.errors import TitletuiError
from titletui.jobs.events import (
    AnyEvent,
    Diverged,
    Heldout,
    Note,
    Overfit,
    Preview,
    Rising,
    Saved,
    Started,
    Step,
)
from titletui.jobs.folder import Exit, JobFolder
from titletui.jobs.worker import EXIT_FAILED, Job, run_worker
from titletui.training import checkpoint, device, finish, prepare, slices
from titletui.training.checkpoint import Checkpoint, Remembered
from titletui.training.examples import Examples, Integers, collate, cut, epoch_batches
from titletui.training.loss import TitleLoss
from titletui.training.overfit import Watch
from titletui.training.plan import Plan
from titletui.training.preview import sample_titles
from titletui.training.schedule import rate_at

_SMOOTH = 0.9
_RETURN_MEMORY = 100


class DivergedError(Exception):
    """The loss or the gradient was not finite."""


def train(job: Job) -> Exit:
    """Trains as the plan in the job's folder says; returns how it ended."""
    run: Run | None = None
    try:
        run = Run(job, job.folder.work(Plan))
        return run.go()
    except prepare.StoppedError:
        return Exit(outcome="stopped", reason="stopped before the first step")
    except (torch.OutOfMemoryError, RuntimeError, MemoryError) as error:
        step = run.step + 1 if run else 0
        ended = slices.out_of_memory(job.folder, error, step) or slices.lost_process(error, step)
        if ended is None:
            raise
        return ended


class Run:
    """One run: its model, optimizer and data, and how far it is."""

    def __init__(self, job: Job, plan: Plan) -> None:
        self.job, self.plan, self.recipe = job, plan, plan.recipe
        on_cpu = not torch.cuda.is_available()
        numbers = device.precision(self.recipe.precision, torch.device("cpu" if on_cpu else "cuda"))
        self.accelerator = Accelerator(
            cpu=on_cpu, mixed_precision="bf16" if numbers == "bf16" else "no"
        )
        self.device = self.accelerator.device
        with self.accelerator.main_process_first():
            found = checkpoint.newest_whole(
                job.folder.checkpoints, lambda text: job.emit(Note(text=text, level="warning"))
            )
            known = checkpoint.remembered(found) if found else None
            torch.set_num_threads(known.threads if known else device.threads())
            torch.manual_seed(self.recipe.seed + self.accelerator.process_index)
            loaded = prepare.load(job, plan, found)
        self.tokenizer = loaded.tokenizer
        self.limit = prepare.longest(loaded.model, self.recipe)
        self.data = prepare.read(job, plan, self.tokenizer, self.limit)
        module = TitleLoss(prepare.adapted(loaded.model, self.recipe)).to(self.device)
        optimizer, self.names = prepare.optimizer_of(module, self.recipe)
        self.module, self.optimizer = self.accelerator.prepare(module, optimizer)
        self.threshold = round(self.recipe.overfit_below + self.data.by_heart, 4)
        if not self.recipe.overfit_below:
            self.threshold = 0.0
        self.slice_tokens = slices.slice_tokens(job.folder, self.recipe)
        self.per_epoch = len(epoch_batches(self.data.train, self.recipe, 0))
        self.steps = self.recipe.steps or max(
            1, math.ceil(self.recipe.epochs * self.per_epoch / self.recipe.accumulation)
        )
        self.step, self.watch, self.speed, self.pace = 0, Watch(), 0.0, 0.0
        self.stop_asked = False
        self._epoch: tuple[int, list[Integers]] = (-1, [])
        if found and known:
            checkpoint.load_optimizer(found.path, self.optimizer.optimizer, self.names)
            checkpoint.load_random(found.path, self.accelerator.process_index)
            self.step, self.watch, self.speed = known.step, known.watch, known.speed
        where = device.described(self.device, numbers, self.accelerator.num_processes)
        job.emit(
            Started(
                pid=os.getpid(),
                step=self.step,
                steps=self.steps,
                threshold=self.threshold,
                device=where,
            )
        )

    @property
    def model(self) -> Any:
        return self.accelerator.unwrap_model(self.module).model

    # The loop

    def go(self) -> Exit:
        """Steps until there is no more to do, or somebody asks to stop."""
        if self.step == 0 and len(self.data.heldout):
            self._evaluate()
        while self.step < self.steps:
            began = time.monotonic()
            try:
                self._step()
            except DivergedError:
                return self._diverged()
            finished = self._beside(time.monotonic() - began)
            if finished:
                return finished
        return self._finish("")

    def _beside(self, seconds: float) -> Exit | None:
        """All that happens between two steps; returns how the run ended, if it did."""
        recipe, step, last = self.recipe, self.step, self.step == self.steps
        overfit = self._report(seconds)
        if step % _RETURN_MEMORY == 0:
            device.return_memory()
        rising, better = False, False
        if len(self.data.heldout) and (step % recipe.eval_every == 0 or last):
            rising = self._evaluate()
            better = self.watch.best == step
        if step % recipe.sample_every == 0 or last or overfit:
            self._preview()
        if overfit:
            self._say_overfit()
            if recipe.stop_when_overfit:
                return self._finish(
                    f"average training loss {self.watch.average.value:.3f} below "
                    f"{self.threshold:g} at step {step}"
                )
        if rising and recipe.early_stop:
            return self._finish(f"the held-out loss rises since step {self.watch.best}")
        if last:
            return None
        if self.stop_asked:
            kept = "" if self._save() else "; the last checkpoint could not be written"
            return Exit(outcome="stopped", reason=f"stopped at step {step}{kept}")
        if step % recipe.save_every == 0 or better:
            self._save()
        return None

    def _step(self) -> None:
        """One optimizer step: forward and backward over its batches, then AdamW."""
        number = self.step + 1
        rate = rate_at(self.recipe, number, self.steps)
        for group in self.optimizer.optimizer.param_groups:
            group["lr"] = rate
        self.module.train()
        examples = self.data.train
        processes, rank = self.accelerator.num_processes, self.accelerator.process_index
        batches = self._batches(number)
        tokens = int(sum(examples.title_tokens[rows].sum() for rows in batches))
        mine = [rows[rank::processes] for rows in batches]
        pieces = [p for rows in mine for p in slices.cut(rows, examples, self.slice_tokens)]
        # A process without rows still takes part, with a weight of nothing.
        weight = 1.0 if pieces else 0.0
        pieces = pieces or [batches[0][:1]]
        summed = torch.zeros((), device=self.device)
        for index, rows in enumerate(pieces):
            last = index == len(pieces) - 1
            with contextlib.nullcontext() if last else self.accelerator.no_sync(self.module):
                titles, prompts = self._losses(examples, rows)
                # Processes average their gradients, so that each counts as all of them.
                share = weight * processes / tokens
                self.accelerator.backward(share * (titles + prompts * self.recipe.prompt_weight))
            summed += weight * titles.detach()
        asked = torch.tensor(float(self.job.stopping), device=self.device)
        summed, asked = self.accelerator.reduce(torch.stack([summed, asked])).unbind()
        self.stop_asked = bool(asked > 0)
        self.loss = float(summed) / tokens
        self.norm = float(
            self.accelerator.clip_grad_norm_(self.module.parameters(), self.recipe.grad_clip)
        )
        if not (math.isfinite(self.loss) and math.isfinite(self.norm)):
            raise DivergedError
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step, self.tokens, self.rate = number, tokens, rate

    def _batches(self, step: int) -> list[Integers]:
        """The batches of a step, whatever epoch they are of."""
        found = []
        first = (step - 1) * self.recipe.accumulation
        for number in range(first, first + self.recipe.accumulation):
            epoch, place = divmod(number, self.per_epoch)
            if self._epoch[0] != epoch:
                self._epoch = (epoch, epoch_batches(self.data.train, self.recipe, epoch))
            found.append(self._epoch[1][place])
        return found

    def _losses(self, examples: Examples, rows: Integers) -> tuple[torch.Tensor, torch.Tensor]:
        """The summed losses of some sequences: of their titles, and of their prompts."""
        batch = collate(examples, rows, self.tokenizer.eos_token_id)
        everywhere = bool(batch.counted.all())
        reads = self.recipe.prompt_weight > 0 and self.module.training and bool(batch.read.any())
        inputs = torch.from_numpy(np.ascontiguousarray(batch.inputs)).to(self.device)
        loss: torch.Tensor = self.module(
            inputs,
            None if everywhere else torch.from_numpy(batch.counted).to(self.device),
            torch.from_numpy(batch.targets).to(self.device),
            torch.from_numpy(batch.read).to(self.device) if reads else None,
        )
        return (loss[0], loss[1]) if reads else (loss, torch.zeros_like(loss))

    # Beside the steps

    def _report(self, seconds: float) -> bool:
        """Says how the step went; returns whether the run became overfit with it."""
        overfit = self.watch.trained(self.step, self.loss, self.threshold)
        speed = self.tokens / max(seconds, 1e-9)
        self.speed = speed if not self.speed else _SMOOTH * self.speed + (1 - _SMOOTH) * speed
        self.pace = seconds if not self.pace else _SMOOTH * self.pace + (1 - _SMOOTH) * seconds
        self.job.emit(
            Step(
                step=self.step,
                loss=round(self.loss, 6),
                average=round(self.watch.average.value, 6),
                rate=self.rate,
                norm=round(self.norm, 4),
                tokens=self.tokens,
                speed=round(self.speed, 1),
                eta=round(self.pace * (self.steps - self.step), 1),
                memory=device.memory_in_use(self.device),
            )
        )
        return overfit

    def _say_overfit(self) -> None:
        self.job.emit(
            Overfit(
                step=self.step,
                average=self.watch.average.value,
                threshold=self.threshold,
                copies=self.watch.copies,
            )
        )

    @torch.no_grad()
    def _evaluate(self) -> bool:
        """Measures the held-out loss; returns whether it has risen for several evaluations."""
        self.module.eval()
        examples = self.data.heldout
        rows = np.argsort(examples.lengths, kind="stable")
        processes, rank = self.accelerator.num_processes, self.accelerator.process_index
        summed = torch.zeros((), device=self.device)
        for part in cut(rows, examples.lengths[rows], self.recipe)[rank::processes]:
            for piece in slices.cut(part, examples, self.slice_tokens):
                summed += self._losses(examples, piece)[0]
        total = float(self.accelerator.reduce(summed))
        loss = total / int(examples.title_tokens.sum())
        bits = total / math.log(2) / int(examples.characters.sum())
        finite = math.isfinite(loss)
        self.job.emit(
            Heldout(
                step=self.step,
                loss=round(loss, 6) if finite else None,
                bits=round(bits, 6) if finite else None,
            )
        )
        rising = self.step > 0 and self.watch.evaluated(self.step, loss)
        if rising and self.watch.best is not None:
            self.job.emit(Rising(step=self.step, best=self.watch.best))
        return rising

    def _preview(self) -> None:
        if not self.accelerator.is_main_process:
            return
        self.module.eval()
        recipe = self.recipe
        with self.accelerator.autocast():
            titles = sample_titles(
                self.model,
                self.tokenizer,
                recipe,
                self.data.pairs,
                recipe.preview_titles,
                self.step,
                self.limit,
            )
        self.watch.copies = self.data.titles.copies(titles)
        self.job.emit(Preview(step=self.step, titles=titles, copies=round(self.watch.copies, 4)))

    def _save(self) -> bool:
        """Writes a checkpoint; one that the disk has no room for is left out, and said."""
        states = {
            name: self.accelerator.gather(state[None])
            for name, state in checkpoint.random_state(self.device).items()
        }
        if not self.accelerator.is_main_process:
            return True
        folder, run = self.job.folder.checkpoints, self.job.folder.name
        known = Remembered(
            step=self.step, watch=self.watch, threads=torch.get_num_threads(), speed=self.speed
        )
        stages = {
            "model": lambda path: finish.save_model(
                path, self.model, self.tokenizer, self.plan, run, self.step
            ),
            "optimizer": lambda path: checkpoint.save_optimizer(
                path, self.optimizer.optimizer, self.names
            ),
            "random": lambda path: checkpoint.save_random(path, states),
        }
        try:
            checkpoint.check_room(self.job.folder.path, self._size())
            checkpoint.write(folder, self.step, known, stages)
        except OSError as error:
            why = error.strerror or str(error)
            self.job.emit(
                Note(
                    text=f"The checkpoint of step {self.step} could not be written ({why}); the "
                    "older ones are kept.",
                    level="error",
                )
            )
            return False
        self.job.emit(Saved(step=self.step))
        checkpoint.prune(folder, self.recipe.keep, self.watch.best)
        return True

    def _size(self) -> int:
        """Bytes of a checkpoint: the weights, and two moments of those that are trained."""
        parameters = list(self.model.parameters())
        trained = sum(int(p.numel()) for p in parameters if p.requires_grad)
        lora = self.recipe.method == "lora"
        return 4 * (2 * trained + (trained if lora else sum(int(p.numel()) for p in parameters)))

    # How it ends

    def _finish(self, reason: str) -> Exit:
        """Writes the last checkpoint and the finished model, and says what it is like."""
        saved = self._save()
        if self.accelerator.is_main_process:
            early = self.recipe.early_stop and self.watch.best not in (None, self.step)
            best = self._best_checkpoint() if early else None
            try:
                finish.write_finished(
                    self.job.folder, self.plan, self.model, self.tokenizer, self.step, best
                )
            except OSError as error:
                kept = "the last checkpoint is kept" if saved else "no checkpoint of it is left"
                raise TitletuiError(
                    f"The finished model could not be written ({error.strerror or error}; {kept}); "
                    "free some space, then resume."
                ) from error
            self.module.eval()
            with self.accelerator.autocast():
                self.job.emit(
                    finish.figures(
                        self.model, self.tokenizer, self.recipe, self.data, self.step, self.limit
                    )
                )
        self.accelerator.wait_for_everyone()
        return Exit(outcome="done", reason=reason)

    def _best_checkpoint(self) -> Checkpoint | None:
        best = self.watch.best or 0
        path = self.job.folder.checkpoints / f"step-{best:06d}"
        return Checkpoint(best, path) if not checkpoint.damage(path) else None

    def _diverged(self) -> Exit:
        step = self.step + 1
        self.job.emit(Step(step=step, loss=None, average=None, rate=0.0))
        self.job.emit(Diverged(step=step))
        return Exit(
            outcome="failed",
            code=EXIT_FAILED,
            reason=f"diverged at step {step}: the loss was not finite",
            advice="Start again with a lower learning rate; earlier checkpoints are kept.",
        )


class Companion(Job):
    """What a process beside the first one is given: it says nothing and decides nothing."""

    def __init__(self, folder: JobFolder) -> None:
        self.folder, self.lost = folder, 0

    def emit(self, event: AnyEvent) -> None:
        """The first process speaks for all."""

    @property
    def stopping(self) -> bool:
        return False


def main() -> int:
    """Works on the folder that the command line names."""
    if int(os.environ.get("RANK", "0")) == 0:
        return run_worker(train)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    ended = train(Companion(JobFolder(Path(sys.argv[1]))))
    return ended.code


if __name__ == "__main__":
    raise SystemExit(main())
