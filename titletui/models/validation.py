"""Check a model folder before a model library opens it, and the libraries themselves.

Only data is accepted: a configuration of a known model type, safetensors, a tokenizer as JSON.
Anything that could run code is refused.
"""

import json
import os
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from titletui.errors import TitletuiError

# Architectures whose logits are one matrix product with the last hidden state, as the loss needs.
MODEL_TYPES = (
    "gpt2", "gpt_neo", "gpt_neox", "gptj", "llama", "mistral", "qwen2", "qwen3", "opt", "olmo",
    "olmo2", "smollm3", "gemma", "stablelm", "starcoder2", "bloom",
)  # fmt: skip
MINIMUM_VERSIONS = {"torch": (2, 6), "transformers": (5, 3)}
_CODE_KEYS = (
    "auto_map", "custom_pipelines", "trust_remote_code", "_attn_implementation_internal",
    "_attn_implementation", "attn_implementation", "_experts_implementation_internal",
)  # fmt: skip
_POINTER = b"version https://git-lfs"
_HEADER_LIMIT = 100_000_000


class Weights(msgspec.Struct, frozen=True):
    """The headers of a folder's safetensors files.

    Attributes:
        shapes: tensor name → shape.
        bytes: size of all tensors.
    """

    shapes: dict[str, list[int]]
    bytes: int

    @property
    def parameters(self) -> int:
        total = 0
        for shape in self.shapes.values():
            count = 1
            for side in shape:
                count *= side
            total += count
        return total


