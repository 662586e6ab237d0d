"""Checkpoints that are complete or not used.

`checkpoints/step-000050/` holds the model in the Hugging Face layout, the optimizer and RNG states
as safetensors, the trainer's saved state and, written last, `MANIFEST.json` with the size and
sha256 of each file. A folder without it, or whose files differ from it, is quarantined.
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


class SavedState(msgspec.Struct, kw_only=True):
    """Contents of `state.json`.

    Attributes:
        threads: CPU threads of the run; another number gives other last bits.
        speed: title tokens a second, smoothed.
    """

    step: int
    monitor: OverfitMonitor = msgspec.field(name="watch")
    threads: int
    speed: float = 0.0


class Checkpoint(msgspec.Struct, frozen=True):
    """A complete checkpoint on disk."""

    step: int
    path: Path


def write(
    folder: Path, state: SavedState, stages: Mapping[str, Callable[[Path], None]]
) -> Checkpoint:
    """Write the checkpoint of `state.step` under `folder`.

    Args:
        stages: functions that each write a part (model, optimizer, random) into the checkpoint's
            folder, called in order.

    Raises:
        OSError: it could not be written; nothing of it is left.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"step-{state.step:06d}"
    if path.exists():
        shutil.rmtree(path)
    path.mkdir(mode=0o700)
    try:
        for stage in stages.values():
            stage(path)
        (path / "state.json").write_bytes(msgspec.json.encode(state))
        seal(path)
    except OSError:
        shutil.rmtree(path, ignore_errors=True)
        raise
    return Checkpoint(state.step, path)


def newest_whole(folder: Path, warn: Callable[[str], None]) -> Checkpoint | None:
    """The complete checkpoint of the highest step; later, damaged ones are quarantined.

    Args:
        warn: called with a sentence that names the quarantined ones and the one used.

    Raises:
        TitletuiError: there are checkpoints, and all of them are damaged.
    """
    quarantined: list[str] = []
    for path in reversed(_by_step(folder)):
        wrong = damage(path)
        if not wrong:
            if quarantined:
                warn(f"{'; '.join(quarantined)}; {path.name} is used.")
            return Checkpoint(_step(path), path)
        quarantined.append(f"The checkpoint {path.name} is damaged ({wrong}) and was set aside")
        target = path.with_name(f"aside-{path.name}")
        shutil.rmtree(target, ignore_errors=True)
        path.rename(target)
        sync_directory(folder)
    if any("no MANIFEST" not in text for text in quarantined):
        raise TitletuiError(
            f"{'; '.join(quarantined)}; none is left: start the run again under another name."
        )
    if quarantined:
        warn(f"{'; '.join(quarantined)}; the run begins again.")
    return None


def saved_state(checkpoint: Checkpoint) -> SavedState:
    """The trainer's state at that step."""
    return msgspec.json.decode((checkpoint.path / "state.json").read_bytes(), type=SavedState)


def prune(folder: Path, keep: int, best: int | None) -> None:
    """Delete all but the `keep` highest steps and the best one; also what was quarantined."""
    for path in [*_by_step(folder)[:-keep], *folder.glob("aside-*")]:
        if _step(path) == best:
            continue
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path / MANIFEST)
        shutil.rmtree(path, ignore_errors=True)


def check_disk_space(folder: Path, size: int) -> None:
    """Check that the disk has `size` bytes and a little more.

    Raises:
        OSError: it has not.
    """
    free = shutil.disk_usage(folder).free
    if free < size + (8 << 20):
        raise OSError(28, f"{free >> 20} MB are free, {(size >> 20) + 8} are needed")


def sync_all(folder: Path) -> None:
    """Sync all files in `folder` to disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    sync_directory(folder)


def save_optimizer(path: Path, optimizer: Any, names: list[str]) -> None:
    """Write the optimizer's moments, by parameter name."""
    from safetensors.torch import save_file

    state = optimizer.state_dict()["state"]
    tensors = {
        f"{names[index]}|{part}": value.detach().cpu().contiguous()
        for index, parts in state.items()
        for part, value in parts.items()
    }
    save_file(tensors, path / "optimizer.safetensors")


def load_optimizer(path: Path, optimizer: Any, names: list[str]) -> None:
    """Restore the optimizer's moments."""
    from safetensors.torch import load_file

    index = {name: number for number, name in enumerate(names)}
    state: dict[int, dict[str, Any]] = {}
    for key, value in load_file(path / "optimizer.safetensors").items():
        name, _, part = key.rpartition("|")
        state.setdefault(index[name], {})[part] = value
    whole = optimizer.state_dict()
    optimizer.load_state_dict({"state": state, "param_groups": whole["param_groups"]})


def rng_states(device: Any) -> dict[str, Any]:
    """The states of torch's random generators, as tensors on `device`."""
    import torch

    states = {"cpu": torch.get_rng_state().to(device)}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state().to(device)
    return states


def save_rng(path: Path, states: Mapping[str, Any]) -> None:
    """Write the RNG states, [processes, bytes] for each generator."""
    from safetensors.torch import save_file

    save_file({name: state.cpu() for name, state in states.items()}, path / "random.safetensors")


def load_rng(path: Path, rank: int) -> None:
    """Restore the RNG states; a rank that did not exist then takes those of another."""
    import torch
    from safetensors.torch import load_file

    states = load_file(path / "random.safetensors")
    own = {name: state[rank % len(state)].clone() for name, state in states.items()}
    torch.set_rng_state(own["cpu"])
    if torch.cuda.is_available() and "cuda" in own:
        torch.cuda.set_rng_state(own["cuda"])


def _by_step(folder: Path) -> list[Path]:
    """The folders of checkpoints, in the order of their steps."""
    return sorted((path for path in folder.glob("step-*") if _step(path) >= 0), key=_step)


def _step(path: Path) -> int:
    digits = path.name.removeprefix("step-")
    return int(digits) if digits.isdigit() else -1
