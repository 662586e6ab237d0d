"""The device of a run: threads, precision, memory."""

import ctypes
import os
import resource
import sys
from pathlib import Path
from typing import Any

import psutil
import torch


def threads() -> int:
    """How many threads to use: OMP_NUM_THREADS, or the physical cores of this process."""
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


def resolve_precision(wanted: str, device: torch.device) -> str:
    """Resolve `auto` to `bf16` where the hardware has it, otherwise `fp32`."""
    if wanted == "auto":
        return "bf16" if has_bf16(device) else "fp32"
    return wanted


def describe_device(device: torch.device, dtype: str, processes: int) -> str:
    """Name the device, for the user: `2 × NVIDIA H100, bf16`."""
    several = f"{processes} × " if processes > 1 else ""
    if device.type == "cuda":
        return f"{several}{torch.cuda.get_device_name(device)}, {dtype}"
    count = torch.get_num_threads()
    return f"{several}{device.type.upper()}, {count} thread{'s' if count > 1 else ''}, {dtype}"


def memory_in_use(device: torch.device) -> int:
    """Peak memory in bytes: allocated on the GPU, or resident."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def trim_heap() -> None:
    """Return free heap memory to the system (glibc).

    The worker's allocator never does (see `launch_env`), and batches of many shapes fragment it.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def free_memory(device: torch.device) -> int:
    """Free memory of the device, in bytes."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def set_dropout(model: Any, rate: float) -> None:
    """Set the dropout of all layers but those of LoRA, which has a setting of its own."""
    for name, module in model.named_modules():
        if "lora_dropout" in name:
            continue
        if isinstance(module, torch.nn.Dropout):
            module.p = rate
        if isinstance(getattr(module, "attention_dropout", None), float):
            module.attention_dropout = rate
