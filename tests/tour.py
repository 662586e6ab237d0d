"""Pictures of every screen, dialog and empty state, to be looked at.

`python -m tests.tour FOLDER [WORD…]` saves the scenes whose names have one of the words, or all,
as PNG at 60×20, 80×24, 120×40 and 200×60. `rsvg-convert` (Debian: librsvg2-bin) and the font Fira
Code must be installed.
"""

import asyncio
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.screenshots import save
from tests.tui.scenes import SCENES
from tests.tui.scenes.scene import Scene

SIZES = ((60, 20), (80, 24), (120, 40), (200, 60))


async def picture(scene: Scene, size: tuple[int, int], target: Path) -> None:
    """Saves `scene` as it is at `size`."""
    name = f"{scene.name}-{size[0]}x{size[1]}"
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        monkeypatch = stack.enter_context(pytest.MonkeyPatch.context())
        monkeypatch.setenv("HF_HOME", folder)
        app = scene.prepare(Path(folder), stack, monkeypatch)
        async with app.run_test(size=size, notifications=True) as pilot:
            try:
                await scene.play(pilot)
            except AssertionError as error:
                print(f"{name}: {error}", file=sys.stderr)
            svg = app.export_screenshot()
    save(svg, target / f"{name}.png", size[0])


if __name__ == "__main__":
    folder = Path(sys.argv[1]).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    words = sys.argv[2:] or [""]
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    for scene in SCENES:
        if any(word in scene.name for word in words):
            for size in SIZES:
                if not (folder / f"{scene.name}-{size[0]}x{size[1]}.png").exists():
                    asyncio.run(picture(scene, size, folder))
