"""A run as the command line shows it: one line, a report, or live."""

import time
from typing import TYPE_CHECKING, Any

from titletui.cli.output import print_json, say
from titletui.text import display, format_duration

if TYPE_CHECKING:
    from titletui.jobs.events import Evaluated, Overfit
    from titletui.jobs.job import Job
    from titletui.training.estimate import Forecast
    from titletui.training.launch.runs import RunView

_PAUSE = 0.25
_GLYPHS = {
    "done": "✓",
    "running": "●",
    "queued": "○",
    "stopping": "◌",
    "stopped": "⏸",
    "elsewhere": "◇",
}


def facts(view: "RunView") -> dict[str, Any]:
    """What `--json` prints of a run."""
    best = view.best
    ended = view.job.exit
    found: dict[str, Any] = {
        "name": view.name,
        "state": view.state.value,
        "step": view.step,
        "steps": view.steps,
        "loss": view.loss,
        "heldout_loss": view.heldout_loss,
        "perplexity": view.perplexity,
        "bits_per_character": view.bits,
        "overfit": view.overfit is not None,
        "overfit_step": view.overfit.step if view.overfit else None,
        "rising": view.rising is not None,
        "diverged": view.diverged is not None,
        "copies": view.copies,
        "best_step": best[0] if best else None,
        "best_heldout_loss": best[1] if best else None,
        "eta": view.eta,
        "device": view.device,
        "checkpoints": view.checkpoints,
        "reason": (ended.reason if ended else "") or view.problem,
    }
    if view.plan:
        found |= {
            "corpus": view.plan.corpus,
            "papers": view.plan.papers,
            "sha256": view.plan.sha256,
            "preset": view.plan.recipe.preset,
            "task": view.plan.recipe.task,
            "base": view.plan.recipe.base,
            "parent": view.plan.parent,
        }
    if view.evaluated:
        found["figures"] = view.evaluated.figures
    return found


def line(view: "RunView") -> str:
    """One line of the list."""
    state = view.condition or view.state.value
    glyph = "✕" if view.state.value in ("failed", "unreadable") else _GLYPHS.get(view.state, "·")
    parts = [f"{glyph} {view.name:<24} {state:<12} {_steps(view)}"]
    if view.loss is not None:
        parts.append(f"loss {view.loss:.3f}")
    if view.heldout_loss is not None and view.perplexity is not None:
        parts.append(f"held-out {view.heldout_loss:.3f} (ppl {view.perplexity:.1f})")
    if view.problem:
        parts.append(view.problem)
    return "  ".join(parts)


def _steps(view: "RunView") -> str:
    """How far it is; runs of an older build did not say how far they would go."""
    if view.steps:
        return f"{view.step}/{view.steps}"
    return f"{view.step} steps" if view.step else "0"


def report(view: "RunView") -> list[str]:
    """All that there is to say about a run."""
    said = [line(view)]
    if view.plan:
        recipe = view.plan.recipe
        said.append(
            f"  {recipe.task} from {recipe.base} on {view.plan.corpus}: {view.plan.papers:,} "
            f"papers, sha256 {view.plan.sha256[:16]}"
        )
    if view.device:
        said.append(f"  on {view.device}")
    if waits := _in_queue(view):
        said.append(f"  {waits}")
    if view.bits is not None:
        said.append(f"  {view.bits:.3f} bits per character on the held-out papers")
    if view.best:
        step, loss = view.best
        use = f"; use it as {view.name}@best" if step != view.step else ""
        said.append(f"  lowest held-out loss {loss:.3f} at step {step}{use}")
    if view.last and view.last.memory:
        said.append(f"  {view.last.speed:,.0f} title tokens/s, {view.last.memory >> 20:,} MB")
    if view.overfit:
        said.append(f"  overfit: {overfit_sentence(view.overfit)}")
    if view.rising:
        said.append(f"  the held-out loss rises since step {view.rising.best}")
    if view.evaluated:
        said += figures(view.evaluated)
    for note in view.notes[-5:]:
        said.append(f"  {note.level}: {note.text}")
    if view.bad_lines:
        said.append(f"  {view.bad_lines} lines of the log could not be read")
    ended = view.job.exit
    if ended and ended.reason:
        said.append(f"  {ended.reason}. {ended.advice}".rstrip())
    if view.preview:
        said.append(f"  titles at step {view.preview.step} (copies {view.copies:.0%}):")
        said += [f"    {title}" for title in view.preview.titles]
    return said


def _in_queue(view: "RunView") -> str:
    """Where a submitted run waits, and why."""
    from titletui.jobs import slurm_queue

    held = view.job.ticket
    if held is None or view.state.value != "queued":
        return ""
    answer = slurm_queue.ask(view.job.path, held)
    why = f" ({answer.why})" if answer.why else ""
    return f"in Slurm's queue as job {held.id}{why}"


