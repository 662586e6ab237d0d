"""The processes beside the first one of a run: they compute, and say and decide nothing."""

from titletui.jobs.events import AnyEvent
from titletui.jobs.job import Job
from titletui.jobs.worker import JobContext


class Companion(JobContext):
    """What such a process is given in place of a job."""

    def __init__(self, folder: Job) -> None:
        self.folder, self.lost = folder, 0

    def emit(self, event: AnyEvent) -> None:
        """The first process speaks for all."""

    @property
    def stopping(self) -> bool:
        return False
