"""The `titletui` command: the app without arguments, else one of the commands.

`titletui --version` imports nothing but this file, so the other imports are in functions.
"""

import sys

from titletui.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run a command line; return 0 done, 1 failed, 2 usage error, 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words in (["--version"], ["-V"]):
        print(f"titletui {__version__}")
        return 0
    from titletui.cli.output import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, say
    from titletui.errors import TitletuiError, UsageError

    arguments = build_parser().parse_args(words)
    try:
        return int(arguments.run(arguments))
    except UsageError as error:
        say(f"titletui: {error}")
        return EXIT_USAGE
    except TitletuiError as error:
        say(f"titletui: {error}")
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return EXIT_FAILED
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        say(f"titletui: {name}{error.strerror or error}")
        return EXIT_FAILED
    except UnicodeEncodeError:
        say("titletui: A name or an argument is not valid UTF-8; rename it.")
        return EXIT_USAGE


def build_parser() -> "argparse.ArgumentParser":
    """Return the parser of all commands."""
    import argparse

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


def _open_app(_: "argparse.Namespace") -> int:
    import gc

    # Nothing imported so far is garbage; `preload.freeze_gc` enables the collector again.
    gc.disable()
    from titletui.tui.app import run_app

    return run_app()
