"""How every screen, dialog and empty state looks, at 80×24 and at 120×40.

After a change that was meant: `python -m tests.tour`, look, `pytest tests/tui/test_snapshots.py
--snapshot-update`, and look at what `git diff` says has changed.
"""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.tui.scenes import SCENES
from tests.tui.scenes.scene import Scene

pytestmark = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="the pictures are made by Python 3.11"
)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
@pytest.mark.parametrize("scene", SCENES, ids=[scene.name for scene in SCENES])
def test_it_looks_as_it_did(
    scene: Scene,
    size: tuple[int, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    snap_compare: Callable[..., bool],
) -> None:
    with ExitStack() as stack:
        app = scene.prepare(tmp_path, stack, monkeypatch)
        assert snap_compare(app, terminal_size=size, run_before=scene.play)
