"""Lock the versions that the tests run with: `python -m tests.lock [--check]`.

Writes `constraints.txt`: the newest version of every package, direct or not, that `pyproject.toml`
allows, with all extras. pip only resolves; nothing is installed. Run it with the oldest Python
that `pyproject.toml` allows, since what it takes works on the newer ones, too.

`--check` asks whether each pin has a wheel for every supported Python on Linux (x86-64) and macOS
(arm64).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "constraints.txt"
OLDEST = (3, 11)
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = {
    "Linux": [f"manylinux_2_{minor}_x86_64" for minor in range(5, 29)],
    "macOS": ["macosx_14_0_arm64", "macosx_10_9_universal2"],
}
# Follow from torch's own pins, and differ from machine to machine.
UNPINNED = ("cuda-", "nvidia-", "triton")
# Published without wheels; built on any Python.
SOURCE_ONLY = ("pylatexenc", "rouge_score")
HEADER = """\
# The versions that the tests run with, on Python 3.11 to 3.14, Linux and macOS.
# Written by `python -m tests.lock`; used with `pip install -c constraints.txt`.
"""


def resolve() -> list[str]:
    """Return `name==version` of the package's dependencies with all extras, sorted by name.

    A local version label such as `+cpu` is left off, so that any build of that version fits.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = ",".join(project["optional-dependencies"])
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
    done = subprocess.run(
        [*command, "--report", "-", f".[{extras}]"], cwd=ROOT, stdout=subprocess.PIPE
    )
    if done.returncode:
        raise SystemExit("pip cannot resolve the dependencies of pyproject.toml")
    found: list[dict[str, Any]] = json.loads(done.stdout)["install"]
    packages = [(one["metadata"]["name"], one["metadata"]["version"]) for one in found]
    return [
        f"{name}=={version.partition('+')[0]}"
        for name, version in sorted(packages, key=lambda package: package[0].lower())
        if name not in ("titletui", "pip") and not name.startswith(UNPINNED)
    ]


def missing_wheels(pins: list[str], python: str, platforms: list[str]) -> str:
    """Return pip's complaint about the pins that have no wheel there, or nothing."""
    wheels = [pin for pin in pins if not pin.startswith(SOURCE_ONLY)]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps"]
        command += ["--only-binary", ":all:", "--ignore-installed", "--target", folder]
        command += ["--python-version", python]
        for platform in platforms:
            command += ["--platform", platform]
        done = subprocess.run([*command, *wheels], stderr=subprocess.PIPE, text=True)
    complaints = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return "\n".join(complaints) if done.returncode else ""


def check() -> int:
    """Print the outcome for each Python and platform; return 1 if a wheel is missing."""
    pins = [line for line in LOCK.read_text().splitlines() if not line.startswith("#")]
    failed = 0
    for python in PYTHONS:
        for system, platforms in PLATFORMS.items():
            complaint = missing_wheels(pins, python, platforms)
            failed |= bool(complaint)
            print(f"Python {python}, {system}: {complaint or 'every pin has a wheel'}", flush=True)
    return failed


def main() -> int:
    """Write or check the lock."""
    parser = argparse.ArgumentParser(prog="python -m tests.lock", description=__doc__)
    parser.add_argument("--check", action="store_true", help="look for a wheel of every pin")
    if parser.parse_args().check:
        return check()
    if sys.version_info[:2] != OLDEST:
        raise SystemExit(f"the lock is made with Python {OLDEST[0]}.{OLDEST[1]}, the oldest")
    before = set(LOCK.read_text().splitlines()) if LOCK.exists() else set()
    pins = resolve()
    LOCK.write_text(HEADER + "".join(f"{pin}\n" for pin in pins))
    for change in sorted(before ^ set(pins), key=str.lower):
        if not change.startswith("#"):
            print("-" if change in before else "+", change)
    print(f"{LOCK.name}: {len(pins)} packages")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
