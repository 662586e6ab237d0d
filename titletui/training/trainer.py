"""The worker of a run: `python -m titletui.training.trainer FOLDER`.

Fine-tuning, top to bottom: load the model, the data and the optimizer; `fit` them step by step; a
step adds up gradients over micro-batches and lets AdamW use them; after each step the run is
reported, evaluated, sampled and saved as its recipe says.

A run resumes from the newest complete checkpoint in its folder. On a CPU the final weights are the
same, bit for bit, as those of an undisturbed run. Under torchrun each rank takes its share of each
batch, and rank 0 writes.
"""

import contextlib
import math
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from titletui.jobs.events import AnyEvent, Note
from titletui.jobs.job import Job, JobResult
from titletui.jobs.worker import JobContext, run_worker
from titletui.models import device
from titletui.training import checkpoint, hooks, micro_batch, setup
from titletui.training.data.batching import collate, cut_batches, cut_micro_batches, epoch_batches
from titletui.training.data.dataset import Examples, Integers
from titletui.training.loss import TitleLoss
from titletui.training.lr_schedule import lr_at
from titletui.training.overfit import StepLoss, window_size
from titletui.training.run_spec import RunSpec
from titletui.training.state import TrainerState

_TRIM_EVERY = 100


class DivergedError(Exception):
    """The loss or the gradient was not finite."""


def train(job: JobContext) -> JobResult:
    """Train as the job's spec says; return how it ended."""
    trainer: Trainer | None = None
    try:
        trainer = Trainer(job)
        return trainer.fit()
    except setup.StoppedError:
        return JobResult(outcome="stopped", reason="stopped before the first step")
    except (torch.OutOfMemoryError, RuntimeError, MemoryError) as error:
        step = trainer.state.step + 1 if trainer else 0
        result = micro_batch.out_of_memory_result(
            job.folder, error, step
        ) or micro_batch.lost_process_result(error, step)
        if result is None:
            raise
        return result


