"""The commands models, doctor and serve."""

import argparse
from collections.abc import Mapping
from typing import Any


def add_commands(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add models, doctor and serve."""
    models = commands.add_parser("models", help="list the models that can generate")
    models.add_argument("--json", action="store_true", help="one JSON object a line")
    models.set_defaults(run=_models)

    doctor = commands.add_parser("doctor", help="diagnose this machine and titletui's files")
    doctor.add_argument("--json", action="store_true", help="one JSON object a line")
    doctor.set_defaults(run=_doctor)

    serve = commands.add_parser("serve", help="the app in a browser, behind a token")
    serve.add_argument("--port", type=int, default=8765, metavar="N")
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    serve.add_argument(
        "--allow-remote",
        action="store_true",
        help="accept other machines (unencrypted)",
    )
    serve.set_defaults(run=_serve)


def _models(arguments: argparse.Namespace) -> int:
    from titletui.cli.output import print_json, print_line
    from titletui.models.registry import list_models
    from titletui.paths import find_home

    for model in list_models(find_home()):
        if arguments.json:
            print_json(
                {
                    "name": model.name,
                    "kind": model.kind,
                    "task": model.task,
                    "tasks": model.tasks,
                    "parameters": model.parameters,
                }
            )
        else:
            size = f"{model.parameters / 1e6:,.0f} M" if model.parameters else ""
            tasks = ", ".join(model.tasks)
            print_line(f"{model.name:<32} {model.kind:<8} {tasks:<26} {size:>7}")
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    from titletui.cli.output import print_json, print_line
    from titletui.doctor import diagnose
    from titletui.paths import find_home

    glyphs = {"ok": "✓", "warning": "!", "error": "✗"}
    area, wrong = "", False
    for check in diagnose(find_home(), _keymap_problems):
        wrong |= check.verdict == "error"
        if arguments.json:
            print_json(check)
            continue
        if check.area != area:
            area = check.area
            print_line(f"{area}")
        print_line(f"  {glyphs[check.verdict]} {check.name:<14} {check.finding}")
        if check.advice:
            print_line(f"    {check.advice}")
    return int(wrong)


def _keymap_problems(keys: Mapping[str, str]) -> list[str]:
    if not keys:
        return []
    from titletui.tui.keymap import keymap_problems

    return keymap_problems(keys)


def _serve(arguments: argparse.Namespace) -> int:
    from titletui.cli.output import say
    from titletui.errors import TitletuiError, UsageError

    if not 1 <= arguments.port <= 65535:
        raise UsageError(f"--port takes a number from 1 to 65535, not {arguments.port}.")
    try:
        from titletui.serve import serve_app
    except ImportError as error:
        raise TitletuiError(
            f"{error.name} is not installed; run: pip install 'titletui[serve]'."
        ) from error

    def announce(address: str) -> None:
        say(f"Open {address}")
        if not arguments.allow_remote:
            port = arguments.port
            say(f"From another machine first run: ssh -L {port}:127.0.0.1:{port} THIS-HOST")
        say("Ctrl-C stops it; runs continue without it.")

    serve_app(arguments.host, arguments.port, remote=arguments.allow_remote, announce=announce)
    return 0
