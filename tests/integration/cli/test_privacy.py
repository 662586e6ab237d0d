"""What the commands write is private."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from titletui.paths import Home


@pytest.mark.fault("F64")
def test_all_that_the_commands_write_is_private_whatever_the_umask(
    home: Home, tmp_path: Path
) -> None:
    titles = tmp_path / "titles.txt"
    titles.write_text("".join(f"A title about otters, number {n}\n" for n in range(40)))
    small = ("steps=2", "preview_titles=1", "preview_tokens=2", "final_titles=1")
    for command in (
        ["import", str(titles), "--name", "otters"],
        ["train", "otters", "--run", "first", *(f"--set={change}" for change in small)],
        ["generate", "--model", "first", "-n", "1", "--length", "4"],
        ["shortlist", "--add", "A Survey of Otters"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "titletui", *command],
            capture_output=True,
            text=True,
            umask=0,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr
    written = [*home.data.rglob("*")]
    assert len(written) > 20
    loose = [path for path in written if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert not loose
