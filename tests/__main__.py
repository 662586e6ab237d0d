"""All checks and tests: `python -m tests [pytest arguments]`."""

import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parent.parent
SCRIPTS = Path(sysconfig.get_path("scripts"))
CHECKS = (
    ("ruff", "format", "--check", "--quiet", "."),
    ("ruff", "check", "--quiet", "."),
    ("mypy", "--no-error-summary"),
    ("lint-imports", "--no-cache"),
)


def main() -> int:
    """Runs every check, then the tests; returns 1 if any of them failed."""
    failed = False
    for tool, *arguments in CHECKS:
        print(f"── {tool} {' '.join(arguments)}", flush=True)
        failed |= (
            subprocess.run([SCRIPTS / tool, *arguments], cwd=ROOT, check=False).returncode != 0
        )
    print("── pytest", flush=True)
    tests = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "worksteal", "-q", *sys.argv[1:]]
    failed |= subprocess.run(tests, cwd=ROOT, check=False).returncode != 0
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
