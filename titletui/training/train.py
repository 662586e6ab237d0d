"""The worker of a run: `python -m titletui.training.train FOLDER`.

Reads top to bottom: what the run is, what it computes with, the loop, a step, what happens beside
the steps, how it ends. It resumes from the newest whole checkpoint in its folder; on the CPU the
weights at the end are the same, bit for bit, as those of an undisturbed run.
"""

import contextlib
import copy
import math
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from accelerate import Accelerator

from titletui.atomic import sync_folder
from titletui.corpus.paper import Paper
from titletui.errors import TitletuiError
from titletui.home import find_home
from titletui.jobs.events import (
    Diverged,
    Heldout,
    Note,
    Overfit,
    Preview,
    Progress,
    Rising,
    Saved,
    Started,
    Step,
)
from titletui.jobs.folder import Exit
from titletui.jobs.worker import EXIT_FAILED, Job, run_worker
from titletui.training import checkpoint, device
from titletui.training.base_models import (
    CARD,
    Card,
    LoadedModel,
    find_model,
    load_model,
    load_tokenizer,
)
from titletui.training.checkpoint import Checkpoint, Remembered
from titletui.training.examples import (
    Integers,
    TrainingSet,
    build,
    collate,
    cut,
    epoch_batches,
    read_papers,
)
from titletui.training.loss import TitleLoss, causal_model
from titletui.training.new_model import new_model, train_tokenizer
from titletui.training.overfit import Watch
from titletui.training.plan import Plan
from titletui.training.preview import preview_titles
from titletui.training.schedule import rate_at

_SMOOTH = 0.9


class StoppedError(Exception):
    """Somebody asked the run to stop before its first step."""


class DivergedError(Exception):
    """The loss or the gradient was not finite."""


def train(job: Job) -> Exit:
    """Trains as the plan in the job's folder says; returns how it ended."""
    plan = job.folder.work(Plan)
    try:
        run = Run(job, plan)
        return run.go()
    except StoppedError:
        return Exit(outcome="stopped", reason="stopped before the first step")


