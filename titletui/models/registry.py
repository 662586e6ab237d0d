"""What can be fine-tuned or generated from: the starter, runs, folders, models of the hub."""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from titletui.errors import TitletuiError, UsageError, first_line
from titletui.jobs.job import Job, list_jobs
from titletui.models import validation
from titletui.paths import STARTER, Home, named_path
from titletui.training.recipe import Recipe, Task

CARD = "titletui.json"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")
PROBE = "Neural Speech Recognition: 2-D Models for α-Stable Noise"

ModelKind = Literal["starter", "run", "folder", "hub"]


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """`titletui.json`: what a trained model is, beside its weights.

    Attributes:
        tasks: what it can do, the main one first.
        base: for an adapter, the folder or hub id that it belongs on.
        pointer: weights of an abstract's words, see `pointer.fit`; none where it has no use for
            them.
    """

    tasks: tuple[Task, ...] = ()
    corpus: str = ""
    run: str = ""
    step: int = 0
    recipe: Recipe | None = None
    parent: str = ""
    base: str = ""
    pointer: tuple[float, ...] = ()


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One model.

    Attributes:
        name: what a person calls it.
        task: the main one; empty where it is not known.
        parameters: 0 where they are not known yet.
        path: its folder; None for a model of the hub that is not downloaded.
        adapter: it is a LoRA adapter on the model `base`.
        trained_tokens: the longest sequence that it was trained on; 0 where that is not known.
        pointer: see `Card`.
    """

    name: str
    kind: ModelKind
    task: str = ""
    parameters: int = 0
    path: Path | None = None
    tasks: tuple[Task, ...] = ()
    adapter: bool = False
    base: str = ""
    trained_tokens: int = 0
    pointer: tuple[float, ...] = ()


class LoadedModel(msgspec.Struct, frozen=True):
    """A model in memory: a transformers model in eval mode and its tokenizer."""

    info: ModelInfo
    model: Any
    tokenizer: Any


def starter_folder() -> Path:
    """Where the bundled model lies."""
    return STARTER


def list_models(home: Home) -> list[ModelInfo]:
    """All models that are at hand: the starter, the runs that have one, the hub's cache."""
    found: list[ModelInfo] = []
    if (starter_folder() / "config.json").exists():
        found.append(_describe("starter", "starter", starter_folder()))
    for job in list_jobs(home.jobs, "run"):
        folder = run_model(job)
        if folder is not None:
            found.append(_listed(job.name, "run", folder))
    found += [_listed(name, "hub", path) for name, path in cached_models()]
    return found


def find_model(home: Home, name: str) -> ModelInfo:
    """The model that a person means by `name`.

    Args:
        name: `starter`; a run's name, alone for its finished model (or newest checkpoint), or with
            `@200`, `@best`; a folder's path; a hub id.

    Raises:
        UsageError: there is no such model.
        TitletuiError: it is there but cannot be used.
    """
    name = name.strip()
    if not name:
        raise UsageError("A model needs a name: starter, a run, a folder or a hub id.")
    if name == "starter":
        if not (starter_folder() / "config.json").exists():
            raise TitletuiError("The starter model is missing; install titletui again.")
        return _describe("starter", "starter", starter_folder())
    run, _, mark = name.partition("@")
    jobs = {job.name: job for job in list_jobs(home.jobs, "run")}
    if run in jobs:
        return _describe(name, "run", _of_run(jobs[run], mark))
    path = named_path(name)
    if path.is_dir() or name.startswith((".", "/", "~")):
        if not path.is_dir():
            raise UsageError(f"There is no model folder {name}.")
        return _describe(name, "folder", path.absolute())
    if not _HUB_ID.fullmatch(name) or ".." in name or "--" in name:
        known = ", ".join(["starter", *list(jobs)[:6]])
        raise UsageError(f"There is no model {name!r:.80}; there are: {known}.")
    cached = dict(cached_models()).get(name)
    return _describe(name, "hub", cached) if cached else ModelInfo(name=name, kind="hub")