def overfit_sentence(event: "Overfit") -> str:
    """What the banner says."""
    return (
        f"training loss {event.average:.3f} < {event.threshold:g} at step {event.step}: the model "
        f"starts to repeat its titles (copies {event.copies:.0%})"
    )


def figures(evaluated: "Evaluated") -> list[str]:
    """The final figures."""
    said = [f"  {name} {value:.4f}" for name, value in sorted(evaluated.figures.items())]
    for name, words in evaluated.words.items():
        said.append(f"  words of the {name}: {', '.join(word for word, _ in words[:12])}")
    return said


def estimate(forecast: "Forecast") -> list[str]:
    """What a run would be, before it is started."""
    about = "about " if forecast.about else ""
    said = []
    if forecast.examples:
        said.append(
            f"{about}{forecast.examples:,} examples, {forecast.tokens:,} title tokens; "
            f"{forecast.heldout:,} held out"
        )
        said.append(f"{forecast.steps:,} steps, {forecast.epochs:g} epochs")
    if forecast.parameters:
        said.append(f"{forecast.parameters / 1e6:,.1f} million parameters")
    if forecast.memory:
        free = f"{forecast.free / 1e9:.1f} GB free" if forecast.free else "an unknown amount free"
        on = f" on {forecast.device}" if forecast.device else ""
        said.append(f"memory: {forecast.memory / 1e9:.2f} GB, {free}{on}")
    if forecast.seconds is not None:
        said.append(f"time: about {format_duration(forecast.seconds)}, without evaluations")
    said += [f"note: {forecast.note}"] if forecast.note else []
    said += [f"it does not fit: {forecast.problem}"] if forecast.problem else []
    return said


def watch(job: "Job", *, json: bool, stops: bool) -> int:
    """Shows a run until it ends; returns 0 done or stopped, 1 failed, 130 interrupted.

    Args:
        json: one JSON object a line on stdout for each event, in place of a picture on stderr.
        stops: Ctrl-C asks the run to stop (the command that started it); else it only ends the
            watching.
    """
    from titletui.jobs import launch
    from titletui.training.launch.runs import RunView

    view = RunView(job)
    shown = _Events(job) if json else _Picture(view)
    interrupted = False
    with shown:
        while True:
            try:
                alive = job.state.alive
                view.refresh()
                shown.update()
                if not alive:
                    break
                time.sleep(_PAUSE)
            except KeyboardInterrupt:
                if not stops or interrupted:
                    say(f"{job.name} trains on; `titletui watch {job.name}` shows it again.")
                    return 130
                interrupted = True
                launch.stop(job)
                say(f"{job.name} ends at its next step; Ctrl-C again leaves it alone.")
    if json:
        print_json(facts(view))
    else:
        for text in report(view):
            say(text)
    if interrupted:
        return 130
    return 0 if view.state.value in ("done", "stopped") else 1


class _Events:
    """Each event of the log as it is, on stdout."""

    def __init__(self, job: "Job") -> None:
        self._tail = job.tail()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def update(self) -> None:
        for event in self._tail.read():
            print_json(event)


class _Picture:
    """A live picture on stderr: a bar, the losses, the newest titles."""

    def __init__(self, view: "RunView") -> None:
        from rich.console import Console
        from rich.live import Live

        self._view = view
        self._live = Live(
            console=Console(stderr=True), auto_refresh=False, transient=True, redirect_stdout=False
        )

    def __enter__(self) -> None:
        self._live.__enter__()

    def __exit__(self, *reason: Any) -> None:
        self._live.__exit__(*reason)

    def update(self) -> None:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        view = self._view
        parts: list[Any] = [Text(display(line(view)))]
        if view.steps:
            parts.append(ProgressBar(total=view.steps, completed=view.step, width=60))
        if view.last:
            eta = f", {format_duration(view.eta)} left" if view.eta is not None else ""
            parts.append(
                Text(
                    f"{view.last.speed:,.0f} title tokens/s, rate {view.last.rate:.2e}, norm "
                    f"{view.last.norm or 0:.2f}, {view.last.memory >> 20:,} MB{eta}"
                )
            )
        elif view.progress:
            parts.append(Text(display(f"{view.progress.waiting}: {view.progress.far}")))
        if view.overfit:
            parts.append(Text(overfit_sentence(view.overfit), style="bold red"))
        if view.preview:
            parts.append(Text(f"step {view.preview.step}, copies {view.copies:.0%}", style="dim"))
            parts += [Text("  " + display(title)) for title in view.preview.titles[:5]]
        self._live.update(Group(*parts), refresh=True)
