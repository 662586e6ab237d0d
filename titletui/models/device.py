"""What a run computes on."""

import ctypes
import os
import resource
import sys
from pathlib import Path
from typing import Any

import psutil
import torch

from titletui.training.recipe import Precision


def threads() -> int:
    """`OMP_NUM_THREADS` where it is set, else the cores that this process may use."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(psutil.cpu_count(logical=False) or 1, allowed or 1))


def has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 matrices in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def precision(wanted: Precision, device: torch.device) -> str:
    """`bf16` or `fp32`."""
    if wanted == "auto":
        return "bf16" if has_bf16(device) else "fp32"
    return wanted


def described(device: torch.device, numbers: str, processes: int) -> str:
    """The device as a person would say it."""
    several = f"{processes} × " if processes > 1 else ""
    if device.type == "cuda":
        return f"{several}{torch.cuda.get_device_name(device)}, {numbers}"
    count = torch.get_num_threads()
    return f"{several}{device.type.upper()}, {count} thread{'s' if count > 1 else ''}, {numbers}"


def memory_in_use(device: torch.device) -> int:
    """Bytes: on the GPU where there is one, else the most that was resident."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def return_memory() -> None:
    """Gives back to the system what the C library holds free between blocks in use.

    The worker's allocator keeps all memory it ever had (see `workers`), which is quicker; but
    batches of many shapes leave gaps that would grow with every hundred steps.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def free_memory(device: torch.device) -> int:
    """Bytes that a run could still take."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def set_dropout(model: Any, chance: float) -> None:
    """Sets the dropout of all layers of the base model; that of LoRA is a setting of its own."""
    for name, module in model.named_modules():
        if "lora_dropout" in name:
            continue
        if isinstance(module, torch.nn.Dropout):
            module.p = chance
        if isinstance(getattr(module, "attention_dropout", None), float):
            module.attention_dropout = chance
