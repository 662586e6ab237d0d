"""The Train screen and its dialogs."""

import random
from contextlib import ExitStack

from textual.pilot import Pilot
from textual.widgets import Collapsible

from tests.support.corpora import fill
from tests.support.pilot import until
from tests.support.run_folders import held, overfit_run, run_folder
from tests.tui.scenes.corpus import papers
from tests.tui.scenes.scene import FORECAST, Scene, at_rest, put
from titletui.jobs.event_log import EventLog
from titletui.jobs.events import AnyEvent, Evaluated, HeldoutRising, Note, Progress
from titletui.jobs.job import Job, JobResult, create_job
from titletui.paths import Home
from titletui.training.recipe import Recipe
from titletui.training.run_spec import RunSpec

TITLES = (
    "Robust Speech Recognition with Self-Supervised Representations",
    "A Study of Codec Mismatch in Speaker Embeddings",
    "Neural Vocoding for Low-Resource Emotional Speech R[0,1] [/b]",
    "Streaming Speaker Diarization with Overlap",
    "Towards Expressive Singing Voice Synthesis from Unpaired Data",
)


def _run(home: Home, name: str, steps: int, ended: JobResult | None, of: int = 500) -> Job:
    """A run that learns as it should, `steps` far."""
    draw = random.Random(2)
    losses = [(1 + 6 * 0.99**step) * draw.uniform(0.8, 1.2) for step in range(steps)]
    averages = [1.1 + 6 * 0.992**step for step in range(steps)]
    return run_folder(home, name, losses, averages=averages, steps=of, previews=TITLES, ended=ended)


def _two_runs(home: Home, stack: ExitStack) -> None:
    _run(home, "cs-cl-2", 300, JobResult(outcome="stopped"))
    overfit_run(home, "eess-as-1")


def _running(home: Home, stack: ExitStack) -> None:
    _two_runs(home, stack)
    stack.enter_context(held(_run(home, "eess-as-2", 212, None)))


def _rising(home: Home, stack: ExitStack) -> None:
    losses = [1.5 + abs(step - 200) / 50 for step in range(400)]
    risen = HeldoutRising(step=350, best=200)
    job = run_folder(home, "eess-as-3", losses, steps=500, previews=TITLES, more=[risen])
    stack.enter_context(held(job))


def _before_the_first_step(home: Home, stack: ExitStack) -> None:
    plan = RunSpec(recipe=Recipe(steps=500), corpus="eess.AS", papers=3064, sha256="0" * 64)
    job = create_job(home.jobs, "run", "eess-as-4", plan)
    with EventLog(job.events) as log:
        log.append(Progress(done=1_200, total=3_064, waiting="reading papers"))
    stack.enter_context(held(job))


def _diverged(home: Home, stack: ExitStack) -> None:
    losses = [3.0 + 0.01 * step for step in range(120)] + [float("nan")]
    ended = JobResult(outcome="failed", reason="The loss is not finite at step 121")
    run_folder(home, "neo-try", losses, steps=500, previews=TITLES, ended=ended)


def _failed(home: Home, stack: ExitStack) -> None:
    advice = "Make batch_tokens smaller, 2,048 say."
    ended = JobResult(outcome="failed", reason="The memory was full", advice=advice, oom=True)
    job = run_folder(home, "neo-try", [], steps=500, ended=ended)
    job.log.write_text("loading gpt-neo-125m\n[/b] 3,064 papers\nKilled\n")


def _interrupted(home: Home, stack: ExitStack) -> None:
    with held(_run(home, "eess-as-2", 212, None)):
        pass


def _finished(home: Home, stack: ExitStack) -> None:
    words: dict[str, list[tuple[str, int]]] = {
        "corpus": [("speech", 812), ("audio", 431), ("recognition", 388), ("[/b]", 200)],
        "samples": [("speech", 91), ("neural", 44), ("audio", 40)],
    }
    more: list[AnyEvent] = [
        Evaluated(step=500, figures={"copies": 0.01, "unique": 0.99, "rougeL": 0.22}, words=words),
        Note(text="The tokens of 3,064 titles were counted once and are kept."),
    ]
    losses = [1 + 6 * 0.99**step for step in range(500)]
    run_folder(
        home, "eess-as-1", losses, more=more, previews=TITLES, ended=JobResult(outcome="done")
    )


