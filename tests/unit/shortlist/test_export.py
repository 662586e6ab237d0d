"""Exporting the shortlist in four formats."""

import csv
import json
from pathlib import Path

import msgspec
import pytest

from titletui.candidate import Novelty
from titletui.errors import TitletuiError, UsageError
from titletui.shortlist.export import export, origin
from titletui.shortlist.records import BatchSettings, Favourite

KEPT = [
    Favourite(
        id=1,
        text='R[0,1] *and* $\\alpha_1$, "quoted"',
        original="R[0,1]",
        note="for <b>ICASSP</b>?",
        tags=("asr", "speech"),
        starred="2026-03-01T10:00:00.000Z",
        settings=BatchSettings(
            model="eess-as-1@200", prefix="R", temperature=0.8, top_p=0.95, count=10
        ),
        seed=7,
        perplexity=9.25,
        novelty=Novelty(kind="near", similarity=0.86, id="2305.01234", title="T", year=2023),
    ),
    Favourite(id=2, text="=1+1", original="=1+1", starred="2026-03-02T10:00:00.000Z"),
]


def test_markdown_shows_every_title_literally_with_its_settings(tmp_path: Path) -> None:
    text = export(KEPT, tmp_path / "list.md").read_text()
    assert '- **R\\[0,1\\] \\*and\\* $\\alpha_1$, "quoted"**' in text
    assert "  - was: R\\[0,1\\]" in text
    assert "  - for \\<b\\>ICASSP\\</b\\>?" in text
    assert "`#asr` `#speech`" in text
    assert "eess-as-1@200 · prefix “R” · t 0.80 · top-p 0.95 · seed 7 · 2026-03-01" in text
    assert "  - typed · 2026-03-02" in text


def test_plain_text_is_one_title_a_line(tmp_path: Path) -> None:
    assert export(KEPT, tmp_path / "list.txt").read_text().splitlines() == [
        one.text for one in KEPT
    ]


def test_csv_gives_back_every_value(tmp_path: Path) -> None:
    with export(KEPT, tmp_path / "list.CSV").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == [one.text for one in KEPT]
    assert rows[0]["tags"] == "asr speech"
    assert (rows[0]["model"], rows[0]["temperature"], rows[0]["seed"]) == (
        "eess-as-1@200",
        "0.8",
        "7",
    )
    assert rows[1]["temperature"] == ""


def test_json_lines_hold_the_settings_of_each_title(tmp_path: Path) -> None:
    first, second = map(json.loads, export(KEPT, tmp_path / "list.jsonl").read_text().splitlines())
    assert first["text"] == KEPT[0].text
    assert first["settings"]["top_p"] == 0.95
    assert (first["model"], first["prefix"], first["temperature"], first["seed"]) == (
        "eess-as-1@200",
        "R",
        0.8,
        7,
    )
    assert first["novelty"]["id"] == "2305.01234"
    assert (second["model"], second["temperature"]) == ("", None)


def test_nothing_is_overwritten_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("mine")
    with pytest.raises(TitletuiError, match="exists already"):
        export(KEPT, path)
    assert path.read_text() == "mine"
    export(KEPT, path, overwrite=True)
    assert path.read_text().startswith("R[0,1]")
    assert list(tmp_path.iterdir()) == [path]


def test_control_characters_do_not_reach_a_file_that_is_read(tmp_path: Path) -> None:
    favourite = Favourite(id=1, text="a\x1b[31mb", original="a\x1b[31mb")
    for ending in ("md", "txt", "csv", "jsonl"):
        assert b"\x1b" not in export([favourite], tmp_path / f"list.{ending}").read_bytes()


@pytest.mark.parametrize("name", ["list", "list.pdf", ".md", "folder.md"])
def test_a_name_that_names_no_format_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.md").mkdir()
    with pytest.raises(UsageError):
        export(KEPT, tmp_path / name)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(TitletuiError, match="cannot be written"):
        export(KEPT, tmp_path / "missing" / "list.md")


def test_the_origin_of_a_title_says_all_that_it_was_made_by_and_no_more() -> None:
    bare = Favourite(
        id=3, text="A", original="A", starred="2026-03-01T10:00:00.000Z",
        settings=BatchSettings(model="m"),
    )  # fmt: skip
    assert origin(bare).startswith("m · ")
    settings = BatchSettings(
        model="m", abstract="We study otters.", year=2024, temperature=0.5, top_p=1.0, top_k=40
    )
    whole = msgspec.structs.replace(bare, settings=settings)
    assert origin(whole) == "m · from an abstract · year 2024 · t 0.50 · top-k 40 · 2026-03-01"
