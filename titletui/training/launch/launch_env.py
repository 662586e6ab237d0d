"""Command and environment of a run's processes."""

import os
import sys

from titletui.jobs.job import Job
from titletui.jobs.launch import WORKERS, worker_command
from titletui.models import gpu
from titletui.training.run_spec import RunSpec

# The allocator keeps memory between batches, in huge pages: a third more speed on the CPU. Idle
# threads sleep: beside another busy program, spinning ones make every step many times slower.
SPEED = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
    "MALLOC_TOP_PAD_": str(64 << 20),
    "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}


def run_command(job: Job) -> list[str]:
    """The worker's command, or torchrun's with as many workers as the run's spec has ranks."""
    processes = job.work(RunSpec).processes
    if processes == 1:
        return worker_command(job)
    return [
        sys.executable, "-P", "-m", "torch.distributed.run", "--standalone",
        f"--nproc-per-node={processes}", "-m", WORKERS["run"], str(job.path),
    ]  # fmt: skip


def run_environment(job: Job) -> dict[str, str]:
    """Variables to add to the environment of a run, on the machine that it runs on."""
    return rank_environment(job.work(RunSpec).processes)


def rank_environment(processes: int) -> dict[str, str]:
    """Environment for N ranks: the GPUs with the most free memory, equal shares of the cores."""
    added = dict(SPEED)
    if "CUDA_VISIBLE_DEVICES" not in os.environ and len(gpu.gpus()) > processes:
        chosen = sorted(one.index for one in gpu.freest(processes))
        added["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
        added["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, chosen))
    if processes > 1 and "OMP_NUM_THREADS" not in os.environ:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        added["OMP_NUM_THREADS"] = str(max(1, (cores or 1) // processes))
    return added
