"""All checks and tests: `python -m tests [--quick | --latest] [pytest arguments]`.

`--quick` leaves out what starts processes and what is marked `slow`. `--latest` ignores the lock:
it installs the newest versions that `pyproject.toml` allows into a fresh environment, and runs
there.
"""

import argparse
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
CHECKS = (
    ("ruff", "format", "--check", "--quiet", "."),
    ("ruff", "check", "--quiet", "."),
    ("mypy", "--no-error-summary"),
    ("lint-imports", "--no-cache"),
)
QUICK = ("-m", "not slow", "tests/unit", "tests/tui")


def run(*command: str | Path) -> bool:
    """Run a command in the repository; return whether it succeeded."""
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def run_all(pytest_arguments: list[str]) -> bool:
    """Run every check, then the tests; return whether all passed."""
    scripts = Path(sysconfig.get_path("scripts"))
    passed = True
    for tool, *arguments in CHECKS:
        print(f"── {tool} {' '.join(arguments)}", flush=True)
        passed &= run(scripts / tool, *arguments)
    print("── pytest", flush=True)
    pytest = (sys.executable, "-m", "pytest", "-n", "2", "--dist", "worksteal", "-q")
    return run(*pytest, *pytest_arguments) and passed


def run_latest(pytest_arguments: list[str]) -> bool:
    """Run everything in a fresh environment that was installed without the lock.

    Ends with the packages that have newer releases than `pyproject.toml` allows.
    """
    with tempfile.TemporaryDirectory(prefix="titletui-latest-") as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        pip = (python, "-m", "pip", "--disable-pip-version-check")
        if not run(*pip, "install", "--quiet", "--editable", ".[test]"):
            return False
        passed = run(python, "-m", "tests", *pytest_arguments)
        print("── newer releases that pyproject.toml does not allow", flush=True)
        run(*pip, "list", "--outdated")
        return passed


def main() -> int:
    """Return 1 if any check or test failed."""
    parser = argparse.ArgumentParser(prog="python -m tests", description=__doc__)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--quick", action="store_true", help="a contributor's three minutes")
    choice.add_argument("--latest", action="store_true", help="the newest versions, not the lock")
    chosen, pytest_arguments = parser.parse_known_args()
    if chosen.latest:
        return int(not run_latest(pytest_arguments))
    if chosen.quick:
        pytest_arguments = [*QUICK, *pytest_arguments]
    return int(not run_all(pytest_arguments))


if __name__ == "__main__":
    raise SystemExit(main())
