"""Useful title tokens a second, ours beside the recipes in use.

`python -m tests.benchmarks.training TITLES [--rounds 3] [--size distilgpt2|gpt2]`, where TITLES is
a file of plain titles, one a line. Each loop runs in a fresh process with one thread, on the same
model of random weights with 50,257 tokens, in turn, round by round; some in the first round alone
(and of the first two only one batch, without the optimizer step of the first). What is counted is
processor time, so that other programs beside them count little, and the matrix peak is measured
anew in each round. `--loops` names some of them. Peers are plain transformers:

| loop | what it is |
|---|---|
| neo-report | Trainer, each title padded to the model's length (1,024), batch 2 × 5, fp32 |
| article | Trainer, padded to 300 tokens, batch 16, fp32 |
| dynamic | Trainer, padded to the longest of the batch, batch 16, fp32 |
| packed-bf16 | a nanoGPT-style loop over one stream of titles, blocks of 256, bf16 autocast |
| ours | `titletui train`, the whole worker with its event log |
| ours, embeddings frozen | the same with `freeze_embeddings=true` |
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

SHAPES = {"distilgpt2": (6, 12, 768), "gpt2": (12, 12, 768)}
PEERS = {"neo-report": 20.0, "article": 4.0, "dynamic": 3.0, "packed-bf16": 1.3}
OURS = {"ours": (), "ours, embeddings frozen": ("freeze_embeddings=true",)}
ONCE = ("neo-report", "article", "ours, embeddings frozen")
USED = 4000
STEPS, SKIPPED = 7, 2


def main() -> None:
    """Prints the table and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("titles", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", choices=SHAPES, default="distilgpt2")
    parser.add_argument("--loops", nargs="+", choices=[*PEERS, *OURS], default=[*PEERS, *OURS])
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--base", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        print(json.dumps(peer(arguments.peer, arguments.base, arguments.titles)))
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(arguments.titles, Path(folder), arguments)


def compare(titles: Path, folder: Path, asked: argparse.Namespace) -> None:
    """Runs the loops in turn and prints what came out."""
    size = asked.size
    used = folder / "titles.txt"
    lines = titles.read_text(encoding="utf-8").splitlines()
    step = max(1, len(lines) // USED)
    used.write_text("\n".join(lines[::step][:USED]), encoding="utf-8")
    base = folder / "base"
    parameters = make_base(base, size, lines[:: max(1, len(lines) // 50_000)])
    print(f"{size}: {parameters / 1e6:.0f} M parameters, one thread, processor time")
    speeds: dict[str, list[float]] = {}
    peaks = []
    for number in range(asked.rounds):
        peaks.append(matrix_peak())
        print(f"  round {number + 1}  {'matrix peak, bf16':26}{peaks[-1] / 1e9:9.0f} GFLOP/s")
        for name in asked.loops:
            if number and name in ONCE:
                continue
            speed = (
                ours(name, base, used, folder, number)
                if name in OURS
                else run_peer(name, base, used)
            )
            speeds.setdefault(name, []).append(speed)
            print(f"  round {number + 1}  {name:26}{speed:9.1f} tok/s", flush=True)
    print(f"{'':26}{'median':>9}{'min':>9}{'max':>9}{'of peak':>9}{'ours is':>10}{'to beat':>9}")
    peak = statistics.median(peaks)
    best = statistics.median(speeds.get("ours", [0.0]))
    for name, found in speeds.items():
        median = statistics.median(found)
        share = 6 * parameters * median / peak
        ratio = f"{best / median:9.1f}×" if name in PEERS else ""
        goal = f"{PEERS[name]:8.1f}×" if name in PEERS else ""
        print(
            f"{name:26}{median:9.1f}{min(found):9.1f}{max(found):9.1f}{share:9.1%}{ratio:>10}{goal:>9}"
        )


def make_base(folder: Path, size: str, titles: list[str]) -> int:
    """A GPT-2 of that size with random weights; its tokenizer is trained on the titles."""
    from transformers import GPT2Config, GPT2LMHeadModel

    from titletui.training.from_scratch import train_tokenizer

    layers, heads, width = SHAPES[size]
    tokenizer = train_tokenizer(titles, 50_257)
    end = tokenizer.eos_token_id
    config = GPT2Config(
        vocab_size=50_257, n_layer=layers, n_head=heads, n_embd=width,
        bos_token_id=end, eos_token_id=end,
    )  # fmt: skip
    model = GPT2LMHeadModel(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return int(model.num_parameters())


def matrix_peak() -> float:
    """FLOP/s of a large bf16 matrix product on one thread."""
    import torch

    torch.set_num_threads(1)
    a, b = (torch.randn(1024, 1024).bfloat16() for _ in range(2))
    times = []
    for _ in range(20):
        began = time.process_time()
        a @ b
        times.append(time.process_time() - began)
    return float(2 * 1024**3 / min(times))


def ours(name: str, base: Path, titles: Path, folder: Path, number: int) -> float:
    """Tokens a second of the worker, from its event log; the first steps are not counted."""
    home = folder / f"home-{number}-{name[-6:]}"
    environment = {**os.environ, "TITLETUI_HOME": str(home), "OMP_NUM_THREADS": "1"}
    settings = ("heldout=0", "save_every=1000", "sample_every=1000", *OURS[name])
    command = [sys.executable, "-m", "titletui"]
    for words in (
        ["import", str(titles), "--name", "bench"],
        ["train", "bench", "--base", str(base), "--steps", str(STEPS + 1), "--run", "bench",
         "--detach", *(part for setting in settings for part in ("--set", setting))],
    ):  # fmt: skip
        subprocess.run([*command, *words], env=environment, check=True, capture_output=True)
    return followed(home / "jobs" / "run" / "bench" / "events.jsonl")


def followed(events: Path) -> float:
    """Title tokens in a second of the processor time that the worker took for its steps."""
    worker: psutil.Process | None = None
    tokens: list[int] = []
    spent: list[float] = []
    while not events.exists():
        time.sleep(0.01)
    with events.open() as log:
        while len(tokens) < STEPS:
            line = log.readline()
            event = json.loads(line) if line else {}
            if event.get("type") == "started":
                worker = psutil.Process(event["pid"])
            elif event.get("type") == "step" and worker:
                times = worker.cpu_times()
                tokens.append(event["tokens"])
                spent.append(times.user + times.system)
            elif event.get("type") == "ended":
                raise SystemExit(f"the run ended: {event['reason']}")
            elif not line:
                time.sleep(0.005)
    if worker:
        worker.wait()
    return sum(tokens[SKIPPED:]) / (spent[-1] - spent[SKIPPED - 1])


def run_peer(name: str, base: Path, titles: Path) -> float:
    """Tokens a second of a peer, in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.training", str(titles), "--peer", name]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(
        [*command, "--base", str(base)], env=environment, check=True, capture_output=True, text=True
    )
    return float(json.loads(done.stdout.splitlines()[-1]))


def peer(name: str, base: Path, titles: Path) -> float:
    """Title tokens a second of a loop in use."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.pad_token = tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(base)
    lines = titles.read_text(encoding="utf-8").splitlines()
    if name == "packed-bf16":
        return packed(model, tokenizer, lines)
    padded = {"neo-report": (1024, 2, 5, 1), "article": (300, 16, 1, 1), "dynamic": (0, 16, 1, 7)}
    length, batch, accumulation, steps = padded[name]
    return trainer(model, tokenizer, lines, length, batch, accumulation, steps)


def trainer(
    model: Any, tokenizer: Any, lines: list[str],
    length: int, batch: int, accumulation: int, steps: int,
) -> float:  # fmt: skip
    """A Trainer as tutorials set it up; timed over so many of its batches."""
    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments

    times: list[float] = []
    useful: list[int] = []

    class Enough(Exception):  # noqa: N818
        """No more batches are needed."""

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            if not times:
                times.append(time.process_time())

        def on_substep_end(self, *_: Any, **__: Any) -> None:
            times.append(time.process_time())
            if len(times) > steps:
                raise Enough

        def on_step_end(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
            times.append(time.process_time())
            if len(times) > steps:
                control.should_training_stop = True

    def collate(texts: list[dict[str, str]]) -> dict[str, torch.Tensor]:
        ended = [row["text"] + tokenizer.eos_token for row in texts]
        options = {"padding": "max_length", "max_length": length, "truncation": True}
        rows = tokenizer(ended, return_tensors="pt", **(options if length else {"padding": True}))
        mask = rows["attention_mask"]
        useful.append(int(mask.sum()))
        return {**rows, "labels": rows["input_ids"].masked_fill(mask == 0, -100)}

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, per_device_train_batch_size=batch, gradient_accumulation_steps=accumulation,
            max_steps=steps, learning_rate=5e-4, save_strategy="no", report_to="none",
            use_cpu=True, remove_unused_columns=False, disable_tqdm=True, dataloader_num_workers=0,
        )  # fmt: skip
        loop = Trainer(
            model=model, args=arguments, train_dataset=[{"text": line} for line in lines],
            data_collator=collate, callbacks=[Clock()],
        )  # fmt: skip
        with contextlib.suppress(Enough):
            loop.train()
    counted = len(times) - 1
    return sum(useful[:counted]) / (times[-1] - times[0])


def packed(model: Any, tokenizer: Any, lines: list[str]) -> float:
    """One stream of titles and end tokens in blocks, bf16 autocast, fused AdamW."""
    import torch

    ended = [line + tokenizer.eos_token for line in lines]
    stream = torch.tensor([token for row in tokenizer(ended)["input_ids"] for token in row])
    block, batch = 256, 8
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4, fused=True)
    model.train()
    times = []
    for _ in range(5):
        starts = torch.randint(len(stream) - block - 1, (batch,))
        inputs = torch.stack([stream[i : i + block] for i in starts])
        targets = torch.stack([stream[i + 1 : i + block + 1] for i in starts])
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(inputs).logits
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        times.append(time.process_time())
    return batch * block * (len(times) - 1) / (times[-1] - times[0])


if __name__ == "__main__":
    main()
