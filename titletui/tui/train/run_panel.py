"""One run: its chart, its figures, what it writes by now, and what is wrong with it."""

from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from titletui.jobs.job import State
from titletui.text import display
from titletui.training.run_history import RunView
from titletui.training.run_spec import RunSpec
from titletui.training.signs import Sign
from titletui.tui.textual_patches.static import StableStatic
from titletui.tui.train.loss_chart.widget import LossChart
from titletui.tui.train.metrics import figures, lines, progress_text
from titletui.tui.train.run_status import RunSnapshot

_TASKS = {
    "title": "titles",
    "abstract-to-title": "abstract → title",
    "abstract": "abstracts",
    "year-to-title": "year → title",
    "instruction": "instruction → title",
}


class RunPanel(Vertical):
    """A run as it stands; `show` is called as often as one likes.

    Attributes:
        accepted: run and kind of each sign that the user has sent away with *go on*.
    """

    DEFAULT_CSS = """
    RunPanel {
        border: round $primary 50%;
        border-title-color: $primary;
        border-title-style: bold;
        border-subtitle-color: $text-muted;
        padding: 0 1 0 0;
        &.-warns { border: heavy $warning; border-title-color: $warning; }
        &.-broken { border: heavy $error; border-title-color: $error; }
        & > #banner { display: none; height: auto; max-height: 5; padding: 0 1; margin-left: 1; }
        &.-warns > #banner.-said { display: block; background: $warning 20%; }
        &.-broken > #banner.-said { display: block; background: $error 20%; }
        & > #figures { height: auto; max-height: 3; padding: 0 0 0 1; }
        & > #preview { height: auto; max-height: 5; padding: 0 0 0 1; }
        &.-silent > #preview { display: none; }
    }
    """

    chart = getters.query_one(LossChart)
    banner = getters.query_one("#banner", StableStatic)
    figures = getters.query_one("#figures", StableStatic)
    preview = getters.query_one("#preview", StableStatic)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.accepted: set[tuple[str, str]] = set()
        self._back = 0
        self._shown: RunSnapshot | None = None
        self._other: RunSnapshot | None = None

    def on_resize(self) -> None:
        if self._shown is not None:
            self.show(self._shown, self._other)

    def compose(self) -> ComposeResult:
        yield StableStatic(id="banner")
        yield LossChart()
        yield StableStatic(id="figures")
        yield StableStatic(id="preview")

    def show(self, shown: RunSnapshot, other: RunSnapshot | None = None) -> None:
        """Shows a run, and the curve of another one behind it."""
        if self._shown is None or self._shown.view is not shown.view:
            self._back = 0
        self._shown, self._other = shown, other
        view = shown.view
        self._show_curves(view, other.view if other else None)
        self._show_frame(shown)
        self._show_banner(shown)
        width = max(20, self.content_size.width - 1)
        tall = self.content_size.height >= 24
        self.figures.update(lines(figures(view, shown.state), width, 3 if tall else 2))
        self._show_preview(shown, 9 if tall else 4)

    def accept_signs(self) -> None:
        """Hides the signs of overfitting that the run shows by now; later ones are shown."""
        if self._shown is not None:
            view = self._shown.view
            self.accepted |= {(view.name, sign.kind) for sign in view.signs}

    def walk_previews(self, by: int) -> None:
        """To earlier (`by` < 0) or later previews."""
        if self._shown is not None:
            most = max(0, len(self._shown.view.previews) - 1)
            self._back = min(most, max(0, self._back - by))
            self._show_preview(self._shown, 9 if self.content_size.height >= 24 else 4)

    def _show_curves(self, view: RunView, other: RunView | None) -> None:
        chart = self.chart
        shown = [view] if other is None or other.name == view.name else [view, other]
        chart.keep_only(*(one.name for one in shown))
        for one in shown:
            heldout = list(zip(one.heldout_steps, one.heldout, strict=True))
            best = one.best[0] if one.best else None
            chart.set_curves(one.name, one.steps_done, one.losses, one.averages, heldout, best)
        chart.change_view(threshold=view.threshold, labels=_threshold_labels(view))
        chart.empty = _waiting(view, self._shown)

    def _show_frame(self, shown: RunSnapshot) -> None:
        view = shown.view
        title = Content.styled(display(view.name), "bold")
        if view.condition:
            title = Content.assemble(title, f" ⚠ {view.condition}")
        if view.spec is not None:
            title = Content.assemble(title, "  ", (_spec_line(view.spec), "not bold"))
        self.border_title = title.markup
        self.border_subtitle = Content(progress_text(view, shown.state)).markup
        non_finite = view.condition == "diverged" or shown.state in (State.FAILED, State.UNREADABLE)
        self.set_class(non_finite, "-broken")
        warns = bool(view.signs)
        self.set_class((warns or shown.state is State.INTERRUPTED) and not non_finite, "-warns")

    def _show_banner(self, shown: RunSnapshot) -> None:
        name = shown.view.name
        signs = [one for one in shown.view.signs if (name, one.kind) not in self.accepted]
        text = _banner(shown, signs)
        self.banner.set_class(text is not None, "-said")
        if text is not None:
            self.banner.update(text)

    def _show_preview(self, shown: RunSnapshot, most: int) -> None:
        view = shown.view
        wrote = any(preview.titles for preview in view.previews[-1:])
        self.set_class(not wrote and not (shown.log and not view.previews), "-silent")
        if shown.log and not view.previews:
            self.preview.update(Content.styled("\n".join(shown.log[-most:]), "$foreground 60%"))
            return
        if not view.previews:
            self.preview.update("")
            return
        at = len(view.previews) - 1 - self._back
        preview = view.previews[at]
        width = max(10, self.content_size.width - 9)
        rows: list[Content] = []
        for index, title in enumerate(preview.titles[:most]):
            mark = f"{preview.step:>6}  " if index == 0 else " " * 8
            text = Content(display(title)).truncate(width, ellipsis=True)
            rows.append(Content.assemble((mark, "$foreground 60%"), text))
        if self._back and rows:
            rows[0] = Content.assemble(rows[0], ("  ‹ earlier", "$foreground 60%"))
        self.preview.update(Content("\n").join(rows))


