"""Serve the app to a browser, protected by a token: for a GPU machine reached with `ssh -L`.

textual-serve, which runs the app for the browser, has no authentication and accepts any Origin and
Host. The middleware here requires this machine's Host, the page's own Origin, and the token: in the
address of the first request, from then on in a cookie.
"""

import ipaddress
import secrets
import shlex
import socket
import sys
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web
from textual_serve.server import Server

from titletui.errors import TitletuiError, UsageError

COOKIE = "titletui-token"
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'"
)
# Focuses the terminal, so that the first key arrives without a click.
_FOCUS = """<script>
const waiting = setInterval(() => {
  const keyboard = document.querySelector(".xterm-helper-textarea");
  if (keyboard && document.body.classList.contains("-first-byte")) {
    clearInterval(waiting);
    keyboard.focus();
  }
}, 50);
</script></body>"""
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class TitletuiServer(Server):
    """textual-serve's server with authentication.

    Args:
        remote: accept connections of other machines.
    """

    def __init__(self, host: str, port: int, *, remote: bool) -> None:
        command = shlex.join([sys.executable, "-P", "-m", "titletui"])
        super().__init__(command, host=host, port=port, title="titletui")
        self.token = secrets.token_urlsafe(24)
        self.remote = remote

    @property
    def address(self) -> str:
        """The address of the page, with the token."""
        host = "127.0.0.1" if _is_anywhere(self.host) else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/?token={self.token}"

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._authenticate)
        return app

    def initialize_logging(self) -> None:
        """Log warnings only: an access log would contain the token."""

    async def on_startup(self, app: web.Application) -> None:
        """Print nothing: the command line prints the address."""

    async def handle_index(self, request: web.Request) -> web.StreamResponse:
        """Return the page, with the port that the browser sees, which `ssh -L` may have changed."""
        self.public_url = f"http://{request.host}"
        response = await super().handle_index(request)
        assert isinstance(response, web.Response)
        response.text = (response.text or "").replace("</body>", _FOCUS)
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    @web.middleware
    async def _authenticate(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if not self._is_own_host(request.host):
            return _refuse("this server does not answer to that host name")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            return _refuse("the request comes from another page")
        given = request.query.get("token")
        if given is not None and secrets.compare_digest(given.encode(), self.token.encode()):
            answer = web.HTTPFound("/")
            answer.set_cookie(COOKIE, self.token, httponly=True, samesite="Strict", path="/")
            return answer
        if not secrets.compare_digest(
            request.cookies.get(COOKIE, "").encode(errors="replace"), self.token.encode()
        ):
            return _refuse("open the address that titletui serve printed, with its token")
        return await handler(request)

    def _is_own_host(self, host: str) -> bool:
        name = urlsplit(f"//{host}").hostname or ""
        if name == "localhost" or _is_loopback(name):
            return True
        if not self.remote:
            return False
        # Any other name may resolve to this address (DNS rebinding); a literal address cannot.
        return _is_address(name) or name in (socket.gethostname(), socket.getfqdn())


def serve_app(host: str, port: int, *, remote: bool, announce: Callable[[str], None]) -> None:
    """Serve the app until it is interrupted.

    Args:
        remote: accept other machines; else `host` must be a loopback address.
        announce: called once with the address to open.

    Raises:
        UsageError: `host` is not a loopback address and `remote` is not set.
        TitletuiError: the port cannot be used.
    """
    if not remote and host != "localhost" and not _is_loopback(host):
        raise UsageError(
            f"{host} can be reached by other machines; use 127.0.0.1 with ssh -L, "
            "or add --allow-remote if you mean it."
        )
    server = TitletuiServer(host, port, remote=remote)
    _check_port(host, port)
    announce(server.address)
    server.serve()


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise TitletuiError(
                f"Port {port} on {host} cannot be used ({error.strerror}); choose one with --port."
            ) from error


def _refuse(why: str) -> web.Response:
    return web.Response(status=403, text=f"Refused: {why}.\n")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(name: str) -> bool:
    return _is_address(name) and ipaddress.ip_address(name).is_loopback


def _is_anywhere(name: str) -> bool:
    return _is_address(name) and ipaddress.ip_address(name).is_unspecified
