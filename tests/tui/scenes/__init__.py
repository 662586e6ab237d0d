"""Every state of every screen and every dialog, each brought about the same way each time.

The snapshots are taken of them, and `python -m tests.tour` makes pictures of them.
"""

from tests.tui.scenes import corpus, everywhere, generate, shortlist, train
from tests.tui.scenes.scene import Scene

SCENES: tuple[Scene, ...] = (
    *corpus.SCENES,
    *train.SCENES,
    *generate.SCENES,
    *shortlist.SCENES,
    *everywhere.SCENES,
)
