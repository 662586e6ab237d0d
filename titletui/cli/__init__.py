"""The `titletui` command: without a word the app, with one a command for scripts."""

import argparse
import sys
from collections.abc import Sequence

from titletui import __version__
from titletui.errors import TitletuiError, UsageError

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns 0 done, 1 failed, 2 usage, 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words in (["--version"], ["-V"]):
        print(f"titletui {__version__}")
        return 0
    arguments = _parser().parse_args(words)
    try:
        return int(arguments.run(arguments))
    except UsageError as error:
        return _complain(error, EXIT_USAGE)
    except TitletuiError as error:
        return _complain(error, EXIT_FAILED)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return EXIT_FAILED


def _parser() -> argparse.ArgumentParser:
    from titletui.cli import corpora, generate, runs, shortlist, system

    parser = argparse.ArgumentParser(
        prog="titletui",
        description="Turn a corner of arXiv into paper titles. Without a command: the app.",
    )
    parser.add_argument("-V", "--version", action="version", version=f"titletui {__version__}")
    parser.set_defaults(run=_open_app)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for module in (corpora, runs, generate, shortlist, system):
        module.add_commands(commands)
    return parser


def _open_app(_: argparse.Namespace) -> int:
    """Open the app; returns its exit code."""
    import gc

    # Nothing loaded so far is garbage; `preload.freeze_gc` turns collection on again.
    gc.disable()
    from titletui.tui.app import run_app

    return run_app()


def _complain(error: TitletuiError, code: int) -> int:
    from titletui.text import display

    print(f"titletui: {display(str(error))}", file=sys.stderr)
    return code
