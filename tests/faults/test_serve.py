"""The served app lets in only the person who has the token."""

import asyncio
import contextlib
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import aiohttp
import pytest

from titletui.errors import UsageError
from titletui.serve import serve_app


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
