"""The end of a run's log."""

from typing import ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from titletui.jobs.job import Job
from titletui.text import display
from titletui.tui.app_base import AppBase
from titletui.tui.dialogs.base import Dialog

_LINES = 200


class LogDialog(Dialog[None]):
    """How a job ended and the last lines that it printed; `c` copies them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,L", "dismiss", "close", id="log.close", tooltip="Close the log"),
        Binding("c", "copy", "copy", id="log.copy", tooltip="Copy the log"),
        Binding("j,down", "scroll(1)", "Down", show=False, id="log.down", tooltip="Down"),
        Binding("k,up", "scroll(-1)", "Up", show=False, id="log.up", tooltip="Up"),
    ]
    app = getters.app(AppBase)

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job
        self._text = ""

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog") as box:
            box.border_title = Content(f"Log of {display(self._job.name)}").markup
            box.border_subtitle = "c copy · escape close"
            yield Static(id="log")

    async def on_mount(self) -> None:
        job = self._job
        lines = await self.app.files.run(lambda _: _lines(job))
        self._text = "\n".join(lines)
        shown = "\n".join(display(line) for line in lines)
        self.query_one("#log", Static).update(Content(shown))
        self.call_after_refresh(self.query_one(VerticalScroll).scroll_end, animate=False)

    def action_copy(self) -> None:
        """Copies what is shown."""
        self.app.copy(self._text)

    def action_scroll(self, lines: int) -> None:
        """Scrolls by `lines`."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)


def _lines(job: Job) -> list[str]:
    lines = [f"{job.path}", f"state: {job.state.value}"]
    ended = job.exit
    if ended is not None:
        lines += [part for part in (ended.reason, ended.advice) if part]
    return [*lines, "", *(job.last_log_lines(_LINES) or ["It has printed nothing."])]
