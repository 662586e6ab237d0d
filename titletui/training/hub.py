"""Fetching a model from the Hugging Face hub: only data, every byte checked."""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from titletui.errors import TitletuiError
from titletui.training import safety

_WANTED = (
    "config.json", "generation_config.json", "model.safetensors", "model.safetensors.index.json",
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "merges.txt", "chat_template.jinja",
)  # fmt: skip
_BLOCK = 1 << 20

OnWait = Callable[[str, int, int], None]


def download(model: str, on_wait: OnWait | None = None) -> Path:
    """Fetches a model into the hub's cache; returns its folder, checked and whole.

    What an interrupted download left is used on the next try. The files that the hub keeps by
    their sha256 are hashed; one that does not match is deleted.

    Args:
        model: a hub id (`gpt2`, `EleutherAI/gpt-neo-125m`).
        on_wait: told the file, bytes so far and bytes in all.

    Raises:
        TitletuiError: there is no network, no such model, no right to read it, no room, or wrong
            bytes came; one sentence.
    """
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    with _explained(model):
        facts = HfApi().model_info(model, files_metadata=True, timeout=30)
        names = {file.rfilename: file for file in facts.siblings or []}
        shards = [name for name in names if _is_shard(name)]
        wanted = [name for name in (*_WANTED, *shards) if name in names]
        if "model.safetensors" not in names and not shards:
            raise TitletuiError(
                f"{model} has no weights as safetensors; only those are loaded, as others can "
                "run code."
            )
        if "model.safetensors" in names:
            wanted = [name for name in wanted if name not in shards]
        total = sum(names[name].size or 0 for name in wanted)
        done = 0
        folder = Path()
        for name in wanted:
            if on_wait:
                on_wait(name, done, total)
            path = Path(hf_hub_download(model, name, revision=facts.sha, etag_timeout=30))
            lfs = names[name].lfs
            if lfs is not None:
                _check(path, lfs.sha256, model)
            folder = path.parent
            done += names[name].size or 0
            if on_wait:
                on_wait(name, done, total)
        _remember(folder, str(facts.sha))
    safety.check_model(folder)
    return folder


def _is_shard(name: str) -> bool:
    return name.startswith("model-") and name.endswith(".safetensors") and "/" not in name


def _check(path: Path, sha256: str, model: str) -> None:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    if digest.hexdigest() != sha256:
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise TitletuiError(
            f"{path.name} of {model} came with wrong bytes (its sha256 does not match) and was "
            "deleted; try again."
        )


def _remember(snapshot: Path, commit: str) -> None:
    """Notes which snapshot is the model's, as `from_pretrained` does; only once it is whole."""
    reference = snapshot.parent.parent / "refs" / "main"
    reference.parent.mkdir(exist_ok=True)
    reference.write_text(commit)


@contextlib.contextmanager
def _explained(model: str) -> Iterator[None]:
    from httpx import HTTPError
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    try:
        yield
    except (GatedRepoError, RepositoryNotFoundError) as error:
        raise TitletuiError(
            f"The hub has no model {model}, or it asks for a login; check the name, "
            "or set HF_TOKEN."
        ) from error
    except HfHubHTTPError as error:
        code = getattr(getattr(error, "response", None), "status_code", "")
        raise TitletuiError(f"The hub answered {code} for {model}; try again later.") from error
    except (HTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, ConnectionError) as error:
        raise TitletuiError(
            f"{model} cannot be downloaded: the hub cannot be reached; check the network, or give "
            "a local folder."
        ) from error
    except OSError as error:
        reason = error.strerror or str(error).splitlines()[0][:200]
        raise TitletuiError(f"{model} cannot be downloaded ({reason}).") from error
