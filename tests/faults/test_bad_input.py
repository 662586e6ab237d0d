"""Bad input gets one clear sentence on stderr, exit code 1 or 2, and changes nothing."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from titletui.corpus.store import CorpusStore
from titletui.paths import Home

BAD = [
    (["scrape", "cs.NOPE"], "cs.NOPE"),
    (["scrape", ""], "category"),
    (["scrape", "cs.CL", "--from", "yesterday"], "yesterday"),
    (["scrape", "cs.CL", "--from", "2024-13-01"], "2024-13-01"),
    (["scrape", "cs.CL", "--from", "2024-06-01", "--until", "2024-01-01"], "2024"),
    (["scrape", "cs.CL", "--filter", "colour=red"], "colour"),
    (["scrape", "cs.CL", "--name", "../x"], "../x"),
    (["import", "no-such-file.jsonl"], "no-such-file.jsonl"),
    (["import", "."], "."),
    (["import", "empty.txt"], "empty.txt"),
    (["import", "titles.txt", "--name", "/etc/passwd"], "/etc/passwd"),
    (["corpora", "nowhere"], "nowhere"),
    (["train", "nowhere"], "nowhere"),
    (["train", "void"], "void"),
    (["train", "one"], "one"),
    (["train", "dozen", "--preset", "magic"], "magic"),
    (["train", "dozen", "--set", "steps=many"], "steps"),
    (["train", "dozen", "--set", "steps=0"], "steps"),
    (["train", "dozen", "--set", "learning_rate=-1"], "learning_rate"),
    (["train", "dozen", "--set", "colour=red"], "colour"),
    (["train", "dozen", "--base", "hollow"], "hollow"),
    (["train", "dozen", "--base", "./hollow"], "hollow"),
    (["train", "dozen", "--run", "../x"], "../x"),
    (["runs", "nobody"], "nobody"),
    (["watch", "nobody"], "nobody"),
    (["stop", "nobody"], "nobody"),
    (["resume", "nobody"], "nobody"),
    (["generate", "--temperature", "hot"], "hot"),
    (["generate", "--temperature", "-1"], "temperature"),
    (["generate", "-n", "0"], "0"),
    (["generate", "-n", "many"], "many"),
    (["generate", "-n", "1001"], "1001"),
    (["generate", "--top-p", "0"], "top-p"),
    (["generate", "--length", "0"], "length"),
    (["generate", "--model", "nobody-knows-it"], "nobody-knows-it"),
    (["generate", "--model", "./hollow"], "hollow"),
    (["generate", "--abstract", "no-such-file.txt"], "no-such-file.txt"),
    (["generate", "--against", "nowhere"], "nowhere"),
    (["shortlist", "--export", "titles.docx"], "docx"),
    (["shortlist", "--export", "no/such/folder/titles.md"], "titles.md"),
    (["shortlist", "--remove", "never starred"], "never starred"),
    (["shortlist", "--add", ""], ""),
    (["serve", "--port", "99999999"], "99999999"),
    (["serve", "--host", "0.0.0.0"], "0.0.0.0"),
    (["dance"], "dance"),
]


@pytest.fixture
def place(home: Home, tmp_path: Path) -> Path:
    """A folder with things to stumble over, and a home with small corpora."""
    (tmp_path / "empty.txt").touch()
    (tmp_path / "titles.txt").write_text("A Title\n")
    (tmp_path / "hollow").mkdir()
    (tmp_path / "hollow" / "config.json").write_text('{"model_type": "gpt2"}')
    (tmp_path / "dozen.txt").write_text("".join(f"Title {n} of twelve\n" for n in range(12)))
    for file, name in (("titles.txt", "one"), ("dozen.txt", "dozen")):
        done = subprocess.run(
            [sys.executable, "-m", "titletui", "import", file, "--name", name],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    with CorpusStore(home.corpus_db) as store:
        store.create("void")
    return tmp_path


@pytest.mark.timeout(600)
def test_bad_input_is_answered_with_one_sentence(
    place: Path, home: Home, record_property: Callable[[str, object], None]
) -> None:
    record_property("bad_inputs", len(BAD))
    before = papers(home)
    wrong = []
    for arguments, named in BAD:
        done = subprocess.run(
            [sys.executable, "-m", "titletui", *arguments],
            cwd=place, capture_output=True, text=True, check=False, timeout=120,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        if (
            done.returncode not in (1, 2)
            or not lines
            or len([line for line in lines if not line.startswith(("usage:", " "))]) != 1
            or named not in lines[-1]
            or "Traceback" in done.stderr
        ):
            wrong.append((arguments, done.returncode, done.stderr))
    assert wrong == []
    assert papers(home) == before


def papers(home: Home) -> str:
    return hashlib.sha256(home.corpus_db.read_bytes()).hexdigest()
