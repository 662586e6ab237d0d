"""Makes the pictures in `assets/` from a home that was really used.

`python -m tests.screenshots HOME [FOLDER]` opens the app on HOME, without a terminal, at 80×24 and
120×40, and saves each of the four screens as PNG. `rsvg-convert` (Debian: librsvg2-bin) and the
font Fira Code must be installed.
"""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.pilot import Pilot

SIZES = ((80, 24), (120, 40))
MODES = {"generate": "3", "train": "2", "corpus": "1", "shortlist": "4"}
GENERATED = 240.0
DRAWN = 1.5


async def picture_all(folder: Path) -> None:
    """Saves each mode at each size."""
    from titletui.tui.app import TitletuiApp

    for width, height in SIZES:
        app = TitletuiApp()
        async with app.run_test(size=(width, height)) as pilot:
            await pilot.pause(DRAWN)
            await pilot.press("escape", "3", "escape", "r")
            await written(pilot)
            await pilot.press("g", "space", "j", "j", "space", "j", "space", "j")
            await pilot.pause(DRAWN)
            for mode, key in MODES.items():
                await pilot.press("escape", key)
                await pilot.pause(DRAWN)
                save(app.export_screenshot(), folder / f"{mode}-{width}x{height}.png", width)


async def written(pilot: "Pilot[int]") -> None:
    """Waits until all titles of the batch are there, at most `GENERATED` seconds."""
    from titletui.tui.generate.screen import GenerateScreen

    screen = pilot.app.screen
    assert isinstance(screen, GenerateScreen)
    for _ in range(int(GENERATED / DRAWN)):
        await pilot.pause(DRAWN)
        if screen.batches.current.live_batch.rows and not screen.batches.current.live_batch.running:
            return
    raise SystemExit("The titles were not written in time; try again on a machine that is free.")


def save(svg: str, path: Path, columns: int) -> None:
    """One terminal screen as PNG, 12 pixels a column."""
    local = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    local = local.replace("&#160;", " ").replace("<text ", '<text xml:space="preserve" ')
    command = ["rsvg-convert", "--width", str(columns * 12), "--output", str(path), "/dev/stdin"]
    subprocess.run(command, input=local.encode(), check=True)
    print(path)


if __name__ == "__main__":
    os.environ["TITLETUI_HOME"] = sys.argv[1]
    target = Path(sys.argv[2] if len(sys.argv) > 2 else "assets")
    target.mkdir(exist_ok=True)
    asyncio.run(picture_all(target))
