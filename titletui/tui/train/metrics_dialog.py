"""Everything that is known of a run, in words."""

from typing import ClassVar

import msgspec
from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from titletui.settings import as_text
from titletui.text import display
from titletui.training.recipe import Recipe
from titletui.training.run_history import RunView
from titletui.tui.app_base import AppBase
from titletui.tui.dialogs.base import Dialog
from titletui.tui.train.metrics import figures, format_loss, progress_text
from titletui.tui.train.run_status import RunSnapshot
from titletui.tui.widgets.bars import bar

_NAME = 18
_WORDS = 20
_NOTES = 20


class MetricsDialog(Dialog[None]):
    """A run's figures, its recipe, its notes, and its words beside those of its corpus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,i", "dismiss", "close", id="figures.close", tooltip="Close"),
        Binding("c", "copy", "copy", id="figures.copy", tooltip="Copy what stands here"),
        Binding("j,down", "scroll(1)", "Down", show=False, id="figures.down", tooltip="Down"),
        Binding("k,up", "scroll(-1)", "Up", show=False, id="figures.up", tooltip="Up"),
    ]
    app = getters.app(AppBase)

    def __init__(self, shown: RunSnapshot) -> None:
        super().__init__()
        self._shown = shown
        self._text = Content("")

    def compose(self) -> ComposeResult:
        a_row = 4 if self.app.size.width >= 80 else 2
        self._text = Content("\n").join(_rows(self._shown, a_row))
        with VerticalScroll(classes="dialog") as box:
            box.border_title = Content(f"Figures of {display(self._shown.view.name)}").markup
            box.border_subtitle = "c copy · escape close"
            yield Static(self._text)

    def action_copy(self) -> None:
        """Copies what is shown."""
        self.app.copy(self._text.plain)

    def action_scroll(self, lines: int) -> None:
        """Scrolls by `lines`."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)


def _rows(shown: RunSnapshot, a_row: int) -> list[Content]:
    view = shown.view
    rows = [_row("state", progress_text(view, shown.state))]
    rows += [_row(name or "speed", value) for name, value in figures(view, shown.state)]
    rows += _heldout(view, a_row)
    if view.spec is not None:
        plan = view.spec
        rows += [_head("Recipe"), _row("corpus", f"{plan.corpus} · {plan.papers:,} papers")]
        if plan.parent:
            rows.append(_row("goes on from", plan.parent))
        rows += [_row(name, value) for name, value in _chosen(plan.recipe)]
    if view.evaluated is not None and view.evaluated.words:
        rows += [_head("Frequent words"), *_words(view.evaluated.words)]
    if view.notes:
        rows.append(_head("Notes"))
        rows += [Content(display(note.text)) for note in view.notes[-_NOTES:]]
    return rows


def _heldout(view: RunView, a_row: int) -> list[Content]:
    if not view.heldout_steps:
        return []
    pairs = list(zip(view.heldout_steps, view.heldout, strict=True))[-8:]
    best = view.best[0] if view.best else None
    marks = [f"{step}: {format_loss(loss)}{' ●' if step == best else ''}" for step, loss in pairs]
    parts = [marks[at : at + a_row] for at in range(0, len(marks), a_row)]
    return [
        _row("" if row else "held-out by step", "  ".join(part)) for row, part in enumerate(parts)
    ]


def _chosen(recipe: Recipe) -> list[tuple[str, str]]:
    """The preset and base, and all that differs from what a recipe is by itself."""
    usual = msgspec.to_builtins(Recipe())
    fields = msgspec.structs.asdict(recipe)
    kept = ("preset", "base", "task")
    return [
        (name, as_text(value) or "none")
        for name, value in fields.items()
        if name in kept or value != usual[name]
    ]


def _words(words: dict[str, list[tuple[str, int]]]) -> list[Content]:
    """The words of the corpus and of the samples side by side."""
    columns = [(name, words[name][:_WORDS]) for name in ("corpus", "samples") if words.get(name)]
    rows = [Content("").join(Content(f"{name:<32}").stylize("bold") for name, _ in columns)]
    for place in range(max(len(column) for _, column in columns)):
        parts: list[Content] = []
        for _, column in columns:
            if place < len(column):
                word, count = column[place]
                text = f"{display(word)[:14]:<15}{count:>5} "
                size = bar(count / column[0][1], 8)
                parts += [Content(text), Content.styled(f"{size:<11}", "$primary")]
            else:
                parts.append(Content(" " * 32))
        rows.append(Content("").join(parts))
    return rows


def _head(text: str) -> Content:
    return Content.assemble("\n", (text, "bold $primary"))


def _row(name: str, value: str) -> Content:
    return Content.assemble((f"{name:<{_NAME}} ", "$foreground 60%"), display(value))
