"""Titles a second, beside what others do: `python -m tests.benchmarks.generation`.

One thread, all peers in one process and in turns, timed by the processor time that they take, so
that what else the machine does counts little; the median of the rounds. The starter ends its titles
by itself; the larger model has random weights and writes 18 tokens a title.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

THREADS = "1"
ENVIRONMENT = {
    "OMP_NUM_THREADS": THREADS,
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "HF_HUB_OFFLINE": "1",
}
TOKENS = 18
KNOBS = {"default params": (0.8, 0.95), "untruncated": (1.0, 1.0)}
_GENERATE = "generate(num_return_sequences=N), fp32"
_OURS = "our loop on the CPU decoder, bf16 (what is used)"
_CONVERTED = "CTranslate2, int8"

Peer = Callable[[int, float, float, int], int]


def main() -> None:
    """Prints a table for each model and each setting of the params."""
    if any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):
        # All peers get the allocator's settings that the generation server has.
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.benchmarks.generation", *sys.argv[1:]],
            os.environ | ENVIRONMENT,
        )
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", nargs="+", default=["starter", "distilgpt2 size"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for model in options.models:
            folder = _folder(model, Path(scratch))
            peers = _peers(folder, Path(scratch) / "converted", ends=model == "starter")
            for name, (temperature, top_p) in KNOBS.items():
                for count in (10, 100):
                    print(f"\n{model}, {count} titles, {name}", flush=True)
                    _compare(peers, count, temperature, top_p, options.rounds)
                _first_title(folder, temperature, top_p)


def _compare(
    peers: dict[str, Peer], count: int, temperature: float, top_p: float, rounds: int
) -> None:
    speeds: dict[str, list[float]] = {name: [] for name in peers}
    for turn in range(rounds + 1):
        for name, write in peers.items():
            few = 10 if name.startswith("one call") else count
            began = time.process_time()
            tokens = write(few, temperature, top_p, turn)
            took = time.process_time() - began
            if turn:
                speeds[name].append(tokens / TOKENS / took)
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    slowest = next(iter(medians.values()))
    for name, speed in medians.items():
        print(f"  {name:44} {speed:8.1f} titles/s  × {speed / slowest:6.1f}")
    print(
        f"  what is used: × {medians[_OURS] / medians[_GENERATE]:.2f} batched generate,"
        f" × {medians[_OURS] / medians[_CONVERTED]:.2f} CTranslate2"
    )


def _first_title(folder: Path, temperature: float, top_p: float) -> None:
    """How long until the first of 10, against the time of that title alone."""
    import torch

    from titletui.inference.cpu_decoder import open_decoder
    from titletui.inference.prefix import open_title
    from titletui.inference.sampler import write_titles
    from titletui.models.prompts import Prompt
    from titletui.models.token_bytes import read_vocabulary
    from titletui.models.validation import check_model
    from titletui.sampling_params import SamplingParams

    torch.set_num_threads(int(THREADS))
    vocabulary = read_vocabulary(folder)
    decoder = open_decoder(folder, check_model(folder), torch.bfloat16)
    assert vocabulary is not None
    assert decoder is not None
    opening = open_title(vocabulary, Prompt(), "", max_tokens=TOKENS, context=decoder.context)
    for count in (10, 100):
        ratios = []
        for seed in range(7):
            params = SamplingParams(temperature=temperature, top_p=top_p, seed=seed)
            began = time.process_time()
            first = next(write_titles(decoder, vocabulary, [opening], params, count))
            waited = time.process_time() - began
            began = time.process_time()
            with torch.inference_mode():
                decoder.reset()
                decoder.prefill(list(opening.tokens), 1, share=True)
                decoder.fork(len(opening.tokens), 1)
                for token in first.token_ids:
                    decoder.step(torch.tensor([token]))
            ratios.append(waited / (time.process_time() - began))
        print(f"  first of {count}: × {statistics.median(ratios):.1f} the time of its own tokens")


def _peers(folder: Path, converted: Path, *, ends: bool) -> dict[str, Peer]:
    """What is compared; each returns how many tokens it wrote."""
    import ctranslate2
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModelForCausalLM

    from titletui.inference.cpu_decoder import open_decoder
    from titletui.inference.prefix import open_title
    from titletui.inference.sampler import Decoder, write_titles
    from titletui.inference.transformers_decoder import TransformersDecoder
    from titletui.models.prompts import Prompt
    from titletui.models.token_bytes import read_vocabulary
    from titletui.models.validation import check_model
    from titletui.sampling_params import SamplingParams

    torch.set_num_threads(int(THREADS))
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    vocabulary = read_vocabulary(folder)
    assert vocabulary is not None
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    beginning = [tokenizer.id_to_token(vocabulary.start)]
    start = torch.tensor([[vocabulary.start]])
    generator = ctranslate2.Generator(
        str(_convert(folder, converted)), device="cpu", intra_threads=int(THREADS)
    )

    def generate(count: int, temperature: float, top_p: float, seed: int) -> int:
        torch.manual_seed(seed)
        with torch.inference_mode():
            rows = model.generate(
                start,
                do_sample=True,
                temperature=temperature,
                top_p=top_p,
                top_k=0,
                num_return_sequences=count,
                max_new_tokens=TOKENS,
                min_new_tokens=1 if ends else TOKENS,
                pad_token_id=vocabulary.end,
            )[:, 1:]
        return int((rows != vocabulary.end).sum())

    def one_by_one(count: int, temperature: float, top_p: float, seed: int) -> int:
        return sum(generate(1, temperature, top_p, 1000 * seed + i) for i in range(count))

    def ours(decoder: Decoder) -> Peer:
        opening = open_title(vocabulary, Prompt(), "", max_tokens=TOKENS, context=decoder.context)

        def write(count: int, temperature: float, top_p: float, seed: int) -> int:
            params = SamplingParams(temperature=temperature, top_p=top_p, seed=seed)
            titles = write_titles(decoder, vocabulary, [opening], params, count, one_line=ends)
            return sum(len(title.token_ids) - title.whole for title in titles)

        return write

    def converted_generator(count: int, temperature: float, top_p: float, seed: int) -> int:
        results = generator.generate_batch(
            [beginning] * count,
            max_length=TOKENS,
            min_length=1 if ends else TOKENS,
            sampling_topk=0,
            sampling_topp=top_p,
            sampling_temperature=temperature,
            include_prompt_in_result=False,
            return_scores=True,
        )
        return sum(len(result.sequences_ids[0]) for result in results)

    config = check_model(folder)
    float32, bfloat16 = (
        open_decoder(folder, config, one) for one in (torch.float32, torch.bfloat16)
    )
    assert float32 is not None
    assert bfloat16 is not None
    in_bf16 = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()
    return {
        "one call of generate a title, fp32": one_by_one,
        _GENERATE: generate,
        "our loop on transformers, fp32": ours(TransformersDecoder(model)),
        "our loop on transformers, bf16": ours(TransformersDecoder(in_bf16)),
        "our loop on the CPU decoder, fp32": ours(float32),
        _OURS: ours(bfloat16),
        _CONVERTED: converted_generator,
    }


def _convert(folder: Path, converted: Path) -> Path:
    from ctranslate2.converters import TransformersConverter

    target = converted / folder.name
    TransformersConverter(str(folder)).convert(str(target), quantization="int8", force=True)
    config = json.loads((target / "config.json").read_text())
    # CTranslate2 wants a name for what is unknown; byte-level tokenizers know everything.
    config["unk_token"] = config["unk_token"] or config["eos_token"]
    (target / "config.json").write_text(json.dumps(config))
    return target


def _folder(model: str, scratch: Path) -> Path:
    from titletui.paths import STARTER

    if model == "starter":
        return STARTER
    if Path(model).is_dir():
        return Path(model)
    from tests.support.models import TITLES
    from titletui.training.from_scratch import new_model, train_tokenizer
    from titletui.training.recipe import Recipe

    folder = scratch / "distil"
    tokenizer = train_tokenizer(TITLES, 2000)
    # As many tokens as GPT-2 has: the output layer is half of the work.
    tokenizer.add_tokens([f"token{number}" for number in range(50_257 - len(tokenizer))])
    recipe = Recipe(vocabulary=50_257, width=768, layers=6, heads=12, context=1024)
    new_model(recipe, tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    main()
