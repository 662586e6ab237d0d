"""Which of a run's models to write with, when the last is not the best."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from titletui.text import display
from titletui.tui.dialogs.base import Dialog
from titletui.tui.train.metrics import format_loss


class CheckpointDialog(Dialog[str | None]):
    """Offers the checkpoint of the lowest held-out loss beside the last one.

    Dismissed with the name of a model.

    Args:
        run: its name.
        best: the step of the lowest held-out loss, and that loss.
        last: the step of the newest checkpoint.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("b,enter", "take('best')", "best", id="best.best", tooltip="Take the best one"),
        Binding("l", "take('last')", "last", id="best.last", tooltip="Take the last one"),
        Binding("escape,q", "dismiss(None)", "cancel", id="best.cancel", tooltip="Neither"),
    ]

    def __init__(self, run: str, best: tuple[int, float], last: int) -> None:
        super().__init__()
        self._run = run
        self._best = best
        self._last = last

    def compose(self) -> ComposeResult:
        step, loss = self._best
        with Vertical(classes="dialog") as box:
            box.border_title = Content(f"Which model of {display(self._run)}?").markup
            box.border_subtitle = "b best · l last · escape neither"
            yield Static(
                Content.assemble(
                    ("b  ", "bold $primary"),
                    f"best: step {step}, the lowest held-out loss ({format_loss(loss)})\n",
                    ("l  ", "bold $primary"),
                    f"last: step {self._last}, further trained, closer to its titles",
                )
            )

    def action_take(self, which: str) -> None:
        """Answers with the best or the last model."""
        self.dismiss(f"{self._run}@{self._best[0]}" if which == "best" else self._run)
