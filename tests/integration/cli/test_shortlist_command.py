"""The shortlist from a script."""

import json
from pathlib import Path

import pytest

from titletui.candidate import Candidate
from titletui.cli import main
from titletui.paths import Home
from titletui.shortlist.library import Library
from titletui.shortlist.records import BatchSettings


def run(*words: str) -> int:
    return main(["shortlist", *words])


def test_titles_are_added_listed_and_removed_by_a_script(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--add", "Neural Things", "--note", "maybe", "--tag", "ASR") == 0
    assert run("--add", "Other Things") == 0
    capsys.readouterr()
    assert run("--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["text"] for row in rows] == ["Other Things", "Neural Things"]
    wanted = {
        "text",
        "original",
        "note",
        "tags",
        "model",
        "prefix",
        "temperature",
        "seed",
        "starred",
    }
    assert wanted <= rows[0].keys()
    assert (rows[1]["note"], rows[1]["tags"]) == ("maybe", ["asr"])
    assert run("--filter", "#asr") == 0
    assert capsys.readouterr().out == "Neural Things  — maybe\n"
    assert run("--edit", "neural things", "Neural Matters") == 0
    assert run("--remove", "Neural Matters") == 0
    assert run("--undo") == 0
    capsys.readouterr()
    assert run("--json", "--filter", "matters") == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["text"], row["original"]) == ("Neural Matters", "Neural Things")


def test_adding_again_changes_the_note_and_keeps_the_tags(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    run("--add", "A Title", "--tag", "one", "--note", "old")
    capsys.readouterr()
    assert run("--add", "a title", "--tag", "two", "--note", "new", "--json") == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["text"], row["note"], row["tags"]) == ("A Title", "new", ["one", "two"])


def test_the_export_says_how_many_and_never_overwrites(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("--add", "A Title")
    target = tmp_path / "list.md"
    assert run("--export", str(target)) == 0
    assert "1 title written" in capsys.readouterr().err
    assert run("--export", str(target)) == 1
    assert "exists already" in capsys.readouterr().err
    assert run("--export", str(target), "--overwrite") == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--add", " "], 2, "cannot be empty"),
        (["--remove", "nobody"], 2, "is not on the shortlist"),
        (["--edit", "nobody", "x"], 2, "is not on the shortlist"),
        (["--note", "x"], 2, "--note and --tag need a title"),
        (["--overwrite"], 2, "needs --export"),
        (["--add", "x", "--tag", "two words"], 2, "A tag is one word"),
        (["--export", "list.pdf"], 2, "is not a known format"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    home: Home, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert run(*words) == code
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) == 1


def test_a_tag_that_is_refused_leaves_nothing_starred(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    run("--add", "A Title", "--tag", "two words")
    capsys.readouterr()
    run("--json")
    assert capsys.readouterr().out == ""


def test_an_empty_shortlist_says_what_to_do(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    assert "--add" in capsys.readouterr().err
    assert run("--undo") == 0
    assert "nothing to be undone" in capsys.readouterr().err


def test_too_few_choices_are_reported(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    run("--add", "A Title")
    capsys.readouterr()
    assert run("--taste", "--json") == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == {"stars": 0, "passed": 0, "auc": None}
    assert "This needs 20 starred candidates" in said.err
    assert run("--taste") == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "This needs 20 starred candidates" in said.err


def test_a_fitted_model_is_described(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    with Library.open(home) as library:
        batch = library.start_batch(BatchSettings(model="starter"))
        new = [Candidate(text=f"A title about otters, {n}", index=n) for n in range(50)]
        ids = library.add_candidates(batch, new)
        for one, candidate in zip(new[:22], ids, strict=False):
            library.star(one.text, candidate=candidate)
    assert run("--taste") == 0
    said = capsys.readouterr()
    assert "learned from 22 stars and 28 titles passed over; its accuracy is known" in said.out