def _spec_line(plan: RunSpec) -> str:
    recipe = plan.recipe
    task = " + ".join(_TASKS.get(task, task) for task in recipe.tasks)
    return display(f"{recipe.base} · {task} · {plan.papers:,} papers")


def _waiting(view: RunView, shown: RunSnapshot | None) -> str:
    if shown is not None and not shown.state.alive:
        return f"{shown.state.value} before the first step"
    if view.progress is None:
        return "it waits for its first step"
    waiting = f"{view.progress.waiting}: " if view.progress.waiting else ""
    return f"{waiting}{view.progress.amount}"


def _banner(shown: RunSnapshot, signs: list[Sign]) -> Content | None:
    """What is wrong, and what can be done; None when there is nothing to say."""
    view, state = shown.view, shown.state
    if view.diverged is not None:
        text = (
            f"diverged at step {view.diverged.step}: the loss is no number any more. The last "
            "checkpoint before it is kept; try a lower learning rate (n new)."
        )
        return _said("✕", text)
    if state in (State.FAILED, State.UNREADABLE):
        reason = shown.reason or "the run ended without a word"
        text = f"{state.value}: {reason.rstrip('.')}. {shown.advice}".strip()
        return _said("✕", f"{text} (space resumes, L shows the log)")
    if state is State.INTERRUPTED:
        return _said(
            "⚠", "interrupted: its process is gone. space goes on from the last checkpoint"
        )
    if signs:
        first, *others = signs
        texts = [first.text, _offer(view, state), *(sign.text for sign in others)]
        return _said("⚠", " ".join(texts))
    return None


def _threshold_labels(view: RunView) -> tuple[str, ...]:
    """What the threshold is made of, the longest wording first."""
    threshold = view.threshold or 0.0
    margin = view.spec.recipe.overfit_below if view.spec else 0.0
    floor = threshold - margin
    short = f"overfit {threshold:.2g}"
    if floor < 0.001:
        return (short,)
    return (f"{short} = {floor:.2g} memorized + {margin:.2f}", short)


def _offer(view: RunView, state: State) -> str:
    if state.alive:
        return "space stops it · o goes on"
    best = view.best
    if best is not None and best[0] in view.checkpoints and best[0] != view.step:
        return f"It generates with its best checkpoint (step {best[0]}) · o hides this"
    return "o hides this"


def _said(glyph: str, text: str) -> Content:
    return Content.assemble((f"{glyph} ", "bold"), display(text))
