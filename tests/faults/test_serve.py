"""The served app lets in only the person who has the token."""

import asyncio
import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator

import aiohttp
import pytest

from tests.support.processes import until
from tests.support.terminal import SHORTLIST, TRAIN
from tests.support.training_runs import toy_run, view
from titletui.errors import UsageError
from titletui.jobs import launch
from titletui.paths import Home
from titletui.serve import TitletuiServer, serve_app
from titletui.shortlist.library import Library


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def served() -> Iterator[str]:
    """The address with the token that a real `titletui serve` prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "titletui", "serve", "--port", str(free_port())],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    match = re.match(r"Open (http://\S+)", process.stderr.readline())
    assert match
    try:
        yield match[1]
    finally:
        process.send_signal(signal.SIGINT)
        printed = "".join(process.communicate(timeout=20))
        assert match[1].partition("token=")[2] not in printed


async def connected(session: aiohttp.ClientSession, address: str) -> None:
    for _ in range(200):
        with contextlib.suppress(aiohttp.ClientConnectorError):
            async with session.get(address):
                return
        await asyncio.sleep(0.05)
    raise AssertionError("the server did not answer")


@pytest.mark.fault("F66")
async def test_without_the_token_or_from_elsewhere_nobody_gets_in() -> None:
    with served() as address:
        page = address.partition("?")[0]
        async with aiohttp.ClientSession() as session:
            await connected(session, page)
            for url, headers in (
                (page, {}),
                (f"{page}ws", {}),
                (f"{page}static/js/textual.js", {}),
                (f"{page}?token=wrong", {}),
                (page, {"Cookie": "titletui-token=wrong"}),
                (address, {"Origin": "http://evil.example"}),
                (address, {"Host": "evil.example"}),
                (f"{page}ws", {"Origin": "null"}),
            ):
                async with session.get(url, headers=headers, allow_redirects=False) as answer:
                    assert answer.status == 403, (url, headers)
                    assert "Refused" in await answer.text()


@pytest.mark.fault("F66")
async def test_the_token_opens_the_page_and_the_app_paints_itself() -> None:
    with served() as address:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            await connected(session, address)
            async with session.get(address) as answer:
                assert answer.status == 200
                assert "token" not in str(answer.url)
                assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
            (cookie,) = jar
            assert cookie["httponly"]
            assert cookie["samesite"] == "Strict"
            page = address.partition("?")[0]
            async with session.ws_connect(f"{page}ws?width=80&height=24", origin=page[:-1]) as ws:
                painted = b""
                while b"Generate" not in painted:
                    message = await ws.receive(timeout=30)
                    assert message.type is aiohttp.WSMsgType.BINARY, message
                    painted += message.data


@pytest.mark.fault("F66")
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_an_address_that_others_can_reach_needs_a_flag(host: str) -> None:
    with pytest.raises(UsageError, match="--allow-remote"):
        serve_app(host, free_port(), remote=False, announce=print)


@contextlib.asynccontextmanager
async def browsers(
    address: str, count: int
) -> AsyncIterator[list[aiohttp.ClientWebSocketResponse]]:
    """As many browsers that have the app open, each with a terminal of 100×30."""
    page = address.partition("?")[0]
    async with contextlib.AsyncExitStack() as stack:
        sockets = []
        for _ in range(count):
            session = await stack.enter_async_context(
                aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
            )
            await connected(session, address)
            async with session.get(address) as answer:
                assert answer.status == 200
            socket_ = session.ws_connect(f"{page}ws?width=100&height=30", origin=page[:-1])
            sockets.append(await stack.enter_async_context(socket_))
        yield sockets


async def painted(browser: aiohttp.ClientWebSocketResponse, text: bytes) -> None:
    """Waits until the app has painted `text`."""
    seen = b""
    while text not in seen:
        message = await browser.receive(timeout=60)
        assert message.type is aiohttp.WSMsgType.BINARY, message
        seen += message.data


async def press(browser: aiohttp.ClientWebSocketResponse, keys: str) -> None:
    await browser.send_str(json.dumps(["stdin", keys]))


@pytest.mark.fault("F67")
async def test_five_browsers_at_once_have_one_shortlist(
    home: Home, record_property: Callable[[str, object], None]
) -> None:
    texts = [f"Title number {number}" for number in range(5)]
    with Library.open(home) as library:
        for text in texts:
            library.star(text)
    with served() as address:
        async with browsers(address, 5) as open_:
            for browser in open_:
                await painted(browser, b"Prefix")
                await press(browser, SHORTLIST)
            await asyncio.gather(*(painted(browser, b"Title number 0") for browser in open_))
            # Each takes titles away, all at the same time.
            with Library.open(home) as library:
                for _ in range(600):
                    await asyncio.gather(*(press(browser, "x") for browser in open_))
                    if not library.favourites():
                        break
                    await asyncio.sleep(0.05)
                assert not library.favourites()
                # Keys that are still on their way go before these.
                await asyncio.gather(*(press(browser, TRAIN) for browser in open_))
                await asyncio.gather(*(painted(browser, b"No run yet") for browser in open_))
                library.star("Something else")
            await asyncio.gather(*(press(browser, SHORTLIST) for browser in open_))
            await asyncio.gather(*(painted(browser, b"Something else") for browser in open_))
    with Library.open(home) as library:
        kept = [one.text for one in library.favourites()]
    record_property("records_lost", int(kept != ["Something else"]))
    assert kept == ["Something else"]


@pytest.mark.fault("F67")
async def test_a_run_goes_on_when_the_browser_is_closed(home: Home) -> None:
    job = toy_run(home, steps="400")
    with served() as address:
        async with browsers(address, 1) as (browser,):
            await painted(browser, b"Prefix")
            launch.start(job)
            await press(browser, TRAIN)
            await painted(browser, b"toy-1")
            while view(job).step < 5:
                await asyncio.sleep(0.05)
        assert job.state.alive
    reached = view(job).step
    until(lambda: view(job).step > reached)
    until(lambda: not job.state.alive)
    assert job.exit is not None
    assert job.exit.outcome == "done"


def test_a_name_under_somebody_elses_control_is_no_name_of_this_machine() -> None:
    server = TitletuiServer("0.0.0.0", 8000, remote=True)
    for host in ("localhost:8000", "127.0.0.1:8000", "192.0.2.7:8000", "[2001:db8::1]:8000",
                 socket.gethostname()):  # fmt: skip
        assert server._is_own_host(host), host
    for host in ("evil.example", "192.0.2.7.evil.example:8000", ""):
        assert not server._is_own_host(host), host
