"""The command `generate`."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from titletui.errors import UsageError

if TYPE_CHECKING:
    from titletui.candidate import Candidate
    from titletui.generation.protocol import Generate, Loaded, Loading


def add_commands(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add `generate`."""
    parser = commands.add_parser(
        "generate",
        help="generate titles",
        description="Generates titles; each is printed as soon as it is complete.",
    )
    parser.add_argument("--model", default="starter", help="starter, a run, a folder or a hub id")
    parser.add_argument("--prefix", default="", help="the beginning of every title")
    parser.add_argument("-n", "--count", default="10", help="how many (1 to 1000)")
    parser.add_argument("--temperature", default="0.8", help="0 is greedy decoding")
    parser.add_argument(
        "--top-p", default="0.95", help="sample from the likeliest tokens of this total probability"
    )
    parser.add_argument(
        "--top-k", default="0", help="sample from so many likeliest tokens; 0 means all"
    )
    parser.add_argument("--length", default="48", help="most new tokens of a title")
    parser.add_argument(
        "--abstract", metavar="FILE", help="titles for this abstract; - reads stdin"
    )
    parser.add_argument("--year", help="titles of this year, for models trained on years")
    parser.add_argument("--seed", help="the same seed gives the same titles")
    parser.add_argument("--against", metavar="CORPUS", help="compare with this corpus, not all")
    parser.add_argument("--new-only", action="store_true", help="continue until so many are new")
    parser.add_argument(
        "--sort",
        choices=("arrival", "agreement"),
        default="arrival",
        help="agreement: at the end, first the title that most others agree with (--abstract)",
    )
    parser.add_argument("--yes", action="store_true", help="download the model without asking")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(run=_generate)


def _generate(arguments: argparse.Namespace) -> int:
    import asyncio

    request = _request(arguments)
    if request.model != "starter" and not arguments.yes:
        _confirm_download(request.model)
    return asyncio.run(_write(arguments, request))


def _confirm_download(model: str) -> None:
    """Ask before a name that is neither a run nor a folder is looked up on the hub.

    Raises:
        UsageError: the answer is no, or there is nobody to ask and a run has a similar name.
    """
    import difflib

    from titletui.cli.output import confirm
    from titletui.jobs.job import list_jobs
    from titletui.models.registry import find_model
    from titletui.paths import find_home

    home = find_home()
    found = find_model(home, model)
    if found.kind != "hub" or found.path is not None:
        return
    runs = [job.name for job in list_jobs(home.jobs, "run")]
    similar = difflib.get_close_matches(model, runs, n=1, cutoff=0.75)
    hint = f" (did you mean {similar[0]}?)" if similar else ""
    problem = f"{model} is neither a run nor a folder{hint}"
    if sys.stdin.isatty() and sys.stderr.isatty():
        if not confirm(f"{problem}. Download it from the hub?"):
            raise UsageError("Nothing was downloaded.")
    elif similar:
        raise UsageError(f"{problem}; add --yes to download it from the hub.")


def _request(arguments: argparse.Namespace) -> "Generate":
    """Return the request that the options describe.

    Raises:
        UsageError: an option is not a number, or out of range.
    """
    from titletui.generation.protocol import Generate
    from titletui.sampling_params import SamplingParams
    from titletui.settings import GenerateSettings

    return Generate(
        id=1,
        model=arguments.model,
        prefix=arguments.prefix.encode(errors="replace").decode(),
        abstract=_abstract(arguments.abstract),
        year=_year(arguments.year),
        count=_parse("-n", GenerateSettings, "count", arguments.count),
        sampling=SamplingParams(
            temperature=_parse(
                "--temperature", SamplingParams, "temperature", arguments.temperature
            ),
            top_p=_parse("--top-p", SamplingParams, "top_p", arguments.top_p),
            top_k=_parse("--top-k", SamplingParams, "top_k", arguments.top_k),
            max_tokens=_parse("--length", SamplingParams, "max_tokens", arguments.length),
            seed=_parse("--seed", SamplingParams, "seed", arguments.seed),
        ),
    )


def _parse(option: str, schema: type[Any], name: str, text: str | None) -> Any:
    """Parse an option as the field `name` of `schema`; None where it was not given."""
    import msgspec

    from titletui.settings import field, parse

    return (
        None
        if text is None
        else parse(msgspec.structs.replace(field(schema, name), name=option), text)
    )


def _year(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:5]) <= 9999):
        raise UsageError(f"--year must be a whole number from 1 to 9999, not {text!r:.40}.")
    return int(text)


def _abstract(file: str | None) -> str:
    from titletui.decoding import decode_text
    from titletui.importing.sources import pasted_path
    from titletui.pasted import normalize_pasted

    if file is None:
        return ""
    try:
        data = sys.stdin.buffer.read() if file == "-" else pasted_path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"The abstract {file} cannot be read ({error.strerror}).") from error
    text = normalize_pasted(decode_text(data, f"The abstract {file}"))
    if not text:
        raise UsageError(f"The abstract {file} is empty.")
    return text


async def _write(arguments: argparse.Namespace, request: "Generate") -> int:
    """Print candidates as they arrive, or sorted at the end; return the exit code."""
    from titletui.generation.candidates import stream_candidates
    from titletui.generation.mbr import by_agreement
    from titletui.paths import find_home

    waiting: list[Candidate] = []
    stream = stream_candidates(
        find_home(),
        request,
        against=arguments.against,
        new_only=arguments.new_only,
        on_message=_show_loading,
    )
    try:
        async for candidate in stream:
            if arguments.sort == "agreement":
                waiting.append(candidate)
            else:
                _print(arguments, candidate)
    finally:
        for place in by_agreement([candidate.text for candidate in waiting]):
            _print(arguments, waiting[place])
    return 0


def _show_loading(message: "Loading | Loaded") -> None:
    from titletui.cli.output import say
    from titletui.generation.protocol import Loading

    if not isinstance(message, Loading):
        if message.note:
            say(message.note)
    elif sys.stderr.isatty():
        say(f"{message.what} …")


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
