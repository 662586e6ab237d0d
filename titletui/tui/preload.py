"""What is likely to be wanted next, made ready while nobody types.

The first frame shows one mode and loads what that needs. The first look at another one would cost
its imports, its style sheet and its widgets, which together can be felt.
"""

import asyncio
import gc
import importlib
import pkgutil
from typing import TYPE_CHECKING, cast

from titletui.tui.worker_thread import WorkerThread

if TYPE_CHECKING:
    from titletui.tui.app_base import AppBase
    from titletui.tui.mode_screen import ModeScreen

_QUIET = 0.3


async def preload_modes(app: "AppBase") -> None:
    """Loads the code of all screens in a thread of its own, then builds the other modes."""
    await _quiet(app)
    await WorkerThread("imports", lambda: "titletui.tui").run(_load)
    for mode in app.MODES:
        await _quiet(app)
        # What `switch_mode` does before it switches.
        await app._init_mode(mode)
        await cast("ModeScreen", app._screen_stacks[mode][0]).look_ahead()
    freeze_gc()


def freeze_gc() -> None:
    """What is there by now stays: garbage is looked for among what comes after it alone.

    To look through all that is loaded takes a tenth of a second, and would come in the middle of
    whatever somebody is doing.
    """
    gc.freeze()
    gc.enable()


def _load(package: str) -> None:
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        importlib.import_module(module.name)


async def _quiet(app: "AppBase") -> None:
    """Waits until no key has come for a moment."""
    before = None
    while before != app.keys_handled:
        before = app.keys_handled
        await asyncio.sleep(_QUIET)
