"""Asking arXiv over HTTP: with its manners, with deadlines, and ready to stop at any time."""

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

from titletui import __version__
from titletui.arxiv.rate_limit import Pace, is_loopback
from titletui.errors import TitletuiError

ARXIV = "https://oaipmh.arxiv.org/oai"
_POLL = 0.1
_LEFT = "\x00"
_NUMBER = re.compile(r"\[Errno -?\d+\] ")
_TELL_SILENCE_AFTER = 5.0
_REDIRECTS = 5
_UNREACHABLE_TRIES = 4
_RETRY_AFTER_CAP = 3_600.0
_BACKOFF_CAP = 600.0
_PASSING = (408, 425, 429, 500, 502, 503, 504)


T = TypeVar("T")


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How patient the harvest is.

    Attributes:
        silence: seconds without a byte before a request is given up (arXiv takes up to 90 when it
            is cold).
        deadline: seconds for a whole answer.
        body: bytes of an answer at most, uncompressed.
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
    """An answer that may be better the next time.

    Attributes:
        after: seconds that the server asks to wait, if it does.
        broken: it may be this page that cannot be had, rather than the server.
        tries: how often at most to ask again for this reason.
    """

    def __init__(
        self,
        text: str,
        *,
        after: float | None = None,
        broken: bool = False,
        tries: int | None = None,
    ) -> None:
        super().__init__(text)
        self.after = after
        self.broken = broken
        self.tries = tries


class PermanentError(TitletuiError):
    """An answer that will not get better."""


class Watcher(Protocol):
    """Who the fetcher tells what it waits for, and asks whether to go on."""

    @property
    def stopping(self) -> bool: ...

    def waiting(self, why: str) -> None: ...


