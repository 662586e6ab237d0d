"""The served app in a real browser: generate, star, reload, still there."""

import asyncio
import base64
import contextlib
import itertools
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.faults.test_serve import connected, served
from tests.integration.test_first_minute import STARTER
from titletui.paths import Home
from titletui.shortlist.library import Library

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--window-size=1000,640", "--remote-debugging-port=0",
)  # fmt: skip
_READY = "document.activeElement?.className == 'xterm-helper-textarea'"
KEYS = {" ": (" ", 32), "\r": ("Enter", 13), "\x1b": ("Escape", 27)}

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.skipif(not STARTER.is_file(), reason="the bundled starter model is not here"),
]


class Page:
    """A page of a real browser, driven by the DevTools protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    async def do(self, method: str, **parameters: object) -> dict[str, Any]:
        """One command and its result."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            answer = await self._socket.receive_json(timeout=30)
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return dict(answer["result"])

    async def is_true(self, expression: str) -> bool:
        """Whether a JavaScript expression is."""
        found = await self.do("Runtime.evaluate", expression=expression)
        return bool(found["result"].get("value"))

    async def open(self, address: str) -> None:
        """Goes to a page and waits until the app in it takes keys."""
        await self.do("Page.navigate", url=address)
        await soon(lambda: self.is_true(_READY))

    async def type(self, text: str) -> None:
        """Types as a person does."""
        for character in text:
            name, code = KEYS.get(character, (character, 0))
            key = {"key": name, "text": character, "windowsVirtualKeyCode": code}
            await self.do("Input.dispatchKeyEvent", type="keyDown", **key)
            await self.do("Input.dispatchKeyEvent", type="keyUp", key=name)

    async def picture(self) -> bytes:
        """A PNG of it."""
        return base64.b64decode((await self.do("Page.captureScreenshot", format="png"))["data"])


@contextlib.asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Page]:
    """A fresh Chromium."""
    environment = {name: text for name, text in os.environ.items() if "proxy" not in name.lower()}
    process = subprocess.Popen(
        [str(CHROMIUM), *FLAGS, f"--user-data-dir={folder}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )
    try:
        listening = folder / "DevToolsActivePort"
        await soon(lambda: listening.is_file() and "\n" in listening.read_text())
        host = f"http://127.0.0.1:{listening.read_text().splitlines()[0]}"
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{host}/json/list") as answer:
                (page, *_) = [one for one in await answer.json() if one["type"] == "page"]
            url = page["webSocketDebuggerUrl"]
            async with session.ws_connect(url, max_msg_size=1 << 26) as socket:
                yield Page(socket)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


async def soon(true: Callable[[], Any], seconds: float = 60) -> None:
    """Waits until `true()`, or what it promises."""
    for _ in range(int(seconds / 0.1)):
        found = true()
        if await found if asyncio.iscoroutine(found) else found:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"not within {seconds:g} s")


async def test_a_star_is_still_there_after_a_reload(home: Home, tmp_path: Path) -> None:
    with served() as address, Library.open(home) as library:
        async with aiohttp.ClientSession() as session:
            await connected(session, address)
        async with browser(tmp_path / "chromium") as page:
            await page.open(address)
            assert not await page.is_true("location.href.includes('token')")
            await page.type("Neural\r")
            await soon(lambda: any(batch.candidates == 10 for batch in library.batches()), 120)

            async def starred() -> bool:
                # They are kept a little before they are painted; until then space does nothing.
                await page.type(" ")
                await asyncio.sleep(1)
                return bool(library.favourites())

            await soon(starred)
            (star,) = library.favourites()
            assert star.text.startswith("Neural")
            first = await page.picture()

            await page.open(address.partition("?")[0])
            second = await page.picture()
            assert first != second

            async def taken_away() -> bool:
                await page.type("\x1b")
                # An escape with another key right behind it is an alt.
                await asyncio.sleep(0.3)
                await page.type("4x")
                return not library.favourites()

            # Only what is shown can be taken away.
            await soon(taken_away)
            keep = os.environ.get("TITLETUI_TEST_PICTURES")
            for name, picture in (("starred", first), ("reloaded", second)) if keep else ():
                (Path(str(keep)) / f"served-{name}.png").write_bytes(picture)