class Trainer:
    """Fine-tune the model of one run."""

    def __init__(self, job: JobContext) -> None:
        spec = job.folder.work(RunSpec)
        recipe = spec.recipe
        accelerator = setup.make_accelerator(recipe)
        # The other ranks wait, and then read what rank 0 has downloaded and encoded.
        with accelerator.main_process_first():
            found = checkpoint.newest_whole(
                job.folder.checkpoints, lambda text: job.emit(Note(text=text, level="warning"))
            )
            saved = checkpoint.saved_state(found) if found else None
            torch.set_num_threads(saved.threads if saved else device.threads())
            torch.manual_seed(recipe.seed + accelerator.process_index)
            loaded = setup.load_base(job, spec, found)
            max_length = setup.max_length(loaded.model, recipe)
            data = setup.load_data(job, spec, loaded.tokenizer, max_length)
        module = TitleLoss(setup.add_adapters(loaded.model, recipe))
        if recipe.quantization == "none":
            module = module.to(accelerator.device)
        optimizer, names = setup.make_optimizer(module, recipe)
        module, optimizer = accelerator.prepare(module, optimizer)
        self._batches_per_epoch = len(epoch_batches(data.train, recipe, 0))
        self._epoch: tuple[int, list[Integers]] = (-1, [])
        self._stop_requested = False
        steps = setup.count_steps(recipe, self._batches_per_epoch)
        self.micro_batch_tokens = micro_batch.micro_batch_tokens(job.folder, recipe)
        self.state = state = TrainerState(
            job=job,
            spec=spec,
            accelerator=accelerator,
            module=module,
            optimizer=optimizer,
            parameter_names=names,
            tokenizer=loaded.tokenizer,
            data=data,
            max_length=max_length,
            steps=steps,
            window=window_size(steps, math.ceil(self._batches_per_epoch / recipe.accumulation)),
            probe=setup.probe_rows(data, recipe),
        )
        if found and saved:
            checkpoint.load_optimizer(found.path, state.optimizer, names)
            checkpoint.load_rng(found.path, accelerator.process_index)
            state.step, state.monitor = saved.step, saved.monitor
            state.tokens_per_second = saved.speed
        hooks.report_start(state)

    def fit(self) -> JobResult:
        """Step until all steps are done, a rule of the recipe ends the run, or a stop is asked."""
        state = self.state
        if state.step == 0:
            self._evaluate()
        while state.step < state.steps:
            began = time.monotonic()
            try:
                self._step()
            except DivergedError:
                return hooks.report_divergence(state)
            if result := self._after_step(time.monotonic() - began):
                return result
        return hooks.finish(state)

    def _after_step(self, seconds: float) -> JobResult | None:
        """Report, evaluate, sample and save as the recipe says; return how the run ends, if so."""
        state, recipe = self.state, self.state.recipe
        step, last = state.step, state.step == state.steps
        overfit = hooks.report_step(state, seconds)
        if step % _TRIM_EVERY == 0:
            device.trim_heap()
        memorized = rising = improved = False
        if step % recipe.eval_every == 0 or last:
            memorized, rising = self._evaluate()
            improved = state.monitor.best == step
        if step % recipe.sample_every == 0 or last or overfit or memorized:
            hooks.preview(state)
        if overfit or memorized:
            excess = hooks.report_overfit(state, probe=memorized)
            if recipe.stop_when_overfit:
                reason = f"the training titles are memorized at step {step}: the loss is "
                return hooks.finish(state, f"{reason}{excess:.3f} above what that leaves")
        if rising and recipe.early_stop:
            return hooks.finish(state, hooks.rising_reason(state))
        if last:
            return None
        if self._stop_requested:
            note = "" if hooks.save(state) else "; the last checkpoint could not be written"
            return JobResult(outcome="stopped", reason=f"stopped at step {step}{note}")
        if step % recipe.save_every == 0 or improved:
            hooks.save(state)
        return None

    def _step(self) -> None:
        """One optimizer step: forward and backward over its batches, clip, AdamW.

        Raises:
            DivergedError: the loss or the gradient is not finite; the weights are as before.
        """
        state, recipe = self.state, self.state.recipe
        step = state.step + 1
        lr = lr_at(recipe, step, state.steps)
        for group in state.optimizer.param_groups:
            group["lr"] = lr
        batches = self._batches(step)
        rows = np.concatenate(batches)
        tokens = int(state.data.train.title_tokens[rows].sum())
        loss = self._add_gradients(batches, tokens)
        trained = [p for p in state.module.parameters() if p.grad is not None]
        norm = get_total_norm([p.grad for p in trained if p.grad is not None])
        if not (math.isfinite(loss) and math.isfinite(float(norm))):
            raise DivergedError
        if float(norm) > recipe.grad_clip:
            clip_grads_with_norm_(trained, recipe.grad_clip, norm)
        state.optimizer.step()
        state.optimizer.zero_grad()
        state.loss = StepLoss(loss * tokens, float(state.data.floors[rows].sum()), tokens)
        state.step, state.lr, state.grad_norm = step, lr, float(norm)

    def _batches(self, step: int) -> list[Integers]:
        """The batches of a step: `accumulation` of them, across the ends of epochs."""
        state, found = self.state, []
        first = (step - 1) * state.recipe.accumulation
        for number in range(first, first + state.recipe.accumulation):
            epoch, index = divmod(number, self._batches_per_epoch)
            if self._epoch[0] != epoch:
                self._epoch = (epoch, epoch_batches(state.data.train, state.recipe, epoch))
            found.append(self._epoch[1][index])
        return found

    def _add_gradients(self, batches: list[Integers], tokens: int) -> float:
        """Run backward over this rank's share of the batches; return the loss of all ranks.

        Args:
            tokens: title tokens in the batches, over all ranks.

        Returns:
            Nats per title token.
        """
        state, accelerator = self.state, self.state.accelerator
        examples = state.data.train
        ranks, rank = accelerator.num_processes, accelerator.process_index
        pieces = [
            piece
            for rows in batches
            for piece in cut_micro_batches(rows[rank::ranks], examples, self.micro_batch_tokens)
        ]
        # A rank without rows still takes part in the exchange of gradients, with weight 0.
        weight = 1.0 if pieces else 0.0
        pieces = pieces or [batches[0][:1]]
        # The ranks' gradients are averaged: times their number, that is a sum.
        scale = weight * ranks / tokens
        state.module.train()
        summed = torch.zeros((), device=accelerator.device)
        for index, rows in enumerate(pieces):
            last = index == len(pieces) - 1
            with contextlib.nullcontext() if last else accelerator.no_sync(state.module):
                titles, prompts = self._losses(examples, rows).unbind()
                accelerator.backward(scale * (titles + prompts * state.recipe.prompt_weight))
            summed += weight * titles.detach()
        # All ranks stop at the same step, whichever of them was asked.
        stop = torch.tensor(float(state.job.stopping), device=accelerator.device)
        summed, stop = accelerator.reduce(torch.stack([summed, stop])).unbind()
        self._stop_requested = bool(stop > 0)
        return float(summed) / tokens

    def _evaluate(self) -> tuple[bool, bool]:
        """Measure the loss of the probe and of the held-out titles.

        Returns:
            Whether the training titles are memorized with this evaluation, and whether the
            held-out loss was not improved for several evaluations.
        """
        state = self.state
        train, heldout = state.data.train, state.data.heldout
        memorized = hooks.report_probe(state, self._summed_loss(train, state.probe))
        if not len(heldout):
            return memorized, False
        summed = self._summed_loss(heldout, np.arange(len(heldout)))
        return memorized, hooks.report_heldout(state, summed)

    @torch.no_grad()
    def _summed_loss(self, examples: Examples, rows: Integers) -> float:
        """The summed loss of the titles of some examples in evaluation mode, over all ranks."""
        state, accelerator = self.state, self.state.accelerator
        rows = rows[np.argsort(examples.lengths[rows], kind="stable")]
        batches = cut_batches(rows, examples.lengths[rows], state.recipe)
        ranks, rank = accelerator.num_processes, accelerator.process_index
        state.module.eval()
        summed = torch.zeros((), device=accelerator.device)
        for batch in batches[rank::ranks]:
            for piece in cut_micro_batches(batch, examples, self.micro_batch_tokens):
                summed += self._losses(examples, piece)[0]
        return float(accelerator.reduce(summed))

    def _losses(self, examples: Examples, rows: Integers) -> torch.Tensor:
        """The summed losses of some sequences, of their titles and of their prompts, [2]."""
        state, accelerator = self.state, self.state.accelerator
        training = state.module.training
        batch = collate(
            examples, rows, state.tokenizer.eos_token_id, accelerator.device,
            prompts=training and state.recipe.prompt_weight > 0,
        )  # fmt: skip
        # Evaluation needs no exchange between ranks, which the wrapped module would do.
        module = state.module if training else accelerator.unwrap_model(state.module)
        loss: torch.Tensor = module(batch)
        return loss


class SilentContext(JobContext):
    """The context of ranks other than 0, which run the loop and emit no events."""

    def __init__(self, job: Job) -> None:
        self.folder, self.lost = job, 0

    def emit(self, event: AnyEvent) -> None:
        """Drop the event."""

    @property
    def stopping(self) -> bool:
        return False


def main() -> int:
    """Train the run whose folder the command line names."""
    if int(os.environ.get("RANK", "0")) == 0:
        return run_worker(train)
    # Rank 0 alone answers signals; all stop with it.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    return train(SilentContext(Job(Path(sys.argv[1])))).code


if __name__ == "__main__":
    raise SystemExit(main())
