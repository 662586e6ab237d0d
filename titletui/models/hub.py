"""Fetching a model from the Hugging Face hub: only data, every byte checked, resumed where it was.

Files go where the hub's own client keeps them (`models--org--name/{blobs,refs,snapshots}`), under
the hash that the hub lists for them, so that other programs use them too. A part that a cut line or
a kill left is gone on with; a file is named only once its hash is right, the model only once it is
whole.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from titletui.atomic_write import sync_directory, write_atomically
from titletui.errors import TitletuiError
from titletui.models import validation
from titletui.models.registry import hub_cache
from titletui.paths import private_folder

if TYPE_CHECKING:
    import httpx

_WANTED = (
    "config.json", "generation_config.json", "model.safetensors", "model.safetensors.index.json",
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "merges.txt", "chat_template.jinja",
)  # fmt: skip
_TRIES = 4
_PAUSE = 0.5
_PART = ".titletui-part"

OnWait = Callable[[str, int, int], None]


class Large(msgspec.Struct, frozen=True):
    """What the hub says of a large file."""

    sha256: str


class Listed(msgspec.Struct, frozen=True, rename="camel"):
    """A file as the hub lists it; a small one has git's hash in `blob_id`."""

    rfilename: str
    size: int = 0
    blob_id: str = ""
    lfs: Large | None = None


class Model(msgspec.Struct, frozen=True):
    """A model as the hub lists it; `sha` is the commit."""

    sha: str
    siblings: list[Listed] = []


def download(model: str, on_wait: OnWait | None = None) -> Path:
    """Fetches a model into the hub's cache; returns its folder, checked and whole.

    Args:
        model: a hub id (`gpt2`, `EleutherAI/gpt-neo-125m`).
        on_wait: told the file, bytes so far and bytes in all; what it raises ends the download.

    Raises:
        TitletuiError: there is no network, no such model, no right to read it, no room, or wrong
            bytes came; one sentence.
    """
    import httpx

    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        raise TitletuiError(f"{model} is not on this machine, and HF_HUB_OFFLINE forbids the hub.")
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    token = os.environ.get("HF_TOKEN", "")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    timeout = httpx.Timeout(30.0, connect=10.0)
    with (
        httpx.Client(headers=headers, timeout=timeout, follow_redirects=True) as client,
        _explained(model),
    ):
        listed = _list(client, endpoint, model)
        files = _wanted(model, listed)
        folder = private_folder(hub_cache() / f"models--{model.replace('/', '--')}")
        total = sum(file.size for file in files)
        _check_room(folder, total, model)
        snapshot = private_folder(folder / "snapshots" / listed.sha)
        blobs = private_folder(folder / "blobs")
        done = 0
        for file in files:

            def told(size: int, name: str = file.rfilename, before: int = done) -> None:
                if on_wait:
                    on_wait(name, before + size, total)

            url = f"{endpoint}/{model}/resolve/{listed.sha}/{file.rfilename}"
            blob = _fetch(client, url, file, blobs, told)
            link = snapshot / file.rfilename
            link.unlink(missing_ok=True)
            link.symlink_to(os.path.relpath(blob, snapshot))
            done += file.size
        for part in (*blobs.glob(f"*{_PART}"), *blobs.glob("*.incomplete")):
            part.unlink(missing_ok=True)
        validation.check_model(snapshot)
        sync_directory(snapshot)
        write_atomically(private_folder(folder / "refs") / "main", listed.sha.encode())
    return snapshot


def check_blobs(snapshot: Path) -> None:
    """Makes sure that the large files of a downloaded model are what the hub had.

    Raises:
        TitletuiError: one is not; it was deleted.
    """
    for path in snapshot.glob("*.safetensors"):
        name = path.resolve().name
        if len(name) == 64 and _sha256(path.resolve()) != name:
            path.resolve().unlink(missing_ok=True)
            raise TitletuiError(
                f"{path} has wrong bytes (its sha256 does not match) and was deleted; try again to "
                "download it anew."
            )


def _list(client: "httpx.Client", endpoint: str, model: str) -> Model:
    answer = _retried(
        lambda: client.get(f"{endpoint}/api/models/{model}", params={"blobs": "true"})
    )
    answer.raise_for_status()
    listed = msgspec.json.decode(answer.content, type=Model)
    if not listed.sha.isalnum():
        raise msgspec.ValidationError("no commit")
    return listed


