"""Loading of the other modes after the first frame, while nobody types.

Otherwise the first visit to a mode would wait for its imports, its style sheet and its widgets.
"""

import asyncio
import gc
import importlib
import pkgutil
from typing import Protocol, cast

from textual.screen import Screen

from titletui.tui.mode_screen import ModeScreen
from titletui.tui.modes import MODES
from titletui.tui.worker_thread import WorkerThread

_IDLE_SECONDS = 0.3


class _PreloadApp(Protocol):
    @property
    def keys_handled(self) -> int: ...

    async def build_mode(self, mode: str) -> Screen[None]: ...


async def preload_modes(app: _PreloadApp) -> None:
    """Import the code of all screens in a thread, then build the modes and read what they show."""
    await _until_idle(app)
    await WorkerThread("imports", lambda: "titletui.tui").run(_import_all)
    for mode in MODES:
        await _until_idle(app)
        await cast(ModeScreen, await app.build_mode(mode)).preload()
    freeze_gc()


def freeze_gc() -> None:
    """Freeze the GC so that it scans only later objects.

    A full collection of what is loaded takes 0.1 s, in the middle of whatever the user does.
    """
    gc.freeze()
    gc.enable()


def _import_all(package: str) -> None:
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        importlib.import_module(module.name)


async def _until_idle(app: _PreloadApp) -> None:
    """Wait until no key has come for a moment."""
    before = None
    while before != app.keys_handled:
        before = app.keys_handled
        await asyncio.sleep(_IDLE_SECONDS)
