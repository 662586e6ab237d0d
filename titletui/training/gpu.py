"""The GPUs of this machine, asked of their driver: no model library is loaded."""

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
    """The NVIDIA GPUs; none where their driver does not answer."""
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
    return found


def has_gpu() -> bool:
    """Whether there is one."""
    return bool(gpus())
