"""A worker that counts, a number each 10 ms.

`python -m tests.support.counting_worker FOLDER [TO]`
"""

import os
import subprocess
import sys
import time

from titletui.jobs.events import Progress, Started
from titletui.jobs.job import JobResult
from titletui.jobs.worker import JobContext, run_worker


def body(job: JobContext) -> JobResult:
    """Counts up to TO, or for ever; stops when it is asked to."""
    to = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    if to < 0:
        raise ValueError("cannot count below zero\nsecond line")
    if os.environ.get("TITLETUI_LEAVE_A_CHILD"):
        subprocess.Popen(["sleep", "60"], close_fds=False)
    job.emit(Started(pid=os.getpid()))
    for number in range(to):
        job.emit(Progress(done=number + 1, unit="numbers"))
        if job.wait(0.01):
            return JobResult(outcome="stopped")
    return JobResult(outcome="done")


if __name__ == "__main__":
    code = run_worker(body)
    time.sleep(float(os.environ.get("TITLETUI_LINGER", "0")))
    raise SystemExit(code)