def _best_before_last(home: Home, stack: ExitStack) -> None:
    averages = [1 + abs(step - 200) / 100 for step in range(500)]
    run_folder(home, "eess-as-1", averages, previews=TITLES, ended=JobResult(outcome="done"))


def _a_corpus(home: Home, stack: ExitStack) -> None:
    fill(home, "eess.AS", papers(40))


async def _unfold(pilot: Pilot[int]) -> None:
    pilot.app.screen.query_one(Collapsible).collapsed = False
    await pilot.pause()
    await until(pilot, lambda: pilot.app.screen.query("#set-seed"))
    pilot.app.screen.query_one("#set-learning_rate").focus()
    await at_rest(pilot)
    # Where the focus scrolls to depends on how much of the form stood by then.
    pilot.app.screen.query_one("#fields").scroll_to(y=3, animate=False, immediate=True)


_RUNS = ("✓ eess-as-1", "⚠ overfit", "cs-cl-2")
_NONE = ("No run yet",)
_COMPARED = ("v", ("stays in the chart",), "j", ("━━ cs-cl-2",))
_NEW = ("n", ("New run", "2,911 examples", "6 min"))
SCENES: tuple[Scene, ...] = (
    Scene("train-empty", "train", _NONE),
    Scene("train", "train", _RUNS, fill=_two_runs),
    Scene("train-linear", "train", _RUNS, ("y",), fill=_two_runs),
    Scene("train-compared", "train", _RUNS, _COMPARED, fill=_two_runs),
    Scene(
        "train-running",
        "train",
        ("● eess-as-2", "212/500", "ETA 6 min", "step 212 loss"),
        fill=_running,
    ),
    Scene(
        "train-rising",
        "train",
        ("step 400 loss", "The held-out loss is above", "space stops it"),
        fill=_rising,
    ),
    Scene(
        "train-waiting",
        "train",
        ("● eess-as-4 1,200 of 3,064 papers", "reading papers: 1,200 of", "starts"),
        fill=_before_the_first_step,
    ),
    Scene("train-diverged", "train", ("diverged at step 121",), fill=_diverged),
    Scene("train-failed", "train", ("The memory was full", "Killed"), fill=_failed),
    Scene("train-interrupted", "train", ("interrupted: its process",), fill=_interrupted),
    Scene("train-delete", "train", _RUNS, ("x", ("Delete the run",)), fill=_two_runs),
    Scene("train-rename", "train", _RUNS, ("R", ("Rename eess-as-1",)), fill=_two_runs),
    Scene("train-figures", "train", ("✓ eess-as-1",), ("i", ("held-out by step",)), fill=_finished),
    Scene("train-log", "train", ("The memory was full",), ("L", ("state: failed",)), fill=_failed),
    Scene("train-log-empty", "train", _RUNS, ("L", ("state: done",)), fill=_two_runs),
    Scene(
        "train-best", "train", ("✓ eess-as-1",), ("enter", ("Which model",)), fill=_best_before_last
    ),
    Scene("new-run", "train", _NONE, _NEW, fill=_a_corpus),
    Scene("new-run-settings", "train", _NONE, (*_NEW, _unfold), fill=_a_corpus),
    Scene(
        "new-run-refused",
        "train",
        _NONE,
        (*_NEW, put("#steps", "many"), ("steps must be",)),
        fill=_a_corpus,
    ),
    Scene(
        "new-run-too-large",
        "train",
        _NONE,
        ("n", ("New run", "does not fit")),
        fill=_a_corpus,
        forecast=FORECAST | {"problem": "It does not fit: 31 GB of 21 GB free. LoRA would (lora)."},
    ),
    Scene("new-run-no-corpus", "train", _NONE, ("n", ("New run", "scrape or import"))),
)
