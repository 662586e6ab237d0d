"""Checkpoints: written whole or not used.

`checkpoints/step-000050/` holds the model in the Hugging Face layout, the optimizer and random
state as safetensors, what the run remembers, and, written last, `MANIFEST.json` with the size and
sha256 of each file. A folder without it, or whose files differ from it, is put aside.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from titletui.atomic_write import sync_directory
from titletui.errors import TitletuiError
from titletui.training.manifest import MANIFEST, damage, seal
from titletui.training.overfit import OverfitMonitor


class TrainerState(msgspec.Struct, kw_only=True):
    """What a run knows besides weights.

    Attributes:
        threads: that it computed with; other numbers give other last bits.
        speed: title tokens a second, averaged.
    """

    step: int
    watch: OverfitMonitor
    threads: int
    speed: float = 0.0


class Checkpoint(msgspec.Struct, frozen=True):
    """A whole one on disk."""

    step: int
    path: Path


def write(
    folder: Path, step: int, remembered: TrainerState, stages: Mapping[str, Callable[[Path], None]]
) -> Checkpoint:
    """Writes the checkpoint of `step` under `folder`.

    Args:
        stages: what writes each part (model, optimizer, random, …), in order.

    Raises:
        OSError: there was no room, or it could not be written; nothing is left of it.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"step-{step:06d}"
    if path.exists():
        shutil.rmtree(path)
    path.mkdir(mode=0o700)
    try:
        for stage in stages.values():
            stage(path)
        (path / "state.json").write_bytes(msgspec.json.encode(remembered))
        seal(path)
    except OSError:
        shutil.rmtree(path, ignore_errors=True)
        raise
    return Checkpoint(step, path)


def newest_whole(folder: Path, warn: Callable[[str], None]) -> Checkpoint | None:
    """The whole checkpoint of the highest step; later ones that are not whole are put aside.

    Args:
        warn: told of each that was put aside, and what is used in its place.

    Raises:
        TitletuiError: there are checkpoints, and not one of them is whole.
    """
    aside: list[str] = []
    for path in sorted(folder.glob("step-*"), key=lambda path: (_step(path), path), reverse=True):
        if _step(path) < 0:
            continue
        wrong = damage(path)
        if not wrong:
            if aside:
                warn(f"{'; '.join(aside)}; {path.name} is used.")
            return Checkpoint(_step(path), path)
        aside.append(f"The checkpoint {path.name} is not whole ({wrong}) and was put aside")
        target = path.with_name(f"aside-{path.name}")
        shutil.rmtree(target, ignore_errors=True)
        path.rename(target)
        sync_directory(folder)
    if aside and any("no MANIFEST" not in text for text in aside):
        raise TitletuiError(
            f"{'; '.join(aside)}; no whole one is left: start the run again under another name."
        )
    if aside:
        warn(f"{'; '.join(aside)}; the run begins again.")
    return None


def remembered(checkpoint: Checkpoint) -> TrainerState:
    """What the run knew at that step."""
    return msgspec.json.decode((checkpoint.path / "state.json").read_bytes(), type=TrainerState)


def prune(folder: Path, keep: int, best: int | None) -> None:
    """Deletes all but the `keep` highest steps and the best one; what was put aside goes too."""
    paths = sorted((path for path in folder.glob("step-*") if _step(path) >= 0), key=_step)
    for path in [*paths[:-keep], *folder.glob("aside-*")]:
        if _step(path) == best:
            continue
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path / MANIFEST)
        shutil.rmtree(path, ignore_errors=True)


def check_room(folder: Path, size: int) -> None:
    """Makes sure that the disk has room for `size` bytes and a little more.

    Raises:
        OSError: it has not.
    """
    free = shutil.disk_usage(folder).free
    if free < size + (8 << 20):
        raise OSError(28, f"{free >> 20} MB are free, {(size >> 20) + 8} are needed")


def sync_all(folder: Path) -> None:
    """Makes all files in `folder` durable."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    sync_directory(folder)


def save_optimizer(path: Path, optimizer: Any, names: list[str]) -> None:
    """Writes the optimizer's moments, by parameter name."""
    from safetensors.torch import save_file

    state = optimizer.state_dict()["state"]
    tensors = {
        f"{names[index]}|{part}": value.detach().cpu().contiguous()
        for index, parts in state.items()
        for part, value in parts.items()
    }
    save_file(tensors, path / "optimizer.safetensors")


def load_optimizer(path: Path, optimizer: Any, names: list[str]) -> None:
    """Puts the moments back."""
    from safetensors.torch import load_file

    index = {name: number for number, name in enumerate(names)}
    state: dict[int, dict[str, Any]] = {}
    for key, value in load_file(path / "optimizer.safetensors").items():
        name, _, part = key.rpartition("|")
        state.setdefault(index[name], {})[part] = value
    whole = optimizer.state_dict()
    optimizer.load_state_dict({"state": state, "param_groups": whole["param_groups"]})


def random_state(device: Any) -> dict[str, Any]:
    """The state of torch's random generators, as tensors on `device`."""
    import torch

    states = {"cpu": torch.get_rng_state().to(device)}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state().to(device)
    return states


def save_random(path: Path, states: Mapping[str, Any]) -> None:
    """Writes the random states, [processes, bytes] for each generator."""
    from safetensors.torch import save_file

    save_file({name: state.cpu() for name, state in states.items()}, path / "random.safetensors")


def load_random(path: Path, rank: int) -> None:
    """Puts the state back; a process that was not there before takes that of another one."""
    import torch
    from safetensors.torch import load_file

    states = load_file(path / "random.safetensors")
    own = {name: state[rank % len(state)].clone() for name, state in states.items()}
    torch.set_rng_state(own["cpu"])
    if torch.cuda.is_available() and "cuda" in own:
        torch.cuda.set_rng_state(own["cuda"])


def _step(path: Path) -> int:
    digits = path.name.removeprefix("step-")
    return int(digits) if digits.isdigit() else -1