def _wanted(model: str, listed: Model) -> list[Listed]:
    names = {file.rfilename: file for file in listed.siblings}
    shards = [
        name
        for name in names
        if name.startswith("model-") and name.endswith(".safetensors") and "/" not in name
    ]
    if "model.safetensors" not in names and not shards:
        raise TitletuiError(
            f"{model} has no weights as safetensors; only those are loaded, as others can run code."
        )
    if "model.safetensors" in names:
        shards = []
    return [names[name] for name in (*_WANTED, *shards) if name in names]


def _fetch(
    client: "httpx.Client", url: str, file: Listed, blobs: Path, told: Callable[[int], None]
) -> Path:
    """The blob of a file, fetched where it is not there yet."""
    name = file.lfs.sha256 if file.lfs else file.blob_id
    if not name.isalnum():
        raise msgspec.ValidationError(f"no hash of {file.rfilename}")
    blob = blobs / name
    if blob.exists() and _is_right(blob, file):
        told(file.size)
        return blob
    path = blobs / f"{name}{_PART}"
    with path.open("ab") as part:
        try:
            fcntl.lockf(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise TitletuiError(
                f"{file.rfilename} is being downloaded by another process."
            ) from None
        _retried(lambda: _append(client, url, part, file.size, told))
        part.flush()
        os.fsync(part.fileno())
        if not _is_right(path, file):
            path.unlink()
            raise TitletuiError(
                f"{file.rfilename} came with wrong bytes (its hash does not match) and was "
                "deleted; try again."
            )
        path.rename(blob)
    sync_directory(blobs)
    return blob


def _append(
    client: "httpx.Client", url: str, part: Any, size: int, told: Callable[[int], None]
) -> None:
    """Fetches what a part lacks."""
    have = part.seek(0, os.SEEK_END)
    if have and have >= size:
        return
    headers = {"range": f"bytes={have}-"} if have else {}
    with client.stream("GET", url, headers={**headers, "accept-encoding": "identity"}) as answer:
        answer.raise_for_status()
        if answer.status_code != 206:
            part.truncate(0)
            have = 0
        told(have)
        for block in answer.iter_raw():
            part.write(block)
            have += len(block)
            told(have)


def _retried(act: Callable[[], Any]) -> Any:
    """Tries again after a cut line, a few times, with pauses that double."""
    import httpx

    for attempt in range(_TRIES - 1):
        try:
            return act()
        except httpx.TransportError:
            time.sleep(_PAUSE * 2**attempt)
    return act()


def _is_right(path: Path, file: Listed) -> bool:
    if file.lfs:
        return _sha256(path) == file.lfs.sha256
    data = path.read_bytes()
    # Git's hash of a blob: its length stands before its bytes.
    digest = hashlib.sha1(b"blob %d\x00" % len(data) + data, usedforsecurity=False)
    return digest.hexdigest() == file.blob_id


def _sha256(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _check_room(folder: Path, size: int, model: str) -> None:
    free = shutil.disk_usage(folder).free
    if free < size:
        raise TitletuiError(
            f"There is no room for {model}: it has {size >> 20} MB, {free >> 20} MB are free in "
            f"{folder.parent}."
        )


@contextlib.contextmanager
def _explained(model: str) -> Iterator[None]:
    """Turns what can go wrong into sentences."""
    import httpx

    try:
        yield
    except httpx.HTTPStatusError as error:
        code = error.response.status_code
        if code in (401, 403, 404):
            raise TitletuiError(
                f"The hub has no model {model}, or it asks for a login (answer {code}); check the "
                "name, or set HF_TOKEN."
            ) from error
        raise TitletuiError(f"The hub answered {code} for {model}; try again later.") from error
    except httpx.TransportError as error:
        raise TitletuiError(
            f"{model} cannot be downloaded: the hub cannot be reached or the line was cut; check "
            "the network and try again, or give a local folder."
        ) from error
    except msgspec.MsgspecError as error:
        raise TitletuiError(f"The hub's answer about {model} cannot be read ({error}).") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise TitletuiError(f"{model} cannot be downloaded ({reason}).") from error
