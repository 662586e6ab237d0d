"""The detached process that runs a worker and records how it ended if the worker cannot.

`python -m titletui.jobs.supervisor FOLDER COMMAND…` runs the worker of FOLDER.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

from titletui.jobs import process_lock
from titletui.jobs.job import Job, JobResult
from titletui.jobs.worker import EXIT_BUSY

_VMSTAT = Path("/proc/vmstat")


def main(argv: list[str]) -> int:
    """Run the worker, forward SIGTERM and SIGINT to it, and record its end."""
    os.umask(0o077)
    folder = Job(Path(argv[0]))
    began = folder.began
    kills = _out_of_memory_kills()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    worker = subprocess.Popen(argv[1:])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.terminate())
    code = worker.wait()
    restarted = folder.began != began or not _is_last_worker(folder, worker.pid)
    if code not in (0, EXIT_BUSY) and folder.path.is_dir() and not restarted:
        folder.record_exit(_ending(folder, code, oom=_out_of_memory_kills() > kills), began)
    return 0


def _is_last_worker(folder: Job, pid: int) -> bool:
    """Whether no later worker has taken the lock."""
    holder = process_lock.holder(folder.lock)
    return not process_lock.is_held(folder.lock) and (holder is None or holder.pid == pid)


def _ending(folder: Job, code: int, *, oom: bool) -> JobResult:
    if code < 0:
        number = -code
        name = signal.Signals(number).name if number in set(signal.Signals) else str(number)
        reason = f"killed by {name}"
        advice = "It can be resumed."
        if number == signal.SIGKILL:
            reason = "killed (out of memory)" if oom else "killed (out of memory?)"
            advice = "Resume it; if memory was short, with a smaller batch."
        return JobResult(
            outcome="failed", code=code, signal=number, reason=reason, advice=advice, oom=oom
        )
    last = folder.last_log_lines(1)
    reason = f"ended with code {code}" + (f": {last[0][:300]}" if last else "")
    return JobResult(outcome="failed", code=code, reason=reason, advice="log.txt has the details.")


def _out_of_memory_kills() -> int:
    try:
        for line in _VMSTAT.read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    except (OSError, ValueError):
        pass
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
