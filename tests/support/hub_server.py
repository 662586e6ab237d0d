"""A loopback server that stands for the Hugging Face hub, with faults."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """What is served and how.

    Attributes:
        cuts: how many answers with weights end too early.
        cut_at: after how many bytes; None means half of them.
        wrong: weights come with one bit flipped.
        status: answered to everything, in place of 200.
        ranges: the Range headers that were asked for.
        sent: bytes of weights that were sent.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cuts = 0
        self.cut_at: int | None = None
        self.wrong = False
        self.status = 200
        self.ranges: list[str] = []
        self.sent = 0
        self.url = ""

    def listing(self) -> bytes:
        files = []
        for path in sorted(self.folder.iterdir()):
            data = path.read_bytes()
            entry: dict[str, object] = {"rfilename": path.name, "size": len(data)}
            entry["blobId"] = _git_sha1(data)
            if path.suffix == ".safetensors":
                entry["lfs"] = {"sha256": _hash(path, data), "size": len(data), "pointerSize": 130}
            files.append(entry)
        return json.dumps({"id": "org/tiny", "sha": COMMIT, "siblings": files}).encode()


def _git_sha1(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\x00" % len(data) + data).hexdigest()


def _hash(path: Path, data: bytes) -> str:
    """The hash that names the blob: SHA-256 of what is in LFS, else git's."""
    return hashlib.sha256(data).hexdigest() if path.suffix == ".safetensors" else _git_sha1(data)


@contextmanager
def hub_server(folder: Path) -> Iterator[Hub]:
    """Serves the model in `folder` as `org/tiny`."""
    hub = Hub(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            if hub.status != 200:
                self._answer(hub.status, b"no")
            elif self.path.startswith("/api/models/org/tiny"):
                self._answer(200, hub.listing())
            elif self.path.startswith(f"/org/tiny/resolve/{COMMIT}/"):
                self._file(hub.folder / self.path.rpartition("/")[2])
            else:
                self._answer(404, b"none")

        def _file(self, path: Path) -> None:
            data = path.read_bytes()
            etag = _hash(path, data)
            weights = path.suffix == ".safetensors"
            if weights and hub.wrong:
                data = data[:-1] + bytes([data[-1] ^ 1])
            asked = self.headers.get("Range", "")
            first = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            if asked:
                hub.ranges.append(asked)
            body = data[first:]
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{etag}"')
            self.end_headers()
            if self.command == "HEAD":
                return
            if weights and hub.cuts:
                hub.cuts -= 1
                body = body[: len(body) // 2 if hub.cut_at is None else hub.cut_at]
                self.close_connection = True
            if weights:
                hub.sent += len(body)
            self.wfile.write(body)

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
