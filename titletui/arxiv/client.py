"""HTTP client of an OAI-PMH server: rate limit, retries, deadlines, and stopping at any time."""

import email.utils
import queue
import re
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol, TypeVar
from urllib.parse import urljoin, urlsplit, urlunsplit

import httpx
import msgspec
import tenacity

from titletui.arxiv.rate_limit import RateLimiter, is_loopback
from titletui.errors import TitletuiError
from titletui.network import create_client
from titletui.version import __version__

ARXIV = "https://oaipmh.arxiv.org/oai"
_POLL = 0.1
_REMAINING = "\x00"
_ERRNO = re.compile(r"\[Errno -?\d+\] ")
_REPORT_SILENCE_AFTER = 5.0
_REDIRECTS = 5
_UNREACHABLE_TRIES = 4
_RETRY_AFTER_CAP = 3_600.0
_BACKOFF_CAP = 600.0
_RETRIED_STATUS = (408, 425, 429, 500, 502, 503, 504)
_NOT_THE_PAGE = (429, 503)


T = TypeVar("T")


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one request and of its retries.

    Attributes:
        silence: seconds without a byte before a request is given up (arXiv takes up to 90 when it
            is cold).
        deadline: seconds for a whole response.
        body: bytes of a response at most, uncompressed.
        tries: of one request.
        backoff: seconds before the second try, doubled with each; None for three intervals.
    """

    silence: float = 150.0
    deadline: float = 900.0
    body: int = 64 << 20
    tries: int = 8
    backoff: float | None = None


class StoppedError(Exception):
    """The harvest was asked to stop."""


class TransientError(TitletuiError):
    """A failure that may pass when the request is repeated.

    Attributes:
        retry_after: seconds that the server asks to wait, if it does.
        broken_page: the fault may be with this page rather than with the server.
        tries: how often at most to try because of this failure.
    """

    def __init__(
        self,
        text: str,
        *,
        retry_after: float | None = None,
        broken_page: bool = False,
        tries: int | None = None,
    ) -> None:
        super().__init__(text)
        self.retry_after = retry_after
        self.broken_page = broken_page
        self.tries = tries


class PermanentError(TitletuiError):
    """A failure that repeating the request will not cure."""


class Progress(Protocol):
    """What the client needs of a harvest's progress."""

    @property
    def stopping(self) -> bool: ...

    def set_waiting(self, reason: str) -> None: ...


