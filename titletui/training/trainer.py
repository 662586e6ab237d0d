"""The worker of a run: `python -m titletui.training.trainer FOLDER`.

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
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from titletui.jobs.events import Heldout, HeldoutRising, Note, Started
from titletui.jobs.job import Job, JobResult
from titletui.jobs.worker import JobContext, run_worker
from titletui.models import device
from titletui.training import checkpoint, hooks, micro_batch, setup
from titletui.training.companion import Companion
from titletui.training.data.dataset import Examples, Integers, collate, cut, epoch_batches
from titletui.training.loss import TitleLoss
from titletui.training.lr_schedule import rate_at
from titletui.training.overfit import OverfitMonitor
from titletui.training.run_spec import RunSpec

_RETURN_MEMORY = 100
_PATIENCE = timedelta(hours=4)


class DivergedError(Exception):
    """The loss or the gradient was not finite."""


def train(job: JobContext) -> JobResult:
    """Trains as the plan in the job's folder says; returns how it ended."""
    run: Trainer | None = None
    try:
        run = Trainer(job, job.folder.work(RunSpec))
        return run.go()
    except setup.StoppedError:
        return JobResult(outcome="stopped", reason="stopped before the first step")
    except (torch.OutOfMemoryError, RuntimeError, MemoryError) as error:
        step = run.step + 1 if run else 0
        ended = micro_batch.out_of_memory(job.folder, error, step) or micro_batch.lost_process(
            error, step
        )
        if ended is None:
            raise
        return ended


class Trainer:
    """One run: its model, optimizer and data, and how far it is."""

    def __init__(self, job: JobContext, plan: RunSpec) -> None:
        self.job, self.plan, self.recipe = job, plan, plan.recipe
        on_cpu = not torch.cuda.is_available()
        numbers = device.precision(self.recipe.precision, torch.device("cpu" if on_cpu else "cuda"))
        self.accelerator = Accelerator(
            cpu=on_cpu,
            mixed_precision="bf16" if numbers == "bf16" else "no",
            # The first process downloads, samples and writes while the others wait.
            kwargs_handlers=[InitProcessGroupKwargs(timeout=_PATIENCE)],
        )
        self.device = self.accelerator.device
        with self.accelerator.main_process_first():
            found = checkpoint.newest_whole(
                job.folder.checkpoints, lambda text: job.emit(Note(text=text, level="warning"))
            )
            known = checkpoint.remembered(found) if found else None
            torch.set_num_threads(known.threads if known else device.threads())
            torch.manual_seed(self.recipe.seed + self.accelerator.process_index)
            loaded = setup.load(job, plan, found)
            self.tokenizer = loaded.tokenizer
            self.limit = setup.longest(loaded.model, self.recipe)
            self.data = setup.read(job, plan, self.tokenizer, self.limit)
        module = TitleLoss(setup.adapted(loaded.model, self.recipe))
        if self.recipe.quantization == "none":
            module = module.to(self.device)
        optimizer, self.names = setup.optimizer_of(module, self.recipe)
        self.module, self.optimizer = self.accelerator.prepare(module, optimizer)
        self.threshold = round(self.recipe.overfit_below + self.data.by_heart, 4)
        if not self.recipe.overfit_below:
            self.threshold = 0.0
        self.slice_tokens = micro_batch.slice_tokens(job.folder, self.recipe)
        self.per_epoch = len(epoch_batches(self.data.train, self.recipe, 0))
        self.steps = self.recipe.steps or max(
            1, math.ceil(self.recipe.epochs * self.per_epoch / self.recipe.accumulation)
        )
        self.step, self.watch, self.speed, self.pace = 0, OverfitMonitor(), 0.0, 0.0
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

    def go(self) -> JobResult:
        """Steps until there is no more to do, or somebody asks to stop."""
        if self.step == 0 and len(self.data.heldout):
            self._evaluate()
        while self.step < self.steps:
            began = time.monotonic()
            try:
                self._step()
            except DivergedError:
                return hooks.diverged(self)
            finished = self._beside(time.monotonic() - began)
            if finished:
                return finished
        return hooks.finished(self)

    def _beside(self, seconds: float) -> JobResult | None:
        """All that happens between two steps; returns how the run ended, if it did."""
        recipe, step, last = self.recipe, self.step, self.step == self.steps
        overfit = hooks.report(self, seconds)
        if step % _RETURN_MEMORY == 0:
            device.return_memory()
        rising, better = False, False
        if len(self.data.heldout) and (step % recipe.eval_every == 0 or last):
            rising = self._evaluate()
            better = self.watch.best == step
        if step % recipe.sample_every == 0 or last or overfit:
            hooks.preview(self)
        if overfit:
            hooks.say_overfit(self)
            if recipe.stop_when_overfit:
                return hooks.finished(
                    self,
                    f"average training loss {self.watch.average.value:.3f} below "
                    f"{self.threshold:g} at step {step}",
                )
        if rising and recipe.early_stop:
            return hooks.finished(self, f"the held-out loss rises since step {self.watch.best}")
        if last:
            return None
        if self.stop_asked:
            kept = "" if hooks.save(self) else "; the last checkpoint could not be written"
            return JobResult(outcome="stopped", reason=f"stopped at step {step}{kept}")
        if step % recipe.save_every == 0 or better:
            hooks.save(self)
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
        pieces = [p for rows in mine for p in micro_batch.cut(rows, examples, self.slice_tokens)]
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
        learned = [p for p in self.module.parameters() if p.grad is not None]
        norm = get_total_norm([p.grad for p in learned if p.grad is not None])
        self.norm = float(norm)
        if not (math.isfinite(self.loss) and math.isfinite(self.norm)):
            raise DivergedError
        if self.norm > self.recipe.grad_clip:
            clip_grads_with_norm_(learned, self.recipe.grad_clip, norm)
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
        # What is only measured needs no exchange between the processes, which wrap the module.
        learns = self.module.training
        module = self.module if learns else self.accelerator.unwrap_model(self.module)
        batch = collate(examples, rows, self.tokenizer.eos_token_id)
        everywhere = bool(batch.counted.all())
        reads = self.recipe.prompt_weight > 0 and learns and bool(batch.read.any())
        inputs = torch.from_numpy(np.ascontiguousarray(batch.inputs)).to(self.device)
        loss: torch.Tensor = module(
            inputs,
            None if everywhere else torch.from_numpy(batch.counted).to(self.device),
            torch.from_numpy(batch.targets).to(self.device),
            torch.from_numpy(batch.read).to(self.device) if reads else None,
        )
        return (loss[0], loss[1]) if reads else (loss, torch.zeros_like(loss))

    # Beside the steps

    @torch.no_grad()
    def _evaluate(self) -> bool:
        """Measures the held-out loss; returns whether it has risen for several evaluations."""
        self.module.eval()
        examples = self.data.heldout
        rows = np.argsort(examples.lengths, kind="stable")
        processes, rank = self.accelerator.num_processes, self.accelerator.process_index
        summed = torch.zeros((), device=self.device)
        for part in cut(rows, examples.lengths[rows], self.recipe)[rank::processes]:
            for piece in micro_batch.cut(part, examples, self.slice_tokens):
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
            self.job.emit(HeldoutRising(step=self.step, best=self.watch.best))
        return rising


def main() -> int:
    """Works on the folder that the command line names."""
    if int(os.environ.get("RANK", "0")) == 0:
        return run_worker(train)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    ended = train(Companion(Job(Path(sys.argv[1]))))
    return ended.code


if __name__ == "__main__":
    raise SystemExit(main())
