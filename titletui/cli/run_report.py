"""A run on the command line: one line, a report, JSON, or a live view."""

from typing import TYPE_CHECKING, Any, Self

from titletui.cli.output import EXIT_FAILED, EXIT_INTERRUPTED, print_json, say
from titletui.text import display, format_duration

if TYPE_CHECKING:
    from titletui.jobs.events import Evaluated
    from titletui.jobs.job import Job
    from titletui.training.estimate import Forecast
    from titletui.training.run_history import RunView


def facts(view: "RunView") -> dict[str, Any]:
    """Return what `--json` prints of a run."""
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
        "excess": view.excess,
        "memorization_floor": view.floor,
        "rising": view.rising is not None,
        "copying": view.copying is not None,
        "signs": [sign.text for sign in view.signs],
        "diverged": view.diverged is not None,
        "copies": view.copies,
        "best_step": best[0] if best else None,
        "best_heldout_loss": best[1] if best else None,
        "eta": view.eta,
        "device": view.device,
        "checkpoints": view.checkpoints,
        "reason": (ended.reason if ended else "") or view.problem,
    }
    if view.spec:
        found |= {
            "corpus": view.spec.corpus,
            "papers": view.spec.papers,
            "sha256": view.spec.sha256,
            "preset": view.spec.recipe.preset,
            "task": view.spec.recipe.task,
            "base": view.spec.recipe.base,
            "parent": view.spec.parent,
        }
    if view.evaluated:
        found["figures"] = view.evaluated.figures
    return found


def line(view: "RunView") -> str:
    """Describe a run in one line."""
    state = view.condition or view.state.value
    parts = [f"{view.state.glyph} {view.name:<24} {state:<12} {_steps(view)}"]
    if view.loss is not None:
        parts.append(f"loss {view.loss:.3f}")
    if view.heldout_loss is not None and view.perplexity is not None:
        parts.append(f"held-out {view.heldout_loss:.3f} (ppl {view.perplexity:.1f})")
    if view.problem:
        parts.append(view.problem)
    return "  ".join(parts)


def _steps(view: "RunView") -> str:
    """Format the progress; runs of 0.1.0 did not record their number of steps."""
    if view.steps:
        return f"{view.step}/{view.steps}"
    return f"{view.step} steps" if view.step else "0"


def report(view: "RunView") -> list[str]:
    """Describe a run in full, one string per line."""
    lines = [line(view)]
    if view.spec:
        recipe = view.spec.recipe
        lines.append(
            f"  {recipe.task} from {recipe.base} on {view.spec.corpus}: {view.spec.papers:,} "
            f"papers, sha256 {view.spec.sha256[:16]}"
        )
    if view.device:
        lines.append(f"  on {view.device}")
    if waits := _in_queue(view):
        lines.append(f"  {waits}")
    if view.excess is not None and view.margin:
        lines.append(
            f"  loss {view.excess:.3f} above the {view.floor:.3f} of memorized titles "
            f"(< {view.margin:g} = overfit)"
        )
    if view.bits is not None:
        lines.append(f"  {view.bits:.3f} bits per character on the held-out papers")
    if view.best:
        step, loss = view.best
        use = f"; {view.name} generates with it, {view.name}@last with the last step"
        use = use if step != view.step else ""
        lines.append(f"  lowest held-out loss {loss:.3f} at step {step}{use}")
    if view.last and view.last.memory:
        lines.append(f"  {view.last.speed:,.0f} title tokens/s, {view.last.memory >> 20:,} MB")
    lines += [f"  ⚠ {sign.text} {sign.advice}" for sign in view.signs]
    if view.evaluated:
        lines += figures(view.evaluated)
    for note in view.notes[-5:]:
        lines.append(f"  {note.level}: {note.text}")
    if view.bad_lines:
        lines.append(f"  {view.bad_lines} lines of the log could not be read")
    ended = view.job.exit
    if ended and ended.reason:
        lines.append(f"  {ended.reason}. {ended.advice}".rstrip())
    if view.preview:
        lines.append(f"  titles at step {view.preview.step} (copies {view.copies:.0%}):")
        lines += [f"    {title}" for title in view.preview.titles]
    return lines


