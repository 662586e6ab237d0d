"""A newcomer's first minute: a prefix, titles, a star, and everything still there afterwards."""

import sys
from pathlib import Path

import pytest

import titletui
from tests.support.terminal import ENTER, SHORTLIST, Terminal
from titletui.paths import Home

STARTER = Path(titletui.__file__).parent / "starter" / "model.safetensors"

pytestmark = pytest.mark.skipif(
    not STARTER.is_file(), reason="the bundled starter model is not in this copy"
)


def starred(terminal: Terminal) -> str:
    """The first title that is shown as starred; empty without one."""
    for line in terminal.text.splitlines():
        if "★" in line and "ppl" in line:
            return line.partition("★")[2].partition(" ppl")[0].strip()
    return ""


def write_and_star(terminal: Terminal) -> str:
    """Types a prefix, waits for titles, stars the first; returns it."""
    terminal.until("Press space to star")
    terminal.press("Neural" + ENTER)
    terminal.until(lambda: terminal.text.count("ppl") > 2)
    terminal.press(" ")
    terminal.until(lambda: starred(terminal))
    return starred(terminal)


def test_the_first_star_outlives_a_kill_and_is_exported_by_keys(home: Home, tmp_path: Path) -> None:
    with Terminal() as terminal:
        title = write_and_star(terminal)
        assert title.startswith("Neural")
        terminal.kill()

    target = tmp_path / "best.md"
    with Terminal() as terminal:
        terminal.until("Shortlist")
        terminal.press(SHORTLIST)
        terminal.until("★ 1 ")
        terminal.until(title)
        terminal.press("E")
        terminal.until("escape cancel")
        terminal.press("\x15")
        terminal.until(lambda: "shortlist.md" not in terminal.text)
        terminal.press(str(target) + ENTER)
        terminal.until(target.is_file)
        terminal.until(lambda: "escape cancel" not in terminal.text)
        terminal.press("q")
        assert terminal.ended() == 0
    assert title in target.read_text()


def test_two_instances_see_each_others_stars(home: Home) -> None:
    with Terminal() as first, Terminal() as second:
        second.until("Prefix")
        second.press(SHORTLIST)
        second.until("Nothing starred yet")
        title = write_and_star(first)
        second.until(title)
        second.press("x")
        second.until("Nothing starred yet")
        first.until(lambda: not starred(first))


SLOW = """
import asyncio
from titletui.tui import app
from titletui.tui.generate.screen import GenerateScreen

mount = GenerateScreen.on_mount

async def late(screen):
    await asyncio.sleep(1)
    await mount(screen)

GenerateScreen.on_mount = late
raise SystemExit(app.run_app())
"""


def test_what_is_typed_while_the_app_opens_is_not_lost(home: Home) -> None:
    with Terminal([sys.executable, "-c", SLOW]) as terminal:
        terminal.until(lambda: terminal.painted)
        terminal.press("Zebrafish")
        terminal.until("Zebrafish")