def resolve_adapter_chain(home: Home, info: ModelInfo) -> list[ModelInfo]:
    """`info` and, where it is an adapter, what it stands on, down to a whole model.

    Raises:
        UsageError: an adapter stands on what is not there.
        TitletuiError: an adapter does not say on what, or stands on itself.
    """
    found = [info]
    while info.adapter:
        if not info.base:
            raise TitletuiError(
                f"The adapter in {info.path} does not say which model it belongs on."
            )
        info = find_model(home, info.base)
        if info.path in [known.path for known in found]:
            raise TitletuiError(
                f"The adapter in {info.path} stands on itself; name its base model in "
                "adapter_config.json."
            )
        found.append(info)
    return found


def read_card(folder: Path) -> Card:
    """The card in `folder`; an empty one where there is none.

    Raises:
        TitletuiError: it is damaged.
    """
    try:
        return msgspec.json.decode((folder / CARD).read_bytes(), type=Card)
    except FileNotFoundError:
        return Card()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise TitletuiError(f"{folder / CARD} is damaged ({error}).") from error


def checkpoint_steps(job: Job) -> list[int]:
    """The steps of a run's checkpoints that were finished, ascending."""
    steps = []
    for path in job.checkpoints.glob("step-*"):
        digits = path.name.removeprefix("step-")
        if digits.isdigit() and (path / "MANIFEST.json").exists():
            steps.append(int(digits))
    return sorted(steps)


def run_model(job: Job) -> Path | None:
    """The folder of a run's finished model, else of its newest checkpoint, else None."""
    if (job.model / CARD).exists():
        return job.model
    steps = checkpoint_steps(job)
    return job.checkpoints / f"step-{steps[-1]:06d}" if steps else None


def hub_cache() -> Path:
    """Where the hub's client keeps what it downloaded."""
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache)
    top = os.environ.get("HF_HOME")
    if top is None:
        top = os.environ.get("XDG_CACHE_HOME", "~/.cache") + "/huggingface"
    return Path(top).expanduser() / "hub"


def cached_models() -> list[tuple[str, Path]]:
    """Models of the hub that are whole on this machine: id and folder."""
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


