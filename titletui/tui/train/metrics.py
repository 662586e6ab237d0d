"""A run's figures in words: as many lines as they need, no figure broken over two."""

import math

from textual.content import Content

from titletui.jobs.job import State
from titletui.text import format_bytes, format_duration
from titletui.training.run_history import RunView

Figure = tuple[str, str]


def figures(view: RunView, state: State) -> list[Figure]:
    """(name, value) of all that is known of a run, what matters most first."""
    found: list[Figure] = []
    last = view.last
    if view.excess is not None and view.margin and view.floor >= 0.001:
        found.append(("excess", f"{view.excess:.2f} (< {view.margin:.2f} = overfit)"))
    if view.loss is not None:
        found.append(("loss", format_loss(view.loss)))
    elif view.diverged is not None:
        found.append(("loss", "not a number"))
    if view.heldout_loss is not None:
        value = format_loss(view.heldout_loss)
        extra = [f"ppl {format_loss(math.exp(min(view.heldout_loss, 700)))}"]
        if view.best is not None:
            extra.append(f"best at {view.best[0]}")
        found.append(("held-out", f"{value} ({', '.join(extra)})"))
    # The finished model's titles are many; a preview's are five.
    finished = view.evaluated.figures if view.evaluated is not None else {}
    if view.preview is not None or "copies" in finished:
        found.append(("copies", f"{finished.get('copies', view.copies):.0%}"))
    if last is not None and state.alive:
        found.append(("", f"{last.speed:,.0f} tok/s"))
    if view.bits is not None and math.isfinite(view.bits):
        found.append(("bits/char", f"{view.bits:.2f}"))
    if last is not None:
        found.append(("lr", f"{last.rate:.2g}"))
        if last.norm is not None:
            found.append(("grad", format_loss(last.norm)))
        if last.memory and state.alive:
            found.append(("memory", format_bytes(last.memory)))
    for figure, measured in finished.items():
        if math.isfinite(measured) and figure != "copies":
            share = figure == "unique"
            found.append((_called(figure), f"{measured:{'.0%' if share else '.3g'}}"))
    if view.device and state.alive:
        found.append(("on", view.device))
    if view.bad_lines:
        found.insert(1, ("unreadable log lines", f"{view.bad_lines}"))
    return found


def _called(figure: str) -> str:
    """`baseline ROUGE-L` for `baseline_rougeL`."""
    return figure.replace("_", " ").replace("rouge", "ROUGE-")


def lines(found: list[Figure], width: int, most: int) -> Content:
    """The figures in at most `most` lines of `width` cells; those that do not fit are left out."""
    rows: list[list[Content]] = [[]]
    used = 0
    for name, value in found:
        figure = Content.assemble((f"{name} " if name else "", "$foreground 60%"), value)
        need = figure.cell_length + (2 if rows[-1] else 0)
        if used + need > width and rows[-1]:
            if len(rows) == most:
                break
            rows.append([])
            used, need = 0, figure.cell_length
        rows[-1].append(figure)
        used += need
    return Content("\n").join(Content("  ").join(row) for row in rows)


def progress_text(view: RunView, state: State) -> str:
    """`212/500 · ETA 6 min`, or what it does before its first step."""
    parts: list[str] = []
    if view.steps_done or view.steps:
        parts.append(f"{view.step}/{view.steps}" if view.steps else f"step {view.step}")
    if state is State.RUNNING:
        if view.eta is not None:
            parts.append(f"ETA {format_duration(view.eta)}")
    else:
        parts.append(state.value)
    return " · ".join(parts)


def format_loss(value: float) -> str:
    """A loss or perplexity in three digits; exactly 0 is `0`, a small one never is."""
    if value == 0:
        return "0"
    if abs(value) < 0.001:
        return f"{value:.1e}"
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}" if value < 100 else f"{value:,.0f}"
