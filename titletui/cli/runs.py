"""The commands about runs: train, watch, stop, resume, continue, rename, delete."""

import argparse
from typing import Any

from titletui.cli.output import print_json, print_line, say


def add_commands(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the commands about runs."""
    train = commands.add_parser("train", help="fine-tune a model on a corpus")
    train.add_argument("corpus", metavar="CORPUS", nargs="?")
    _from_stars(train)
    train.add_argument("--preset", default=None, help="a named recipe (default: starter-titles)")
    train.add_argument(
        "--run", dest="run_name", metavar="NAME", help="the run's name (default: after the corpus)"
    )
    _recipe_options(train)
    train.set_defaults(run=_train)

    go_on = commands.add_parser("continue", help="train a finished run's model further")
    go_on.add_argument("parent", metavar="RUN", help="RUN, RUN@STEP or RUN@best")
    go_on.add_argument("--corpus", help="another corpus (default: the same)")
    _from_stars(go_on)
    go_on.add_argument("--run", dest="run_name", metavar="NAME", help="the new run's name")
    _recipe_options(go_on)
    go_on.set_defaults(run=_continue, preset=None)

    runs = commands.add_parser("runs", help="list the runs, or show one")
    runs.add_argument("name", metavar="RUN", nargs="?")
    runs.add_argument("--json", action="store_true", help="one JSON object a line")
    runs.set_defaults(run=_runs)

    for word, handler, text in (
        ("watch", _watch, "follow a run until it ends"),
        ("stop", _stop, "stop a run at its next step, with a checkpoint"),
        ("resume", _resume, "resume a stopped or interrupted run"),
        ("delete", _delete, "delete a run and its checkpoints"),
    ):
        command = commands.add_parser(word, help=text)
        command.add_argument("name", metavar="RUN")
        command.add_argument("--json", action="store_true", help="one JSON object a line")
        if word == "resume":
            command.add_argument("--detach", action="store_true", help="return at once")
        command.set_defaults(run=handler)

    rename = commands.add_parser("rename", help="rename a run")
    rename.add_argument("name", metavar="RUN")
    rename.add_argument("new", metavar="NEW")
    rename.set_defaults(run=_rename)


def _from_stars(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--shortlist", action="store_true", help="train on the starred titles instead of a corpus"
    )


def _recipe_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--base", help="starter, a run, a folder, a hub id, or new")
    command.add_argument("--steps", help="optimizer steps")
    command.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="any field of the recipe"
    )
    command.add_argument("--processes", type=int, default=1, metavar="K", help="processes")
    command.add_argument("--slurm", action="store_true", help="submit it to Slurm")
    command.add_argument("--detach", action="store_true", help="start the run and return at once")
    command.add_argument(
        "--estimate", action="store_true", help="estimate time and memory, and start nothing"
    )
    command.add_argument("--json", action="store_true", help="one JSON object a line")


def _changes(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the changes to the recipe that the options ask for.

    Raises:
        UsageError: a `--set` is not KEY=VALUE.
    """
    from titletui.errors import UsageError

    changes: dict[str, str] = {}
    for text in arguments.set:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set takes KEY=VALUE, not {text!r}.")
        changes[key.strip()] = value
    if arguments.base is not None:
        changes["base"] = arguments.base
    if arguments.steps is not None:
        changes["steps"] = arguments.steps
    return changes


def _train(arguments: argparse.Namespace) -> int:
    from titletui.jobs.job import Job
    from titletui.paths import checked_name, find_home
    from titletui.training.launch.runs import resume_run
    from titletui.training.presets import DEFAULT, STARRED, override, preset

    home = find_home()
    corpus = _source(arguments, arguments.corpus)
    existing = None
    if arguments.run_name and not arguments.estimate:
        existing = Job(home.jobs / "run" / checked_name(arguments.run_name, "run name"))
    if existing and existing.path.is_dir():
        if existing.state.alive:
            say(f"{existing.name} is {existing.state.value}; watching it.")
        else:
            resume_run(home, existing.name)
            say(f"{existing.name} resumes.")
        return _follow(existing, arguments)
    papers = _starred(corpus)
    default = DEFAULT if papers is None else STARRED
    recipe = override(preset(arguments.preset or default), _changes(arguments))
    return _begin(corpus, recipe, papers, arguments)


def _continue(arguments: argparse.Namespace) -> int:
    from titletui.paths import find_home
    from titletui.training.launch.runs import continuation_recipe, parent_spec

    parent = arguments.parent
    plan = parent_spec(find_home(), parent)
    default = "" if arguments.shortlist else plan.corpus
    corpus = _source(arguments, arguments.corpus or default)
    papers = _starred(corpus)
    recipe = continuation_recipe(
        plan.recipe, parent, _changes(arguments), starred=papers is not None
    )
    return _begin(corpus, recipe, papers, arguments, parent=parent)


def _begin(
    corpus: str, recipe: Any, papers: Any, arguments: argparse.Namespace, *, parent: str = ""
) -> int:
    """Start a run and follow it, or print only an estimate."""
    from titletui.corpus.store import CorpusStore
    from titletui.paths import find_home
    from titletui.training.launch.runs import prepare_run, start_run

    if arguments.estimate:
        return _estimate(corpus, recipe, papers, arguments)
    home = find_home()
    with CorpusStore.open(home) as store:
        job = prepare_run(
            home,
            store,
            corpus,
            recipe,
            name=arguments.run_name,
            processes=arguments.processes,
            slurm=arguments.slurm,
            parent=parent,
            papers=papers,
        )
        start_run(job)
    say(f"The run {job.name} has started.")
    return _follow(job, arguments)


def _source(arguments: argparse.Namespace, corpus: str | None) -> str:
    """Return the name of the training data: a corpus, or `SHORTLIST`.

    Raises:
        UsageError: both are given, or neither is.
    """
    from titletui.errors import UsageError
    from titletui.shortlist.export import SHORTLIST

    if corpus and corpus != SHORTLIST and arguments.shortlist:
        raise UsageError(f"Train on the corpus {corpus} or on the --shortlist, not on both.")
    if not corpus and not arguments.shortlist:
        raise UsageError("Name the corpus to train on, or --shortlist.")
    return SHORTLIST if arguments.shortlist else str(corpus)


def _starred(source: str) -> Any:
    """Return the starred titles as papers if they are the training data; None for a corpus."""
    from titletui.paths import find_home
    from titletui.shortlist.export import SHORTLIST, as_papers
    from titletui.shortlist.library import Library

    if source != SHORTLIST:
        return None
    with Library.open(find_home()) as library:
        return as_papers(library.favourites())


def _estimate(corpus: str, recipe: Any, papers: Any, arguments: argparse.Namespace) -> int:
    """Print an estimate of a run; return 1 if it does not fit."""
    from titletui.cli.run_report import estimate
    from titletui.corpus.store import CorpusStore
    from titletui.paths import find_home
    from titletui.training.estimate import Question, ask

    if papers is None:
        with CorpusStore.open(find_home()) as store:
            store.summary(corpus)
    forecast = ask(Question(corpus, recipe, papers))
    if arguments.json:
        print_json(forecast)
    else:
        for text in estimate(forecast):
            print_line(text)
    return 1 if forecast.problem else 0


def _follow(job: Any, arguments: argparse.Namespace) -> int:
    """Watch the run, unless `--detach` is given."""
    from titletui.cli.run_report import watch
    from titletui.jobs.lifetime import lifetime_limits

    for limit in lifetime_limits():
        if arguments.detach or limit.end == "when you log out":
            say(f"Beware: {limit.cause}, so the run ends {limit.end}. {limit.advice}")
    if arguments.detach:
        if arguments.json:
            print_json({"name": job.name, "state": job.state.value})
        else:
            print_line(job.name)
        return 0
    return watch(job, json=arguments.json, stops=True)


def _find(name: str) -> Any:
    from titletui.jobs.job import find_job
    from titletui.paths import find_home

    return find_job(find_home().jobs, "run", name)


def _watch(arguments: argparse.Namespace) -> int:
    from titletui.cli.run_report import watch

    return watch(_find(arguments.name), json=arguments.json, stops=False)


def _stop(arguments: argparse.Namespace) -> int:
    from titletui.jobs import launch

    job = _find(arguments.name)
    if not job.state.alive:
        say(f"{job.name} is {job.state.value} already.")
        return 0
    launch.stop(job)
    say(f"{job.name} stops at its next step.")
    return 0


def _resume(arguments: argparse.Namespace) -> int:
    from titletui.paths import find_home
    from titletui.training.launch.runs import resume_run

    job = resume_run(find_home(), arguments.name)
    say(f"{job.name} resumes.")
    return _follow(job, arguments)


def _delete(arguments: argparse.Namespace) -> int:
    job = _find(arguments.name)
    job.delete()
    say(f"{job.name} is deleted.")
    return 0


def _rename(arguments: argparse.Namespace) -> int:
    job = _find(arguments.name).rename(arguments.new)
    say(f"{arguments.name} is now {job.name}.")
    return 0


def _runs(arguments: argparse.Namespace) -> int:
    from titletui.cli.run_report import facts, line, report
    from titletui.paths import find_home
    from titletui.training.launch.runs import run_views
    from titletui.training.run_history import RunView

    if arguments.name:
        view = RunView(_find(arguments.name))
        view.refresh()
        if arguments.json:
            print_json(facts(view))
        else:
            for text in report(view):
                print_line(text)
        return 0
    found = run_views(find_home())
    if not found and not arguments.json:
        say("There are no runs yet; `titletui train CORPUS` starts one.")
    for view in found:
        if arguments.json:
            print_json(facts(view))
        else:
            print_line(line(view))
    return 0
