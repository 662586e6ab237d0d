"""Output that cannot be written, and locales that cannot show it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from titletui.errors import UsageError
from titletui.paths import Home, find_home
from titletui.shortlist.library import Library

TITLE = "Größe … 語"


def titletui(
    *words: str, stdout: int | IO[bytes] = subprocess.PIPE, **environment: str
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, "-m", "titletui", *words], stdout=stdout,
        stderr=subprocess.PIPE, env=os.environ | environment, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_another_encoding_replaces_characters_and_leaves_json_alone(
    home: Home, encoding: str
) -> None:
    with Library(home.library_db) as library:
        library.star(TITLE)
    done = titletui("shortlist", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode(encoding).strip() == TITLE.encode(encoding, "replace").decode(
        encoding
    )
    done = titletui("shortlist", "--json", PYTHONIOENCODING=encoding)
    assert json.loads(done.stdout)["text"] == TITLE
    done = titletui("shortlist", "--remove", TITLE + "!?", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize(
    ("words", "code"),
    [(("shortlist", "--json"), 1), (("doctor",), 1), (("shortlist", "--add", "Another"), 0)],
)
def test_a_full_standard_output_is_one_sentence(
    home: Home, words: tuple[str, ...], code: int
) -> None:
    with Library(home.library_db) as library:
        library.star(TITLE)
    with open("/dev/full", "wb") as full:
        done = titletui(*words, stdout=full)
    assert done.returncode == code
    assert b"Traceback" not in done.stderr
    assert b"Standard output cannot be written (No space left on device)." in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_variables_in_the_home_are_expanded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRATCH", str(tmp_path))
    monkeypatch.setenv("TITLETUI_HOME", "$SCRATCH/mine")
    assert find_home().data == tmp_path / "mine"
    monkeypatch.setenv("TITLETUI_HOME", "$NO_SUCH_VARIABLE/mine")
    with pytest.raises(UsageError, match="a variable that is not set"):
        find_home()