def _in_queue(view: "RunView") -> str:
    """Describe the place of a submitted run in Slurm's queue."""
    from titletui.jobs import slurm_queue

    held = view.job.ticket
    if held is None or view.state.value != "queued":
        return ""
    answer = slurm_queue.ask(view.job.path, held)
    why = f" ({answer.why})" if answer.why else ""
    return f"in Slurm's queue as job {held.id}{why}"


def figures(evaluated: "Evaluated") -> list[str]:
    """List the metrics of the finished model."""
    lines = [f"  {name} {value:.4f}" for name, value in sorted(evaluated.figures.items())]
    for name, words in evaluated.words.items():
        lines.append(f"  words of the {name}: {', '.join(word for word, _ in words[:12])}")
    return lines


def estimate(forecast: "Forecast") -> list[str]:
    """Describe what a run would take."""
    about = "about " if forecast.about else ""
    lines = []
    if forecast.examples:
        lines.append(
            f"{about}{forecast.examples:,} examples, {forecast.tokens:,} title tokens; "
            f"{forecast.heldout:,} held out"
        )
        lines.append(f"{forecast.steps:,} steps, {forecast.epochs:g} epochs")
    if forecast.parameters:
        lines.append(f"{forecast.parameters / 1e6:,.1f} million parameters")
    if forecast.memory:
        free = f"{forecast.free / 1e9:.1f} GB free" if forecast.free else "an unknown amount free"
        on = f" on {forecast.device}" if forecast.device else ""
        lines.append(f"memory: {forecast.memory / 1e9:.2f} GB, {free}{on}")
    if forecast.seconds is not None:
        lines.append(f"time: about {format_duration(forecast.seconds)}, without evaluations")
    lines += [f"note: {forecast.note}"] if forecast.note else []
    lines += [f"it does not fit: {forecast.problem}"] if forecast.problem else []
    return lines


def watch(job: "Job", *, json: bool, stops: bool) -> int:
    """Show a run until it ends; return 0 done or stopped, 1 failed, 130 interrupted.

    Args:
        json: print each event as JSON on stdout, instead of a live view on stderr.
        stops: Ctrl-C asks the run to stop; else it only ends the watching.
    """
    from titletui.cli.job_progress import JobEvents, follow
    from titletui.training.run_history import RunView

    view = RunView(job)
    end = follow(
        job,
        JobEvents(job) if json else LiveRun(view),
        stopping=f"{job.name} ends at its next step; Ctrl-C again leaves it alone."
        if stops
        else "",
        left=f"{job.name} keeps running; `titletui watch {job.name}` shows it again.",
    )
    if end == "left":
        return EXIT_INTERRUPTED
    view.refresh()
    if json:
        print_json(facts(view))
    else:
        for text in report(view):
            say(text)
    if end == "interrupted":
        return EXIT_INTERRUPTED
    return 0 if view.state.value in ("done", "stopped") else EXIT_FAILED


class LiveRun:
    """A live view of a run on stderr: progress bar, losses, newest titles."""

    def __init__(self, view: "RunView") -> None:
        from rich.console import Console
        from rich.live import Live

        self._view = view
        self._live = Live(
            console=Console(stderr=True), auto_refresh=False, transient=True, redirect_stdout=False
        )

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._live.__exit__(*error)

    say = staticmethod(say)

    def update(self) -> None:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        view = self._view
        view.refresh()
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
            parts.append(Text(display(f"{view.progress.waiting}: {view.progress.amount}")))
        parts += [Text(display(sign.text), style="bold red") for sign in view.signs]
        if view.preview:
            parts.append(Text(f"step {view.preview.step}, copies {view.copies:.0%}", style="dim"))
            parts += [Text("  " + display(title)) for title in view.preview.titles[:5]]
        self._live.update(Group(*parts), refresh=True)
