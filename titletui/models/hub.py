"""Models of the Hugging Face hub: download into the hub's cache, and list what is there.

Only data is downloaded: configuration, tokenizer and safetensors. `refs/main` is written last, so
that a model is listed once all its files have arrived and match their hashes.
"""

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Self

from titletui.atomic_write import write_atomically
from titletui.errors import TitletuiError, first_line
from titletui.models import validation
from titletui.paths import private_folder

OnProgress = Callable[[str, int, int], None]

_FILES = (
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
    "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt",
    "chat_template.jinja", "model.safetensors.index.json",
)  # fmt: skip
# Parts of downloads that nobody has written to for so many seconds are of processes that died.
_ABANDONED = 3600.0


def hub_cache() -> Path:
    """The hub's cache folder, by the environment variables that huggingface_hub reads."""
    cache = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    home = os.environ.get("HF_HOME")
    if home is None:
        home = os.environ.get("XDG_CACHE_HOME", "~/.cache") + "/huggingface"
    return Path(os.path.expandvars(cache or f"{home}/hub")).expanduser()


def cached_models() -> list[tuple[str, Path]]:
    """Complete models in the hub's cache: id and folder."""
    found = []
    for folder in sorted(hub_cache().glob("models--*")):
        try:
            commit = (folder / "refs" / "main").read_text().strip()
            snapshot = folder / "snapshots" / commit
            validation.check_model(snapshot)
        except (OSError, TitletuiError):
            continue
        found.append((folder.name.removeprefix("models--").replace("--", "/"), snapshot))
    return found


def download(model: str, on_progress: OnProgress | None = None) -> Path:
    """Download a model into the hub's cache; return its folder.

    Args:
        model: a hub id (`gpt2`, `EleutherAI/gpt-neo-125m`).
        on_progress: called with the file, bytes so far and total bytes; what it raises ends the
            download.

    Raises:
        TitletuiError: no network, no such model, no permission, no room, no safetensors, or bytes
            that do not match their hash.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        raise TitletuiError(f"{model} is not on this machine, and HF_HUB_OFFLINE forbids the hub.")
    from huggingface_hub import HfApi

    # huggingface_hub reads its environment once, at import; these may have changed since.
    endpoint, cache = os.environ.get("HF_ENDPOINT"), hub_cache()
    api = HfApi(endpoint=endpoint)
    with _explained(model):
        info = api.model_info(model, files_metadata=True)
        if not (info.sha or "").isalnum():
            raise ValueError("no commit")
        sizes = _select_files(model, {f.rfilename: f.size or 0 for f in info.siblings or ()})
        folder = private_folder(cache / f"models--{model.replace('/', '--')}")
        total = sum(sizes.values())
        _check_free_space(folder, total, model)
        progress = _Progress(on_progress, total)
        for name, size in sizes.items():
            bar: Any = partial(progress.file, name)
            api.hf_hub_download(model, name, revision=info.sha, cache_dir=cache, tqdm_class=bar)
            progress.finish(name, size)
        snapshot = folder / "snapshots" / str(info.sha)
        verify_blobs(snapshot)
        validation.check_model(snapshot)
        _remove_abandoned_parts(folder / "blobs")
        write_atomically(private_folder(folder / "refs") / "main", str(info.sha).encode())
    return snapshot


def verify_blobs(snapshot: Path) -> None:
    """Check the files of a downloaded model against the hashes that name their blobs.

    Raises:
        TitletuiError: a file has other bytes; it was deleted.
    """
    for path in snapshot.iterdir():
        blob = path.resolve()
        if len(blob.name) in _HASHES and _HASHES[len(blob.name)](blob) != blob.name:
            blob.unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            raise TitletuiError(
                f"{path} has wrong bytes (its hash does not match) and was deleted; try again to "
                "download it anew."
            )


class _Progress:
    """Adds up the bytes of several files.

    One object is also the progress bar of each file, as far as huggingface_hub asks for one: tqdm
    itself would print.
    """

    def __init__(self, on_progress: OnProgress | None, total: int) -> None:
        self._on_progress = on_progress
        self._total = total
        self._finished = 0
        self._current = 0
        self._name = ""

    def file(self, name: str, *_: Any, initial: int = 0, **__: Any) -> Self:
        self._name, self._current = name, initial
        self.update(0)
        return self

    def update(self, count: float | None = 1) -> None:
        self._current += int(count or 0)
        if self._on_progress:
            self._on_progress(self._name, self._finished + self._current, self._total)

    def finish(self, name: str, size: int) -> None:
        """A file is complete, downloaded or found in the cache."""
        self._finished += size
        self._name, self._current = name, 0
        self.update(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def close(self) -> None:
        return


def _select_files(model: str, sizes: dict[str, int]) -> dict[str, int]:
    """The files to download, weights last, with their sizes."""
    weights = ["model.safetensors"]
    if "model.safetensors" not in sizes:
        weights = [
            name
            for name in sizes
            if name.startswith("model-") and name.endswith(".safetensors") and "/" not in name
        ]
    if not weights:
        raise TitletuiError(
            f"{model} has no weights as safetensors; only those are loaded, as others can run code."
        )
    return {name: sizes[name] for name in (*_FILES, *weights) if name in sizes}


def _check_free_space(folder: Path, size: int, model: str) -> None:
    free = shutil.disk_usage(folder).free
    if free < size:
        raise TitletuiError(
            f"There is no room for {model}: it has {size >> 20} MB, {free >> 20} MB are free in "
            f"{folder.parent}."
        )


def _remove_abandoned_parts(blobs: Path) -> None:
    for part in (*blobs.glob("*.incomplete"), *blobs.glob("*.titletui-part")):
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > _ABANDONED:
                part.unlink()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _git_sha1(path: Path) -> str:
    """Git's hash of a blob: its length stands before its bytes."""
    data = path.read_bytes()
    header = b"blob %d\x00" % len(data)
    return hashlib.sha1(header + data, usedforsecurity=False).hexdigest()


# Files in LFS are named after their SHA-256, others after git's SHA-1.
_HASHES = {64: _sha256, 40: _git_sha1}


@contextlib.contextmanager
def _explained(model: str) -> Iterator[None]:
    """Turn what huggingface_hub and the disk raise into sentences."""
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        yield
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403, 404):
            raise TitletuiError(
                f"The hub has no model {model}, or it asks for a login (answer {status}); check "
                "the name, or run `hf auth login`."
            ) from error
        raise TitletuiError(f"The hub answered {status} for {model}; try again later.") from error
    except (TitletuiError, KeyboardInterrupt):
        raise
    except Exception as error:
        # huggingface_hub uses httpx or httpx2, by its version.
        if isinstance(error, LocalEntryNotFoundError) or type(error).__module__.startswith("httpx"):
            raise TitletuiError(
                f"{model} cannot be downloaded: the hub cannot be reached or the line was cut; "
                "check the network and try again, or give a local folder."
            ) from error
        if isinstance(error, ValueError):
            raise TitletuiError(
                f"The hub's answer about {model} cannot be read ({first_line(error)})."
            ) from error
        if isinstance(error, OSError):
            reason = error.strerror or first_line(error)
            raise TitletuiError(f"{model} cannot be downloaded ({reason}).") from error
        raise
