"""Titles from the command line."""

import argparse
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from titletui.errors import TitletuiError, UsageError

if TYPE_CHECKING:
    from titletui.candidate import Candidate
    from titletui.generation.novelty import NoveltyIndex
    from titletui.generation.protocol import Generate

_MOST_ROUNDS = 50


def add_commands(commands: "argparse._SubParsersAction[Any]") -> None:
    """Adds this room's commands to the parser."""
    parser = commands.add_parser(
        "generate",
        help="write titles",
        description="Writes titles; each is printed as soon as it ends.",
    )
    parser.add_argument("--model", default="starter", help="starter, a run, a folder or a hub id")
    parser.add_argument("--prefix", default="", help="what each title begins with")
    parser.add_argument("-n", "--count", default="10", help="how many (1 to 1000)")
    parser.add_argument("--temperature", default="0.8", help="0 takes the likeliest words")
    parser.add_argument(
        "--top-p", default="0.95", help="only the likeliest that make up this share"
    )
    parser.add_argument("--top-k", default="0", help="only so many of the likeliest; 0 means all")
    parser.add_argument("--length", default="48", help="most new tokens of a title")
    parser.add_argument("--abstract", metavar="FILE", help="titles of this abstract; - reads stdin")
    parser.add_argument("--year", help="titles of this year, from a model that knows years")
    parser.add_argument("--seed", help="the same seed gives the same titles")
    parser.add_argument("--against", metavar="CORPUS", help="compare with this corpus, not all")
    parser.add_argument("--new-only", action="store_true", help="go on until so many are new")
    parser.add_argument(
        "--sort",
        choices=("arrival", "agreement"),
        default="arrival",
        help="agreement: at the end, the title first that says what most say (for --abstract)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(run=_generate)


def _generate(arguments: argparse.Namespace) -> int:
    import asyncio

    return asyncio.run(_write(arguments, _request(arguments)))


def _request(arguments: argparse.Namespace) -> "Generate":
    """What the options ask for.

    Raises:
        UsageError: one of them is no number, or out of range.
    """
    from titletui.generation.protocol import Generate
    from titletui.sampling_params import SamplingParams

    prefix = arguments.prefix.encode(errors="replace").decode()
    return Generate(
        id=1,
        model=arguments.model,
        prefix=prefix,
        abstract=_abstract(arguments.abstract),
        year=None if arguments.year is None else _whole("--year", arguments.year, 1, 9999),
        count=_whole("-n", arguments.count, 1, 1000),
        sampling=SamplingParams(
            temperature=_number("--temperature", arguments.temperature, 0, 5),
            top_p=_number("--top-p", arguments.top_p, 0, 1, above=True),
            top_k=_whole("--top-k", arguments.top_k, 0, 1_000_000),
            max_tokens=_whole("--length", arguments.length, 1, 1024),
            seed=None if arguments.seed is None else _whole("--seed", arguments.seed, 0, 2**63 - 1),
        ),
    )


def _whole(option: str, text: str, least: int, most: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = None
    if value is None or not least <= value <= most:
        raise UsageError(f"{option} takes a whole number from {least} to {most}, not {text!r:.40}.")
    return value


def _number(option: str, text: str, least: float, most: float, *, above: bool = False) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not (least < value <= most if above else least <= value <= most):
        start = f"above {least:g}" if above else f"from {least:g}"
        raise UsageError(f"{option} takes a number {start} to {most:g}, not {text!r:.40}.")
    return value


def _abstract(file: str | None) -> str:
    if file is None:
        return ""
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"The abstract {file} cannot be read ({error.strerror}).") from error
    text = data.decode(errors="replace").strip()
    if not text:
        raise UsageError(f"The abstract {file} is empty.")
    return text


async def _write(arguments: argparse.Namespace, request: "Generate") -> int:
    """Prints titles until there are as many as were asked for; returns the exit code."""
    from titletui.generation.client import GenerationClient
    from titletui.generation.mbr import by_agreement
    from titletui.paths import find_home

    home = find_home()
    if arguments.against and not home.corpus_db.exists():
        raise UsageError(f"There is no corpus named {arguments.against!r:.80}; there is none yet.")
    new = 0
    waiting: list[Candidate] = []
    async with GenerationClient(home) as client:
        # It starts while the corpora are opened here.
        await client.start()
        from titletui.generation.novelty import NoveltyIndex

        with NoveltyIndex(home.corpus_db, arguments.against) as novelty:
            async for candidate in _compared(client, request, novelty, arguments.new_only):
                is_new = candidate.novelty is not None and candidate.novelty.kind == "new"
                new += is_new
                if arguments.new_only and not is_new:
                    continue
                if arguments.sort == "agreement":
                    waiting.append(candidate)
                else:
                    _print(arguments, candidate)
    for place in by_agreement([candidate.text for candidate in waiting]):
        _print(arguments, waiting[place])
    if arguments.new_only and new < request.count:
        raise TitletuiError(
            f"Only {new} titles are new after many tries; "
            "try a higher temperature or another prefix."
        )
    return 0


async def _compared(
    client: Any, request: "Generate", novelty: "NoveltyIndex", new_only: bool
) -> AsyncIterator["Candidate"]:
    """Each candidate with its novelty; with `new_only`, until `request.count` are new."""
    import asyncio

    import msgspec

    from titletui.cli.output import say
    from titletui.generation.protocol import Failed, Generated, Loaded, Loading, with_seed
    from titletui.text import fold

    wanted = request.count
    before: set[str] = set()
    for _ in range(_MOST_ROUNDS if new_only else 1):
        async for answer in client.generate(request):
            match answer:
                case Loading() if sys.stderr.isatty():
                    say(f"{answer.what} …")
                case Loaded() if answer.note:
                    say(answer.note)
                case Failed():
                    raise TitletuiError(answer.error)
                case Generated():
                    candidate = answer.candidate
                    if new_only and fold(candidate.text) in before:
                        continue
                    before.add(fold(candidate.text))
                    found = await asyncio.to_thread(novelty.check, candidate.text)
                    wanted -= found.kind == "new"
                    yield msgspec.structs.replace(candidate, novelty=found)
                    request = with_seed(request, candidate.seed)
                    if new_only and wanted <= 0:
                        return
        # Another seed, derived from the first, so that --seed still decides all titles.
        request = with_seed(request, ((request.sampling.seed or 0) + 1) % 2**63)
        request = msgspec.structs.replace(request, id=request.id + 1)


def _print(arguments: argparse.Namespace, candidate: "Candidate") -> None:
    from titletui.cli.output import print_json, print_line

    novelty = candidate.novelty
    assert novelty is not None
    if not arguments.json:
        mark = "" if novelty.kind == "new" else f"   [{novelty.kind} {novelty.similarity:.2f}]"
        print_line(candidate.text + (mark if sys.stdout.isatty() else ""))
        return
    print_json(
        {
            "text": candidate.text,
            "perplexity": candidate.perplexity,
            "tokens": candidate.tokens,
            "novelty": {
                "kind": novelty.kind,
                "similarity": novelty.similarity,
                "id": novelty.id,
                "title": novelty.title,
            },
            "seed": candidate.seed,
            "model": arguments.model,
        }
    )
