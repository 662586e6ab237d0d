"""The Shortlist screen and its dialogs."""

from contextlib import ExitStack
from pathlib import Path

from textual.pilot import Pilot

from tests.tui.scenes.generate import one_batch
from tests.tui.scenes.scene import Scene, put
from titletui.paths import Home
from titletui.shortlist.library import Library


async def _there_already(pilot: Pilot[int]) -> None:
    Path("mine.csv").touch()


def _ten_stars(home: Home, stack: ExitStack) -> None:
    one_batch(home, stack)
    with Library.open(home) as library:
        for number in range(7):
            library.star(f"Codec Mismatch in Speaker Embeddings, Part {number + 1}")


_STARS = ("★ 3", "eess-as-1@200 ·")
SCENES: tuple[Scene, ...] = (
    Scene("shortlist-empty", "shortlist", ("Nothing starred yet",)),
    Scene("shortlist", "shortlist", _STARS, fill=one_batch),
    Scene("shortlist-edit", "shortlist", _STARS, ("j e",), fill=one_batch),
    Scene(
        "shortlist-filter",
        "shortlist",
        _STARS,
        ("slash", put("#filter", "#talk"), ("★ 1 of 3",)),
        fill=one_batch,
    ),
    Scene(
        "shortlist-filter-in-vain",
        "shortlist",
        _STARS,
        ("slash", put("#filter", "quokka"), ("No title matches",)),
        fill=one_batch,
    ),
    Scene("shortlist-removed", "shortlist", _STARS, ("x", ("★ 2", "Removed")), fill=one_batch),
    Scene("shortlist-too-few", "shortlist", _STARS, ("T", ("star 7 more",)), fill=one_batch),
    Scene(
        "shortlist-train",
        "shortlist",
        ("★ 10",),
        ("T", ("★ shortlist", "starred-titles", "6 min")),
        fill=_ten_stars,
    ),
    Scene(
        "shortlist-export",
        "shortlist",
        _STARS,
        ("E", ("Export 3 titles",), put("Input", "mine.csv")),
        fill=one_batch,
    ),
    Scene(
        "shortlist-export-over",
        "shortlist",
        _STARS,
        (
            "E",
            ("Export 3 titles",),
            _there_already,
            put("Input", "mine.csv"),
            "enter",
            ("Overwrite it?",),
        ),
        fill=one_batch,
    ),
    Scene(
        "shortlist-export-refused",
        "shortlist",
        _STARS,
        ("E", ("Export 3 titles",), put("Input", "mine.docx"), "enter", ("✕",)),
        fill=one_batch,
    ),
)