class Run:
    """One run: its model, optimizer and data, and how far it is."""

    def __init__(self, job: Job, plan: Plan) -> None:
        self.job, self.plan, self.recipe = job, plan, plan.recipe
        found = checkpoint.newest_whole(
            job.folder.checkpoints, lambda text: job.emit(Note(text=text, level="warning"))
        )
        known = checkpoint.remembered(found) if found else None
        torch.set_num_threads(known.threads if known else device.threads())
        torch.manual_seed(self.recipe.seed)
        on_cpu = not torch.cuda.is_available()
        numbers = device.precision(self.recipe.precision, torch.device("cpu" if on_cpu else "cuda"))
        self.accelerator = Accelerator(
            cpu=on_cpu, mixed_precision="bf16" if numbers == "bf16" else "no"
        )
        self.device = self.accelerator.device
        loaded = self._load(found)
        self.tokenizer = loaded.tokenizer
        self.limit = self._longest(loaded.model)
        self.data = self._read()
        self.module, self.optimizer = self._prepare(loaded.model)
        self.per_epoch = len(epoch_batches(self.data.train, self.recipe, 0))
        self.steps = self.recipe.steps or max(
            1, math.ceil(self.recipe.epochs * self.per_epoch / self.recipe.accumulation)
        )
        self.step, self.watch, self.speed, self.pace = 0, Watch(), 0.0, 0.0
        self._epoch: tuple[int, list[Integers]] = (-1, [])
        if found and known:
            checkpoint.load_optimizer(found.path, self._bare_optimizer, self.names)
            checkpoint.load_random(found.path, self.accelerator.process_index)
            self.step, self.watch, self.speed = known.step, known.watch, known.speed
        job.emit(Started(pid=os.getpid(), step=self.step, device=device.name(self.device, numbers)))

    # What it computes with

    def _load(self, found: Checkpoint | None) -> LoadedModel:
        """The model as it was at the last checkpoint, or its base."""
        home = find_home()
        if found:
            info = find_model(home, str(found.path))
        elif self.recipe.base == "new":
            info = find_model(home, str(self._new_base()))
        else:
            info = find_model(home, self.recipe.base)
        loaded = load_model(
            info,
            home=home,
            merge=not found,
            on_wait=lambda name, done, total: self.job.emit(
                Progress(done=done, total=total, unit="bytes", waiting=f"downloading {name}")
            ),
        )
        if self.recipe.dropout is not None:
            device.set_dropout(loaded.model, self.recipe.dropout)
        return loaded

    def _new_base(self) -> Path:
        """A model from random weights, made once and kept beside the run."""
        folder = self.job.folder.path / "base"
        if folder.exists():
            return folder
        part = folder.with_name("base.part")
        shutil.rmtree(part, ignore_errors=True)
        tokenizer = train_tokenizer(self._texts(), self.recipe.vocabulary)
        tokenizer.save_pretrained(part)
        new_model(self.recipe, load_tokenizer(part)).save_pretrained(part)
        _sync_all(part)
        part.rename(folder)
        sync_folder(folder.parent)
        return folder

    def _texts(self) -> Iterator[str]:
        for paper in self._papers("reading papers for the tokenizer"):
            yield paper.title
            if paper.abstract and self.recipe.wants_abstracts:
                yield paper.abstract

    def _papers(self, waiting: str) -> Iterator[Paper]:
        """The frozen papers; says how far it is."""
        for count, paper in enumerate(read_papers(self.job.folder.papers, self.plan.sha256)):
            if count % 20_000 == 0:
                self.job.emit(Progress(done=count, total=self.plan.papers, waiting=waiting))
                if self.job.stopping:
                    raise StoppedError
            yield paper

    def _read(self) -> TrainingSet:
        papers = self._papers("reading papers")
        data = build(papers, self.recipe, self.tokenizer, self.limit)
        if data.left_out:
            self.job.emit(
                Note(
                    text=f"{data.left_out} of {self.plan.papers} papers give no example for the "
                    f"task {self.recipe.task} (too long, or without what it needs)."
                )
            )
        return data

    def _longest(self, model: Any) -> int:
        context = getattr(causal_model(model).config, "max_position_embeddings", None)
        return min(self.recipe.max_tokens, context or self.recipe.max_tokens)

    def _prepare(self, model: Any) -> tuple[Any, Any]:
        """The model and its optimizer, on the device and shared among processes."""
        if self.recipe.method == "lora" and not hasattr(model, "peft_config"):
            from peft import LoraConfig, get_peft_model

            model = get_peft_model(
                model,
                LoraConfig(
                    r=self.recipe.lora_r,
                    lora_alpha=self.recipe.lora_alpha,
                    lora_dropout=self.recipe.lora_dropout,
                    task_type="CAUSAL_LM",
                ),
            )
        if self.recipe.freeze_embeddings:
            causal_model(model).get_input_embeddings().weight.requires_grad_(False)
        module = TitleLoss(model)
        named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
        decayed = [(name, p) for name, p in named if p.dim() > 1]
        others = [(name, p) for name, p in named if p.dim() <= 1]
        self.names = [name for name, _ in decayed + others]
        module.to(self.device)
        optimizer = torch.optim.AdamW(
            [
                {"params": [p for _, p in decayed], "weight_decay": self.recipe.weight_decay},
                {"params": [p for _, p in others], "weight_decay": 0.0},
            ],
            lr=self.recipe.learning_rate,
            fused=True,
        )
        prepared = self.accelerator.prepare(module, optimizer)
        return prepared[0], prepared[1]

    @property
    def model(self) -> Any:
        return self.accelerator.unwrap_model(self.module).model

    @property
    def _bare_optimizer(self) -> Any:
        return self.optimizer.optimizer

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
        rising = False
        if len(self.data.heldout) and (step % recipe.eval_every == 0 or last):
            rising = self._evaluate()
        if step % recipe.sample_every == 0 or last:
            self._preview()
        if overfit:
            average = self.watch.average.value
            self.job.emit(
                Overfit(
                    step=step,
                    average=average,
                    threshold=recipe.overfit_below,
                    copies=self.watch.copies,
                )
            )
            if recipe.stop_when_overfit:
                return self._finish(
                    f"average training loss {average:.3f} below {recipe.overfit_below:g} at step "
                    f"{step}"
                )
        if rising and recipe.early_stop:
            return self._finish(f"the held-out loss rises since step {self.watch.best}")
        if last:
            return None
        if self.job.stopping:
            saved = self._save()
            kept = "" if saved else "; the last checkpoint could not be written"
            return Exit(outcome="stopped", reason=f"stopped at step {step}{kept}")
        if step % recipe.save_every == 0:
            self._save()
        return None

    def _step(self) -> None:
        """One optimizer step: forward and backward over its batches, then AdamW."""
        number = self.step + 1
        rate = rate_at(self.recipe, number, self.steps)
        for group in self._bare_optimizer.param_groups:
            group["lr"] = rate
        self.module.train()
        batches = self._batches(number)
        processes, rank = self.accelerator.num_processes, self.accelerator.process_index
        tokens = int(sum(self.data.train.title_tokens[rows].sum() for rows in batches))
        summed = torch.zeros((), device=self.device)
        for index, rows in enumerate(batches):
            last = index == len(batches) - 1
            mine = rows[rank::processes]
            with contextlib.nullcontext() if last else self.accelerator.no_sync(self.module):
                loss = self._loss(mine if len(mine) else rows[:1]) * float(len(mine) > 0)
                # Processes average their gradients, so each counts as all of them.
                self.accelerator.backward(loss * (processes / tokens))
            summed += loss.detach()
        self.loss = float(self.accelerator.reduce(summed)) / tokens
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

    def _loss(self, rows: Integers) -> torch.Tensor:
        return self._loss_of(self.data.train, rows)[0]

    def _loss_of(self, examples: Any, rows: Integers) -> tuple[torch.Tensor, int]:
        batch = collate(examples, rows, self.tokenizer.eos_token_id)
        counted = None
        if not batch.counted.all():
            counted = torch.from_numpy(batch.counted).to(self.device)
        loss = self.module(
            torch.from_numpy(np.ascontiguousarray(batch.inputs)).to(self.device),
            counted,
            torch.from_numpy(batch.targets).to(self.device),
        )
        return loss, batch.characters

    # Beside the steps

    def _report(self, seconds: float) -> bool:
        """Says how the step went; returns whether the run became overfit with it."""
        overfit = self.watch.trained(self.step, self.loss, self.recipe.overfit_below)
        pace = self.tokens / max(seconds, 1e-9)
        self.speed = pace if not self.speed else _SMOOTH * self.speed + (1 - _SMOOTH) * pace
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

    @torch.no_grad()
    def _evaluate(self) -> bool:
        """Measures the held-out loss; returns whether it has risen for several evaluations."""
        self.module.eval()
        examples = self.data.heldout
        rows = np.argsort(examples.lengths, kind="stable")
        summed = torch.zeros((), device=self.device, dtype=torch.float64)
        processes, rank = self.accelerator.num_processes, self.accelerator.process_index
        for part in cut(rows, examples.lengths[rows], self.recipe)[rank::processes]:
            summed += self._loss_of(examples, part)[0]
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
        rising = self.watch.evaluated(self.step, loss)
        if rising and self.watch.best is not None:
            self.job.emit(Rising(step=self.step, best=self.watch.best))
        return rising

    def _preview(self) -> None:
        if not self.accelerator.is_main_process:
            return
        self.module.eval()
        with self.accelerator.autocast():
            titles = preview_titles(
                self.model, self.tokenizer, self.recipe, self.data.pairs, self.step, self.limit
            )
        self.watch.copies = self.data.titles.copies(titles)
        self.job.emit(Preview(step=self.step, titles=titles, copies=round(self.watch.copies, 4)))

    def _save(self) -> bool:
        """Writes a checkpoint; one that the disk has no room for is left out, and said."""
        folder = self.job.folder.checkpoints
        known = Remembered(
            step=self.step,
            watch=self.watch,
            threads=torch.get_num_threads(),
            speed=self.speed,
        )
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            checkpoint.check_room(folder, self._size())
            checkpoint.write(
                folder,
                self.step,
                known,
                {
                    "model": lambda path: self._save_model(path, self.model),
                    "optimizer": lambda path: checkpoint.save_optimizer(
                        path, self._bare_optimizer, self.names
                    ),
                    "random": lambda path: checkpoint.save_random(path, 0),
                },
            )
        except OSError as error:
            why = error.strerror or str(error)
            self.job.emit(
                Note(
                    text=f"The checkpoint of step {self.step} could not be written ({why}); the "
                    "run goes on, and the older ones are kept.",
                    level="error",
                )
            )
            return False
        self.job.emit(Saved(step=self.step))
        checkpoint.prune(folder, self.recipe.keep, self.watch.best)
        return True

    def _save_model(self, path: Path, model: Any) -> None:
        model.save_pretrained(path)
        self.tokenizer.save_pretrained(path)
        card = Card(
            tasks=self.recipe.tasks,
            corpus=self.plan.corpus,
            run=self.job.folder.name,
            step=self.step,
            recipe=self.recipe,
            parent=self.plan.parent,
            base=self._standing_on() if self.recipe.method == "lora" else "",
        )
        (path / CARD).write_bytes(msgspec.json.encode(card))

    def _standing_on(self) -> str:
        path = Path(self.recipe.base).expanduser()
        return str(path.absolute()) if path.is_dir() else self.recipe.base

    def _size(self) -> int:
        """Bytes of a checkpoint: the weights, and two moments of those that are trained."""
        weights = sum(int(p.numel()) for p in self.model.parameters())
        trained = sum(int(p.numel()) for p in self.model.parameters() if p.requires_grad)
        return 4 * ((trained if self.recipe.method == "lora" else weights) + 2 * trained)

    # How it ends

    def _finish(self, reason: str) -> Exit:
        """Writes the last checkpoint and the finished model."""
        saved = self._save()
        try:
            self._write_finished()
        except OSError as error:
            if not saved:
                raise
            why = error.strerror or str(error)
            raise TitletuiError(
                f"The finished model could not be written ({why}); free some space, then resume."
            ) from error
        return Exit(outcome="done", reason=reason)

    def _write_finished(self) -> None:
        part = self.job.folder.path / "model.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=0o700)
        self._save_model(part, self._finished_model())
        _sync_all(part)
        shutil.rmtree(self.job.folder.model, ignore_errors=True)
        part.rename(self.job.folder.model)
        sync_folder(self.job.folder.path)

    def _finished_model(self) -> Any:
        kinds = {"bf16": torch.bfloat16, "fp16": torch.float16}
        if self.recipe.save_as not in kinds or self.recipe.method == "lora":
            return self.model
        return copy.deepcopy(self.model).to(kinds[self.recipe.save_as])

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


def _sync_all(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    sync_folder(folder)


def main() -> int:
    """Works on the folder that the command line names."""
    return run_worker(train)


if __name__ == "__main__":
    raise SystemExit(main())