class OaiClient:
    """Requests to one OAI-PMH server.

    Attributes:
        url: the base URL; a permanent redirect changes it.
        server: the server's name for messages.
        requests: made so far, redirects included.
    """

    def __init__(
        self,
        url: str,
        rate_limiter: RateLimiter,
        progress: Progress,
        retry_policy: RetryPolicy,
        contact: str = "",
    ) -> None:
        """Send nothing yet.

        Args:
            contact: an e-mail address for the User-Agent, or empty.

        Raises:
            TitletuiError: the URL is neither https nor of this machine.
        """
        self.url = require_https(url)
        self.server = "arXiv" if _is_arxiv(url) else urlsplit(url).netloc
        self.requests = 0
        self._rate_limiter = rate_limiter
        self._progress = progress
        self._retry_policy = retry_policy
        self._user_agent = user_agent(contact)
        self._client = self._new_client()

    def close(self) -> None:
        self._client.close()

    def get(
        self, query: Mapping[str, str], parse: Callable[[bytes], T], *, tries: int | None = None
    ) -> T:
        """Request `query` and parse the response, with retries and exponential backoff.

        Args:
            parse: takes the body; may raise `TransientError`.
            tries: fewer than the policy's.

        Raises:
            StoppedError: the harvest is to stop.
            PermanentError: repeating the request is no use.
            TransientError: of the last try.
        """
        policy = self._retry_policy
        first = 3 * self._rate_limiter.interval if policy.backoff is None else policy.backoff
        exponential = tenacity.wait_exponential(multiplier=first, max=_BACKOFF_CAP)
        backoff = exponential + tenacity.wait_random(0, first / 2)
        most = tries or policy.tries

        def failure(state: tenacity.RetryCallState) -> TransientError:
            error = state.outcome.exception() if state.outcome else None
            assert isinstance(error, TransientError)
            return error

        def wait(state: tenacity.RetryCallState) -> float:
            asked = failure(state).retry_after
            return backoff(state) if asked is None else min(asked, _RETRY_AFTER_CAP)

        def before_sleep(state: tenacity.RetryCallState) -> None:
            seconds = state.next_action.sleep if state.next_action else 0.0
            self._sleep(seconds, f"tries again in {_REMAINING}: {str(failure(state)).rstrip('.')}")

        retrying = tenacity.Retrying(
            stop=lambda state: state.attempt_number >= min(most, failure(state).tries or most),
            wait=wait,
            retry=tenacity.retry_if_exception_type(TransientError),
            before_sleep=before_sleep,
            sleep=lambda _: None,  # `before_sleep` sleeps, and can be interrupted.
            reraise=True,
        )
        return retrying(lambda: parse(self._request(dict(query))))

    def _request(self, query: dict[str, str]) -> bytes:
        """One try: the body of the response, redirects followed."""
        url = httpx.URL(self.url, params=query)
        for _ in range(_REDIRECTS + 1):
            with self._rate_limiter.acquire(self._sleep):
                response = self._send(url)
            if not 300 <= response.status < 400:
                return self._body(response)
            location = response.headers.get("location", "")
            try:
                target = urljoin(str(url), location)
                allowed = is_allowed_redirect(self.url, target)
                url = httpx.URL(target)
            except (ValueError, httpx.InvalidURL):
                target, allowed = location, False
            if not allowed:
                raise PermanentError(
                    f"{self.server} redirects to {target[:200]}, which is not followed "
                    "(only arXiv's own hosts are, over https)."
                )
            if response.status in (301, 308):
                self.url = urlunsplit((*urlsplit(target)[:3], "", ""))
        raise PermanentError(f"{self.server} redirects in a circle; try again tomorrow.")

    def _body(self, response: "_Response") -> bytes:
        """The body of a 200 response; other statuses become errors."""
        if response.status == 200:
            return response.body
        if response.status == 403:
            raise PermanentError(
                f"{self.server} refuses to serve this address (403); do not try again for some "
                "hours, then resume."
            )
        if response.status in _RETRIED_STATUS:
            raise TransientError(
                f"{self.server} answers {response.status}",
                retry_after=retry_after(response.headers),
                broken_page=response.status not in _NOT_THE_PAGE,
            )
        raise PermanentError(f"{self.server} answers {response.status}; the harvest cannot go on.")

    def _send(self, url: httpx.URL) -> "_Response":
        """Send one request.

        It runs in a thread, so that neither a silent server nor a slow name look-up keeps the
        harvest from stopping.
        """
        self.requests += 1
        policy = self._retry_policy
        request = _Request(self._client, url, policy.body)
        began = time.monotonic()
        threading.Thread(target=request.run, daemon=True).start()
        while True:
            try:
                result = request.results.get(timeout=_POLL)
            except queue.Empty:
                pass
            else:
                if isinstance(result, Exception):
                    raise self._translated(result) from result
                return result
            now = time.monotonic()
            silent = now - request.last_byte
            if self._progress.stopping:
                self._abandon(request)
                raise StoppedError
            if silent > policy.silence:
                self._abandon(request)
                raise TransientError(f"{self.server} was silent for {silent:.0f} s")
            if now - began > policy.deadline:
                self._abandon(request)
                raise TransientError(f"{self.server} took more than {policy.deadline:.0f} s")
            if silent > _REPORT_SILENCE_AFTER:
                self._progress.set_waiting(f"{self.server} has been silent for {silent:.0f} s")

    def _abandon(self, request: "_Request") -> None:
        """Leave a request to its thread and go on with a new connection."""
        request.abandoned.set()
        self._client = self._new_client()

    def _translated(self, error: Exception) -> Exception:
        """An httpx error as a `TransientError`."""
        if isinstance(error, httpx.TimeoutException):
            return TransientError(f"{self.server} does not answer")
        if isinstance(error, httpx.ConnectError):
            return TransientError(
                f"{self.server} cannot be reached ({_ERRNO.sub('', str(error))})",
                tries=_UNREACHABLE_TRIES,
            )
        if isinstance(error, httpx.HTTPError):
            return TransientError(
                f"the answer of {self.server} breaks off ({error})", broken_page=True
            )
        return error

    def _sleep(self, seconds: float, reason: str) -> None:
        """Sleep unless the harvest is to stop; `_REMAINING` in `reason` becomes the time left."""
        until = time.monotonic() + seconds
        while (remaining := until - time.monotonic()) > 0:
            if self._progress.stopping:
                raise StoppedError
            self._progress.set_waiting(reason.replace(_REMAINING, f"{remaining:.0f} s"))
            time.sleep(min(remaining, _POLL))
        if self._progress.stopping:
            raise StoppedError

    def _new_client(self) -> httpx.Client:
        return create_client(
            headers={"User-Agent": self._user_agent, "Accept-Encoding": "gzip"},
            timeout=httpx.Timeout(30.0, read=self._retry_policy.silence + 5.0),
            limits=httpx.Limits(max_connections=1),
            trust_env=not is_loopback(self.url),
        )


