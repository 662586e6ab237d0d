"""The line under the header: what runs, and the model in use."""

from typing import TYPE_CHECKING

from textual import getters
from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from titletui.text import display
from titletui.tui.app_base import AppBase

if TYPE_CHECKING:
    from titletui.jobs.status import JobStatus


class StatusLine(Widget):
    """Jobs on the left, the model on the right; jobs that do not fit are counted."""

    DEFAULT_CSS = """
    StatusLine {
        height: 1;
        padding: 0 1;
        background: $surface;
        color: $text-muted;
    }
    """

    jobs: reactive[tuple["JobStatus", ...]] = reactive(())
    model: reactive[str] = reactive("")

    app = getters.app(AppBase)

    def on_mount(self) -> None:
        self.app.jobs_changed.subscribe(self, self._take_jobs, immediate=True)
        self.app.model_changed.subscribe(self, self._take_model, immediate=True)
        self.jobs, self.model = self.app.shown_jobs, self.app.model_line

    def _take_jobs(self, _: "tuple[JobStatus, ...]") -> None:
        self.jobs = self.app.shown_jobs

    def _take_model(self, line: str) -> None:
        self.model = line

    def render(self) -> RenderResult:
        width = self.content_size.width
        right = Content(display(self.model)).truncate(max(12, width // 2), ellipsis=True)
        room = width - right.cell_length - 2
        left = Content("")
        for place, job in enumerate(self.jobs):
            after = len(self.jobs) - place - 1
            entry = Content.styled(job.line, _STYLES.get(job.tone, ""))
            between = "  " if place else ""
            needed = left.cell_length + len(between) + entry.cell_length + len(_more(after))
            if needed > room:
                if place == 0:
                    left = entry.truncate(max(1, room - len(_more(after))), ellipsis=True)
                left = Content.assemble(left, _more(after if place == 0 else after + 1))
                break
            left = Content.assemble(left, between, entry)
        gap = " " * max(1, width - left.cell_length - right.cell_length)
        return Content.assemble(left, gap, right)


def _more(jobs: int) -> str:
    return f"  +{jobs} more" if jobs else ""


_STYLES = {
    "good": "$success",
    "bad": "$error",
    "warning": "$warning",
    "": "",
}
