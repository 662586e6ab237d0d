"""The GPUs of this machine, asked of the NVIDIA driver without loading torch."""

import os
import shutil
import subprocess

import msgspec

from titletui.errors import TitletuiError


class Gpu(msgspec.Struct, frozen=True):
    """One GPU; memory in bytes."""

    index: int
    name: str
    total: int
    free: int
    driver: str = ""


def query_gpus() -> list[Gpu]:
    """All NVIDIA GPUs; none without `nvidia-smi`.

    Raises:
        TitletuiError: `nvidia-smi` fails.
    """
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    query = "--query-gpu=index,name,memory.total,memory.free,driver_version"
    try:
        output = subprocess.run(
            [command, query, "--format=csv,noheader,nounits"],
            capture_output=True, text=True, timeout=10, check=True,
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise TitletuiError(f"nvidia-smi fails ({type(error).__name__}).") from error
    found = []
    for line in output.splitlines():
        index, _, rest = line.partition(", ")
        parts = [part.strip() for part in rest.rsplit(",", 3)]
        if len(parts) == 4 and index.isdigit() and parts[1].isdigit() and parts[2].isdigit():
            name, total, free, driver = parts
            found.append(Gpu(int(index), name, int(total) << 20, int(free) << 20, driver))
    return found


def gpus() -> list[Gpu]:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves; none if the driver does not answer."""
    try:
        return _visible(query_gpus())
    except TitletuiError:
        return []


def has_gpu() -> bool:
    """Whether there is a visible GPU."""
    return bool(gpus())


def freest(count: int) -> list[Gpu]:
    """The `count` visible GPUs with the most free memory."""
    return sorted(gpus(), key=lambda one: -one.free)[:count]


def _visible(found: list[Gpu]) -> list[Gpu]:
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    parts = [part.strip() for part in (named or "").split(",") if part.strip()]
    if named is None or not all(part.lstrip("-").isdigit() for part in parts):
        # UUIDs (GPU-…, MIG-…) are left to CUDA.
        return found
    return [one for one in found if str(one.index) in parts]