class Fetcher:
    """Answers of one OAI-PMH server.

    Attributes:
        requests: made so far, redirects included.
    """

    def __init__(
        self, url: str, pace: Pace, watcher: Watcher, manners: RetryPolicy, contact: str = ""
    ) -> None:
        """Asks nothing yet.

        Args:
            contact: an e-mail address that each request names, or empty.
        """
        self.url = checked_url(url)
        self.server = "arXiv" if _is_arxiv(url) else urlsplit(url).netloc
        self.requests = 0
        self._pace = pace
        self._watcher = watcher
        self._manners = manners
        self._agent = agent(contact)
        self._client = self._new_client()

    def close(self) -> None:
        self._client.close()

    def get(
        self, query: Mapping[str, str], read: Callable[[bytes], T], *, tries: int | None = None
    ) -> T:
        """The answer to `query`, after as many tries as it takes.

        Args:
            read: makes sense of a body; may raise `TransientError`.

        Raises:
            StoppedError: the harvest is to stop.
            RefusedError: it makes no sense to try again.
            PassingError: of the last try.
        """
        backoff = self._manners.backoff
        first = 3 * self._pace.interval if backoff is None else backoff
        grow = tenacity.wait_exponential(multiplier=first, max=_BACKOFF_CAP)
        grow_with_jitter = grow + tenacity.wait_random(0, first / 2)

        def pause(state: tenacity.RetryCallState) -> float:
            trouble = state.outcome.exception() if state.outcome else None
            asked = trouble.after if isinstance(trouble, TransientError) else None
            return grow_with_jitter(state) if asked is None else min(asked, _RETRY_AFTER_CAP)

        def sleep(state: tenacity.RetryCallState) -> None:
            trouble = state.outcome.exception() if state.outcome else None
            left = state.next_action.sleep if state.next_action else 0.0
            self._wait(left, f"tries again in {_LEFT}: {str(trouble).rstrip('.')}")

        def enough(state: tenacity.RetryCallState) -> bool:
            trouble = state.outcome.exception() if state.outcome else None
            own = trouble.tries if isinstance(trouble, TransientError) else None
            most = tries or self._manners.tries
            return state.attempt_number >= min(most, own or most)

        retrying = tenacity.Retrying(
            stop=enough,
            wait=pause,
            retry=tenacity.retry_if_exception_type(TransientError),
            before_sleep=sleep,
            sleep=lambda _: None,
            reraise=True,
        )
        return retrying(lambda: read(self._once(dict(query))))

    def _once(self, query: dict[str, str]) -> bytes:
        url = httpx.URL(self.url, params=query)
        for _ in range(_REDIRECTS + 1):
            with self._pace.turn(self._wait):
                reply = self._exchange(url)
            if not 300 <= reply.status < 400:
                return self._judged(reply)
            target = urljoin(str(url), reply.headers.get("location", ""))
            if not may_follow(self.url, target):
                raise PermanentError(
                    f"{self.server} redirects to {target[:200]}, which is not followed "
                    "(only arXiv's own hosts are, over https)."
                )
            url = httpx.URL(target)
            if reply.status in (301, 308):
                self.url = urlunsplit((*urlsplit(target)[:3], "", ""))
        raise PermanentError(f"{self.server} redirects in a circle; try again tomorrow.")

    def _judged(self, reply: "_Reply") -> bytes:
        if reply.status == 200:
            return reply.body
        if reply.status == 403:
            raise PermanentError(
                f"{self.server} refuses to serve this address (403); do not try again for some "
                "hours, then resume."
            )
        if reply.status in _PASSING:
            after = retry_after(reply.headers)
            raise TransientError(
                f"{self.server} answers {reply.status}",
                after=after,
                broken=reply.status not in (429, 503),
            )
        raise PermanentError(f"{self.server} answers {reply.status}; the harvest cannot go on.")

    def _exchange(self, url: httpx.URL) -> "_Reply":
        """One request in a thread, so that neither a silent server nor a slow name look-up keeps
        the harvest from stopping."""
        self.requests += 1
        request = _Request(self._client, url, self._manners)
        began = time.monotonic()
        threading.Thread(target=request.run, daemon=True).start()
        while True:
            try:
                result = request.results.get(timeout=_POLL)
            except queue.Empty:
                pass
            else:
                if isinstance(result, Exception):
                    raise self._explained(result) from result
                return result
            now = time.monotonic()
            silent = now - request.heard
            if self._watcher.stopping:
                self._abandon(request)
                raise StoppedError
            if silent > self._manners.silence or now - began > self._manners.deadline:
                self._abandon(request)
                raise TransientError(
                    f"{self.server} was silent for {silent:.0f} s"
                    if silent > self._manners.silence
                    else f"{self.server} took more than {self._manners.deadline:.0f} s"
                )
            if silent > _TELL_SILENCE_AFTER:
                self._watcher.waiting(f"{self.server} has been silent for {silent:.0f} s")

    def _abandon(self, request: "_Request") -> None:
        request.abandoned.set()
        self._client = self._new_client()

    def _explained(self, error: Exception) -> Exception:
        if isinstance(error, TitletuiError):
            return error
        if isinstance(error, httpx.TimeoutException):
            return TransientError(f"{self.server} does not answer")
        if isinstance(error, httpx.ConnectError):
            return TransientError(
                f"{self.server} cannot be reached ({_NUMBER.sub('', str(error))})",
                tries=_UNREACHABLE_TRIES,
            )
        if isinstance(error, httpx.HTTPError):
            return TransientError(f"the answer of {self.server} breaks off ({error})", broken=True)
        return error

    def _wait(self, seconds: float, why: str) -> None:
        """Sleeps, unless the harvest is to stop; `_LEFT` in `why` becomes the time left."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._watcher.stopping:
                raise StoppedError
            self._watcher.waiting(why.replace(_LEFT, f"{left:.0f} s"))
            time.sleep(min(left, _POLL))
        if self._watcher.stopping:
            raise StoppedError

    def _new_client(self) -> httpx.Client:
        return httpx.Client(
            headers={"User-Agent": self._agent, "Accept-Encoding": "gzip"},
            timeout=httpx.Timeout(30.0, read=self._manners.silence + 5.0),
            limits=httpx.Limits(max_connections=1),
            trust_env=not is_loopback(self.url),
        )


class _Reply(msgspec.Struct, frozen=True):
    status: int
    headers: dict[str, str]
    body: bytes


class _Request:
    """One request; `results` gets a reply or an exception."""

    def __init__(self, client: httpx.Client, url: httpx.URL, manners: RetryPolicy) -> None:
        self.results: queue.Queue[_Reply | Exception] = queue.Queue()
        self.abandoned = threading.Event()
        self.heard = time.monotonic()
        self._client = client
        self._url = url
        self._manners = manners

    def run(self) -> None:
        try:
            self.results.put(self._reply())
        except Exception as error:
            self.results.put(error)

    def _reply(self) -> _Reply:
        parts: list[bytes] = []
        size = 0
        with self._client.stream("GET", self._url) as response:
            self.heard = time.monotonic()
            headers = {name.lower(): value for name, value in response.headers.items()}
            if response.status_code == 200:
                for part in response.iter_bytes():
                    self.heard = time.monotonic()
                    size += len(part)
                    if size > self._manners.body:
                        raise PermanentError(
                            f"{self._url.host} sends more than {self._manners.body >> 20} MiB for "
                            "one page; that is not a list of papers."
                        )
                    if self.abandoned.is_set():
                        raise StoppedError
                    parts.append(part)
        return _Reply(response.status_code, headers, b"".join(parts))


def agent(contact: str = "") -> str:
    """Who asks: program, version and, where the person gave one, an address to write to."""
    return (
        f"titletui/{__version__} ({f'mailto:{contact}' if contact else 'Python package titletui'})"
    )


def checked_url(url: str) -> str:
    """`url`, if it is one that may be harvested.

    Raises:
        TitletuiError: it is neither https nor of this machine.
    """
    if urlsplit(url).scheme == "https" or (urlsplit(url).scheme == "http" and is_loopback(url)):
        return url
    raise TitletuiError(f"{url} cannot be harvested: TITLETUI_OAI_URL takes an https address.")


def may_follow(base: str, target: str) -> bool:
    """Whether a redirect is followed: to arXiv over https, or within the same server."""
    old, new = urlsplit(base), urlsplit(target)
    if (old.scheme, old.netloc) == (new.scheme, new.netloc):
        return True
    return new.scheme == "https" and _is_arxiv(target) and _is_arxiv(base)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that `Retry-After` asks for, as a number or a date; a date is read against the
    server's own clock."""
    written = headers.get("retry-after", "").strip()
    if not written:
        return None
    if written.isdigit():
        return float(written)
    try:
        until = email.utils.parsedate_to_datetime(written)
        now = email.utils.parsedate_to_datetime(headers["date"])
    except KeyError:
        now = datetime.now(UTC)
    except ValueError:
        return None
    return max(0.0, (until - now).total_seconds())


def _is_arxiv(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host == "arxiv.org" or host.endswith(".arxiv.org")