def installed_version(library: str) -> str | None:
    """The version of an installed library; None if it is missing."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def is_too_old(library: str, version: str) -> bool:
    """Whether models cannot be loaded safely with this version of a library."""
    numbers = tuple(int(part) for part in version.split("+")[0].split(".")[:2] if part.isdigit())
    return numbers < MINIMUM_VERSIONS.get(library, ())


def check_libraries() -> None:
    """Check that torch and transformers are recent enough to load models safely.

    Raises:
        TitletuiError: one is missing or too old.
    """
    for library, minimum in MINIMUM_VERSIONS.items():
        version = installed_version(library)
        if version is None:
            raise TitletuiError(
                f"{library} is not installed; install titletui with its dependencies."
            )
        if is_too_old(library, version):
            raise TitletuiError(
                f"{library} {version} is too old to load models safely; "
                f"install {library} {'.'.join(map(str, minimum))} or newer."
            )


def check_model(folder: Path) -> dict[str, Any]:
    """Check a model folder; return its configuration.

    Raises:
        TitletuiError: a file is missing, incomplete, an LFS pointer or a pickle, would load code,
            or the model type is unknown.
    """
    if not folder.is_dir():
        raise TitletuiError(f"There is no model folder {folder}.")
    config = _config(folder)
    weights = read_weights(folder)
    check_tokenizer(folder)
    vocabulary = config.get("vocab_size")
    for name in ("transformer.wte.weight", "wte.weight", "model.embed_tokens.weight"):
        shape = weights.shapes.get(name)
        if shape and isinstance(vocabulary, int) and shape[0] != vocabulary:
            raise TitletuiError(
                f"The weights in {folder} have a wrong shape: {name} has {shape[0]} rows, "
                f"config.json says {vocabulary}."
            )
    return config


def check_adapter(folder: Path) -> dict[str, Any]:
    """Check a LoRA adapter folder; return its configuration.

    Raises:
        TitletuiError: as `check_model`.
    """
    config = _json_object(folder / "adapter_config.json")
    _refuse_code(folder / "adapter_config.json", config)
    if str(config.get("peft_type", "")).upper() != "LORA":
        raise TitletuiError(f"The adapter in {folder} is not LoRA; only LoRA adapters are used.")
    _tensors(folder / "adapter_model.safetensors")
    return config


def check_tokenizer(folder: Path) -> None:
    """Check that `folder` holds a tokenizer as data, with a vocabulary.

    Raises:
        TitletuiError: it does not.
    """
    extra = folder / "tokenizer_config.json"
    if extra.exists():
        _refuse_code(extra, _json_object(extra))
    whole = folder / "tokenizer.json"
    if whole.exists():
        model = _json_object(whole).get("model")
        vocabulary = model.get("vocab") if isinstance(model, dict) else None
    elif (folder / "merges.txt").exists() and (folder / "vocab.json").exists():
        _refuse_pointer(folder / "merges.txt")
        vocabulary = _json_object(folder / "vocab.json")
    else:
        raise TitletuiError(
            f"The model in {folder} has no tokenizer: no tokenizer.json, "
            "nor vocab.json with merges.txt."
        )
    if not vocabulary:
        raise TitletuiError(f"The tokenizer in {folder} has an empty vocabulary.")


def read_weights(folder: Path) -> Weights:
    """Read the headers of the weights in `folder` and check that the files are complete.

    Raises:
        TitletuiError: there are none, they are pickles, or a file is incomplete.
    """
    index = folder / "model.safetensors.index.json"
    if (folder / "model.safetensors").exists():
        files = ["model.safetensors"]
    elif index.exists():
        table = _json_object(index).get("weight_map")
        files = sorted({str(name) for name in table.values()}) if isinstance(table, dict) else []
        if not files or any(Path(name).name != name for name in files):
            raise TitletuiError(f"{index} is damaged.")
    else:
        pickles = sorted(
            path.name
            for path in folder.iterdir()
            if path.suffix in (".bin", ".pt", ".pth", ".ckpt", ".pkl")
        )
        if pickles:
            raise TitletuiError(
                f"The weights in {folder} are a pickle ({pickles[0]}), which can run code; "
                "only safetensors are loaded."
            )
        raise TitletuiError(f"The model in {folder} has no weights (model.safetensors).")
    shapes: dict[str, list[int]] = {}
    size = 0
    for name in files:
        tensors, count = _tensors(folder / name)
        shapes |= tensors
        size += count
    return Weights(shapes, size)


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    config = _json_object(path)
    _refuse_code(path, config)
    kind = config.get("model_type")
    if kind not in MODEL_TYPES:
        raise TitletuiError(
            f"The model in {folder} is of the type {str(kind)[:40]!r}, which titletui does not "
            f"load; known: {', '.join(MODEL_TYPES)}."
        )
    return config


def _json_object(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise TitletuiError(f"The model in {path.parent} has no {path.name}.") from None
    except OSError as error:
        raise TitletuiError(f"{path} cannot be read ({error.strerror}).") from error
    if data.startswith(_POINTER):
        raise TitletuiError(_pointer_text(path))
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise TitletuiError(f"{path} is damaged: it is no JSON.") from error
    if not isinstance(value, dict):
        raise TitletuiError(f"{path} is damaged: it is no JSON object.")
    return value


def _refuse_code(path: Path, table: dict[str, Any]) -> None:
    for key in _CODE_KEYS:
        if table.get(key):
            raise TitletuiError(
                f"{path} asks for code to be loaded ({key}); such models are not loaded."
            )
    for value in table.values():
        if isinstance(value, dict):
            _refuse_code(path, value)


def _refuse_pointer(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(len(_POINTER)) == _POINTER:
            raise TitletuiError(_pointer_text(path))


def _pointer_text(path: Path) -> str:
    return (
        f"{path} is a Git LFS pointer, not the file itself; fetch it with `git lfs pull` or "
        "download the model again."
    )


def _tensors(path: Path) -> tuple[dict[str, list[int]], int]:
    try:
        size = os.path.getsize(path)
        with path.open("rb") as file:
            start = file.read(len(_POINTER))
            if start == _POINTER:
                raise TitletuiError(_pointer_text(path))
            length = int.from_bytes(start[:8], "little")
            if size < 8 or length > min(_HEADER_LIMIT, size - 8):
                raise TitletuiError(f"{path} is damaged or incomplete.")
            file.seek(8)
            header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        ends = [int(entry["data_offsets"][1]) for entry in header.values()]
        shapes = {name: [int(side) for side in entry["shape"]] for name, entry in header.items()}
    except FileNotFoundError:
        raise TitletuiError(f"The model in {path.parent} has no {path.name}.") from None
    except OSError as error:
        raise TitletuiError(f"{path} cannot be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise TitletuiError(f"{path} is damaged: its header cannot be read.") from error
    if not ends or max(ends) != size - 8 - length:
        raise TitletuiError(f"{path} is damaged or incomplete.")
    return shapes, max(ends)
