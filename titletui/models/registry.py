"""Models by name: the starter, runs, folders, and models of the Hugging Face hub."""

import re
from pathlib import Path
from typing import Literal

import msgspec

from titletui.errors import TitletuiError, UsageError
from titletui.jobs.job import list_jobs
from titletui.models import validation
from titletui.models.card import read_card
from titletui.models.checkpoints import checkpoint_model, latest_model
from titletui.models.hub import cached_models
from titletui.models.prompts import Task
from titletui.paths import STARTER, Home, named_path

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")

ModelKind = Literal["starter", "run", "folder", "hub"]


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a model without loading it.

    Attributes:
        name: as the user gave it.
        parameters: 0 if unknown.
        path: its folder; None for a model of the hub that is not downloaded.
        tasks: what it was trained for, the main task first; empty if unknown.
        adapter: it is a LoRA adapter of the model `base`.
        trained_tokens: the longest sequence that it was trained on, in tokens; 0 if unknown.
    """

    name: str
    kind: ModelKind
    parameters: int = 0
    path: Path | None = None
    tasks: tuple[Task, ...] = ()
    adapter: bool = False
    base: str = ""
    trained_tokens: int = 0

    @property
    def task(self) -> str:
        """The main task; empty if unknown."""
        return self.tasks[0] if self.tasks else ""


def list_models(home: Home) -> list[ModelInfo]:
    """All models on this machine: the starter, runs that have one, the hub cache."""
    found: list[ModelInfo] = []
    if (STARTER / "config.json").exists():
        found.append(describe("starter", "starter", STARTER))
    found += [
        _describe_or_name(job.name, "run", folder)
        for job in list_jobs(home.jobs, "run")
        if (folder := latest_model(job)) is not None
    ]
    return found + [_describe_or_name(name, "hub", path) for name, path in cached_models()]


def find_model(home: Home, name: str) -> ModelInfo:
    """Find a model by name.

    Args:
        name: `starter`; a run's name, alone for its finished model (or newest checkpoint), or with
            `@200`, `@best`, `@last`; a folder's path; a hub id.

    Raises:
        UsageError: there is no such model.
        TitletuiError: it exists but cannot be used.
    """
    name = name.strip()
    if not name:
        raise UsageError("A model needs a name: starter, a run, a folder or a hub id.")
    if name == "starter":
        if not (STARTER / "config.json").exists():
            raise TitletuiError("The starter model is missing; install titletui again.")
        return describe("starter", "starter", STARTER)
    run, _, checkpoint = name.partition("@")
    jobs = {job.name: job for job in list_jobs(home.jobs, "run")}
    if run in jobs:
        return describe(name, "run", checkpoint_model(jobs[run], checkpoint))
    path = named_path(name)
    if path.is_dir():
        return describe(name, "folder", path.absolute())
    if name.startswith((".", "/", "~")):
        raise UsageError(f"There is no model folder {name}.")
    if not _HUB_ID.fullmatch(name) or ".." in name or "--" in name:
        known = ", ".join(["starter", *list(jobs)[:6]])
        raise UsageError(f"There is no model {name!r:.80}; there are: {known}.")
    cached = dict(cached_models()).get(name)
    return describe(name, "hub", cached) if cached else ModelInfo(name=name, kind="hub")


def resolve_adapter_chain(home: Home, info: ModelInfo) -> list[ModelInfo]:
    """Resolve the LoRA adapter chain of `info` to its base model; `info` comes first.

    Raises:
        UsageError: a base model does not exist.
        TitletuiError: an adapter names no base model, or is its own.
    """
    chain = [info]
    while info.adapter:
        if not info.base:
            raise TitletuiError(f"The adapter in {info.path} does not name its base model.")
        info = find_model(home, info.base)
        if info.path in [known.path for known in chain]:
            raise TitletuiError(
                f"The adapter in {info.path} is its own base model; name its base model in "
                "adapter_config.json."
            )
        chain.append(info)
    return chain


def describe(name: str, kind: ModelKind, path: Path) -> ModelInfo:
    """Describe the model in a folder from its card and headers.

    Raises:
        TitletuiError: its card or its adapter configuration is damaged.
    """
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
        parameters=parameters,
        path=path,
        tasks=card.tasks,
        adapter=adapter,
        base=base,
        trained_tokens=card.trained_tokens,
    )


def _describe_or_name(name: str, kind: ModelKind, path: Path) -> ModelInfo:
    """Describe a model of a list; a damaged one is named, and its fault told when it is used."""
    try:
        return describe(name, kind, path)
    except TitletuiError:
        return ModelInfo(name=name, kind=kind, path=path)