class _Response(msgspec.Struct, frozen=True):
    status: int
    headers: dict[str, str]
    body: bytes


class _Request:
    """One request, to be run in a thread.

    Attributes:
        results: gets a response or an exception.
        last_byte: when the last byte came, by the monotonic clock.
        abandoned: nobody waits for the result any more.
    """

    def __init__(self, client: httpx.Client, url: httpx.URL, most_bytes: int) -> None:
        self.results: queue.Queue[_Response | Exception] = queue.Queue()
        self.abandoned = threading.Event()
        self.last_byte = time.monotonic()
        self._client = client
        self._url = url
        self._most_bytes = most_bytes

    def run(self) -> None:
        try:
            self.results.put(self._read())
        except Exception as error:
            self.results.put(error)

    def _read(self) -> _Response:
        parts: list[bytes] = []
        size = 0
        with self._client.stream("GET", self._url) as response:
            self.last_byte = time.monotonic()
            headers = {name.lower(): value for name, value in response.headers.items()}
            if response.status_code == 200:
                for part in response.iter_bytes():
                    self.last_byte = time.monotonic()
                    size += len(part)
                    if size > self._most_bytes:
                        raise PermanentError(
                            f"{self._url.host} sends more than {self._most_bytes >> 20} MiB for "
                            "one page; that is not a list of papers."
                        )
                    if self.abandoned.is_set():
                        raise StoppedError
                    parts.append(part)
        return _Response(response.status_code, headers, b"".join(parts))


def user_agent(contact: str = "") -> str:
    """The User-Agent: program, version and, where the person gave one, an e-mail address."""
    return (
        f"titletui/{__version__} ({f'mailto:{contact}' if contact else 'Python package titletui'})"
    )


def require_https(url: str) -> str:
    """Return `url` if it is https, or on this machine.

    Raises:
        TitletuiError: it is neither.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.hostname and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url))
    ):
        return url
    raise TitletuiError(f"{url} cannot be harvested: TITLETUI_OAI_URL takes an https address.")


def is_allowed_redirect(base: str, target: str) -> bool:
    """Whether a redirect stays on the same server, or leads to arXiv over https."""
    old, new = urlsplit(base), urlsplit(target)
    if (old.scheme, old.netloc) == (new.scheme, new.netloc):
        return True
    return new.scheme == "https" and _is_arxiv(target) and _is_arxiv(base)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that `Retry-After` asks for; None where it asks for nothing.

    An HTTP date is compared with the server's own clock (RFC 9110, section 10.2.3).
    """
    written = headers.get("retry-after", "").strip()
    if not written:
        return None
    if written.isascii() and written.isdigit():
        return float(written)
    try:
        until = email.utils.parsedate_to_datetime(written)
        date = headers.get("date")
        now = email.utils.parsedate_to_datetime(date) if date else datetime.now(UTC)
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError, OverflowError):  # a date of a form that RFC 9110 has not
        return None


def _is_arxiv(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host == "arxiv.org" or host.endswith(".arxiv.org")
