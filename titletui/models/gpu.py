"""The GPUs of this machine, asked of their driver: no model library is loaded."""

import os
import subprocess

import msgspec

_ASKED = "index,name,memory.total,memory.free"


class Gpu(msgspec.Struct, frozen=True):
    """One GPU; memory in bytes."""

    index: int
    name: str
    total: int
    free: int


def gpus() -> list[Gpu]:
    """The NVIDIA GPUs that CUDA_VISIBLE_DEVICES leaves; none where the driver does not answer."""
    command = ["nvidia-smi", f"--query-gpu={_ASKED}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    found = []
    for line in answer.stdout.splitlines():
        parts = [part.strip() for part in line.split(",")]
        if len(parts) == 4 and all(parts[place].isdigit() for place in (0, 2, 3)):
            found.append(Gpu(int(parts[0]), parts[1], int(parts[2]) << 20, int(parts[3]) << 20))
    return _visible(found)


def has_gpu() -> bool:
    """Whether there is one."""
    return bool(gpus())


def freest(count: int) -> list[Gpu]:
    """The `count` GPUs with the most free memory."""
    return sorted(gpus(), key=lambda one: -one.free)[:count]


def _visible(found: list[Gpu]) -> list[Gpu]:
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    parts = [part.strip() for part in (named or "").split(",") if part.strip()]
    if named is None or not all(part.lstrip("-").isdigit() for part in parts):
        # Names (GPU-…, MIG-…) are left to CUDA.
        return found
    return [one for one in found if str(one.index) in parts]
