"""Figures about the starter, or about any model folder.

`python -m tests.benchmarks.starter [SECTION …] [--model FOLDER] [--papers FILE] [--pairs FILE]
[--corpus FILE]` prints the sections that are named, else all for which the files are given:

| section | needs | prints |
|---|---|---|
| heldout | papers | nats a token, perplexity and bits a character on the model's own held-out 1 % |
| copies | papers | shares of copies and of unique ones among 1,000 titles |
| abstracts | pairs | ROUGE of titles from held-out abstracts, beside the first sentence's |
| samples | | 50 uncurated titles, and 20 for each of four prefixes |
| strings | papers | what looks private or offensive among 2,000 titles |
| speed | | seconds to load, and of `titletui generate -n 10` from a cold start |
| finetune | corpus | best held-out loss after minutes, from the model and from random weights |
| trials | papers, named | runs that each change one thing of the recipe, from random weights |

`--papers` is what the model was trained on, a file that titletui imports or a corpus.db; `--pairs`
has abstracts; `--corpus` is a corner to fine-tune on. `OMP_NUM_THREADS` sets the threads.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.starter import (
    abstracts,
    copies,
    finetune,
    heldout,
    samples,
    speed,
    strings,
    trials,
)
from titletui.errors import TitletuiError
from titletui.models.registry import ModelInfo, find_model
from titletui.paths import Home

Section = Callable[[ModelInfo, argparse.Namespace], None]
SECTIONS: dict[str, tuple[Section, str]] = {
    "heldout": (heldout.show, "papers"),
    "copies": (copies.show, "papers"),
    "abstracts": (abstracts.show, "pairs"),
    "samples": (samples.show, ""),
    "strings": (strings.show, "papers"),
    "speed": (speed.show, ""),
    "finetune": (finetune.show, "corpus"),
    "trials": (trials.show, "papers"),
}


def main() -> int:
    """Prints the sections that are asked for; returns the exit code."""
    assert __doc__
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.starter",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sections", metavar="SECTION", nargs="*", help=", ".join(SECTIONS))
    parser.add_argument("--model", default="starter", help="a model folder (default: the starter)")
    parser.add_argument("--papers", type=Path, help="what the model was trained on")
    parser.add_argument("--pairs", type=Path, help="papers with abstracts")
    parser.add_argument("--corpus", type=Path, help="a corner to fine-tune on")
    parser.add_argument("--most", type=int, default=0, help="at most so many held-out papers")
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--low", type=float, default=0.3, help="low temperature, for abstracts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=5.0, help="for each fine-tune")
    parser.add_argument("--rate", default="5e-4", help="learning rate from the model")
    parser.add_argument("--new-rate", default="1.5e-3", help="learning rate from random weights")
    parser.add_argument("--together", action="store_true", help="both fine-tunes side by side")
    parser.add_argument("--titles", type=int, default=30_000, help="titles that a trial reads")
    options = parser.parse_args()
    if unknown := [name for name in options.sections if name not in SECTIONS]:
        parser.error(f"no section {unknown[0]!r}; there are: {', '.join(SECTIONS)}")
    given = [name for name, (_, need) in SECTIONS.items() if not need or getattr(options, need)]
    for name in options.sections:
        if name not in given:
            parser.error(f"{name} needs --{SECTIONS[name][1]}")
    try:
        with tempfile.TemporaryDirectory() as scratch:
            nowhere = Path(scratch)
            model = find_model(Home(nowhere, nowhere, nowhere, nowhere), options.model)
        print(f"{model.path}: {model.parameters / 1e6:.2f} M parameters, {', '.join(model.tasks)}")
        for name in options.sections or [name for name in given if name != "trials"]:
            print(f"\n## {name}\n", flush=True)
            SECTIONS[name][0](model, options)
    except TitletuiError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