def load_model(
    info: ModelInfo,
    *,
    home: Home | None = None,
    attention: str | None = None,
    dtype: Any = None,
    merge: bool = True,
    quantization: str = "none",
    on_wait: Callable[[str, int, int], None] | None = None,
) -> LoadedModel:
    """Loads a model and its tokenizer, on the CPU, ready to generate.

    Args:
        home: where runs are found that an adapter stands on.
        attention: transformers' name of the attention; None takes eager on CPU (quicker on short
            rows) and SDPA where there is a GPU.
        dtype: a torch dtype; None means float32.
        merge: add an adapter's weights to its base model; else it stays an adapter (peft).
        quantization: `8bit` or `4bit`, by bitsandbytes, where CUDA is.
        on_wait: told what is being downloaded: file, bytes so far, bytes in all.

    Raises:
        TitletuiError: the model cannot or must not be loaded; one sentence.
    """
    validation.check_libraries()
    if info.path is None:
        from titletui.models.hub import download

        info = _describe(info.name, "hub", download(info.name, on_wait))
    folder = info.path
    assert folder is not None
    if info.kind == "hub":
        from titletui.models.hub import check_blobs

        check_blobs(folder)
    if info.adapter:
        return _load_adapter(info, folder, home, attention, dtype, merge, quantization, on_wait)
    validation.check_model(folder)
    tokenizer = load_tokenizer(folder)
    from titletui.models.loading import load_weights

    model = load_weights(folder, attention, dtype, quantization)
    rows = model.get_input_embeddings().weight.shape[0]
    if max(tokenizer.get_vocab().values()) >= rows:
        raise TitletuiError(
            f"The tokenizer in {folder} has more tokens ({len(tokenizer)}) than the model has "
            f"rows ({rows})."
        )
    return LoadedModel(info, model, tokenizer)


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer in `folder`, after a round trip.

    Raises:
        TitletuiError: it cannot be read, has no end token or does not give text back.
    """
    validation.check_tokenizer(folder)
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True
        )
        back = tokenizer.decode(tokenizer.encode(PROBE, add_special_tokens=False))
    except Exception as error:
        raise TitletuiError(
            f"The tokenizer in {folder} cannot be used ({first_line(error)})."
        ) from error
    if tokenizer.eos_token_id is None:
        raise TitletuiError(f"The tokenizer in {folder} has no end token.")
    if not isinstance(back, str) or back.strip() != PROBE:
        raise TitletuiError(
            f"The tokenizer in {folder} does not give text back as it was; it is damaged or not "
            "made for a model that writes text."
        )
    return tokenizer


def _load_adapter(
    info: ModelInfo,
    folder: Path,
    home: Home | None,
    attention: str | None,
    dtype: Any,
    merge: bool,
    quantization: str,
    on_wait: Callable[[str, int, int], None] | None,
) -> LoadedModel:
    validation.check_adapter(folder)
    from titletui.paths import find_home

    home = home or find_home()
    base = load_model(
        resolve_adapter_chain(home, info)[1],
        home=home,
        attention=attention,
        dtype=dtype,
        quantization=quantization,
        on_wait=on_wait,
    )
    from peft import PeftModel

    try:
        model = PeftModel.from_pretrained(base.model, folder, is_trainable=not merge)
    except Exception as error:
        raise TitletuiError(
            f"The adapter in {folder} does not fit {info.base} ({first_line(error)})."
        ) from error
    if merge:
        model = model.merge_and_unload().eval()
    return LoadedModel(info, model, base.tokenizer)


def _of_run(job: Job, mark: str) -> Path:
    steps = checkpoint_steps(job)
    if mark in ("", "last"):
        folder = run_model(job)
        if folder is None:
            raise TitletuiError(f"The run {job.name} has no checkpoint yet.")
        return folder
    if mark == "best":
        from titletui.training.overfit import best_step

        best = best_step(job)
        if best in steps:
            return job.checkpoints / f"step-{best:06d}"
        if best is not None and read_card(job.model).step == best:
            return job.model
        raise TitletuiError(f"The run {job.name} has no best checkpoint: nothing was held out.")
    if not mark.isdigit() or int(mark) not in steps:
        raise UsageError(
            f"The run {job.name} has no checkpoint {mark!r}; there are: {_few(steps)}."
        )
    return job.checkpoints / f"step-{int(mark):06d}"


def _listed(name: str, kind: ModelKind, path: Path) -> ModelInfo:
    """As `_describe`; what is wrong with a damaged model is said when it is asked for."""
    try:
        return _describe(name, kind, path)
    except TitletuiError:
        return ModelInfo(name=name, kind=kind, path=path)


def _describe(name: str, kind: ModelKind, path: Path) -> ModelInfo:
    card = read_card(path)
    adapter = (path / "adapter_config.json").exists() and not (path / "config.json").exists()
    try:
        parameters = 0 if adapter else validation.read_weights(path).parameters
    except (TitletuiError, OSError):
        parameters = 0
    base = card.base
    if adapter and not base:
        base = str(validation.check_adapter(path).get("base_model_name_or_path") or "")
    return ModelInfo(
        name=name,
        kind=kind,
        task=card.tasks[0] if card.tasks else "",
        parameters=parameters,
        path=path,
        tasks=card.tasks,
        adapter=adapter,
        base=base,
        trained_tokens=card.recipe.max_tokens if card.recipe else 0,
        pointer=card.pointer,
    )


def _few(steps: Sequence[int]) -> str:
    return ", ".join(map(str, steps[-8:])) if steps else "none"
