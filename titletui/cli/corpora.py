"""The commands about corpora: scrape, import, corpora, export."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from titletui.cli.output import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    confirm,
    print_json,
    print_line,
    say,
)
from titletui.errors import UsageError
from titletui.paths import Home, checked_name, find_home, named_path

if TYPE_CHECKING:
    from titletui.corpus.statistics import CorpusStatistics, Lengths
    from titletui.corpus.store import CorpusSummary
    from titletui.importing.job import Source
    from titletui.jobs.events import Progress
    from titletui.jobs.job import Job

_STOP_TIMEOUT = 15.0
_RESUME = "the same command resumes it"
_YEAR_BAR = 30
_WORDS_SHOWN = 12


def add_commands(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the commands about corpora."""
    scrape = commands.add_parser(
        "scrape",
        help="harvest the papers of a category from arXiv",
        description="Harvests the papers of a category (cs.CL, eess.AS, grp_physics, …) from arXiv "
        "into a corpus, with three seconds between requests. Run it again to update the corpus, or "
        "to resume where it was interrupted.",
        epilog="--from and --until are days of the last modification, as arXiv keeps them: a "
        "paper of 2019 that was revised in 2024 is under 2024. For the date of submission "
        "use --filter submitted=2024, submitted=2024-03 or submitted=2023-06..2024-02. arXiv's "
        "metadata is CC0; arXiv does not endorse this program.",
    )
    scrape.add_argument("category", metavar="CATEGORY")
    scrape.add_argument("--from", dest="start", default="", metavar="DAY", help="YYYY-MM-DD")
    scrape.add_argument("--until", default="", metavar="DAY", help="YYYY-MM-DD, inclusive")
    scrape.add_argument("--name", help="name of the corpus (default: the category)")
    scrape.add_argument(
        "--filter",
        action="append",
        default=[],
        dest="filters",
        metavar="KEY=VALUE",
        help="keep only papers with VALUE in title, abstract, author or category, or with a date "
        "of submission (submitted=2024-01..2024-06); several values of one key are alternatives, "
        "different keys must all match",
    )
    _for_jobs(scrape)
    scrape.set_defaults(run=_scrape)

    imported = commands.add_parser(
        "import",
        help="read papers from a file",
        description="Read papers into a corpus: arXiv's Kaggle snapshot or other JSON, CSV or TSV "
        "with or without header, BibTeX, RIS, PubMed, Web of Science, arXiv's feeds and mails, or "
        "one title a line; Parquet and Excel with the extra `tables`; .gz, .xz, .bz2, .zst and "
        ".zip too. Several files, a folder or a pattern are read in turn; - reads what is piped "
        "in. `titletui undo` undoes an import.",
    )
    imported.add_argument("files", metavar="FILE", nargs="+")
    imported.add_argument("--name", help="name of the corpus (default: the file's)")
    imported.add_argument("--category", default="", help="the category of the papers")
    imported.add_argument("--title-column", default="", metavar="COLUMN", help="name or number")
    imported.add_argument("--abstract-column", default="", metavar="COLUMN", help="name or number")
    imported.add_argument("--yes", action="store_true", help="do not ask, even about a guess")
    _for_jobs(imported)
    imported.set_defaults(run=_import)

    undo = commands.add_parser("undo", help="undo the last import")
    undo.add_argument("name", nargs="?", metavar="CORPUS", help="the last import into this corpus")
    undo.add_argument("--yes", action="store_true", help="undo without asking")
    undo.add_argument("--json", action="store_true", help="end with a JSON object")
    undo.set_defaults(run=_undo)

    corpora = commands.add_parser("corpora", help="list the corpora, or describe one")
    corpora.add_argument("name", nargs="?", metavar="NAME")
    change = corpora.add_mutually_exclusive_group()
    change.add_argument("--delete", action="store_true", help="delete it (asks, unless --yes)")
    change.add_argument("--rename", metavar="NEW", help="give it another name")
    corpora.add_argument("--yes", action="store_true", help="delete without asking")
    corpora.add_argument(
        "--cut", type=int, metavar="N", help="report what truncating at N words or tokens loses"
    )
    corpora.add_argument("--json", action="store_true", help="one JSON object a line")
    corpora.set_defaults(run=_corpora)

    export = commands.add_parser("export", help="write a corpus to a file")
    export.add_argument("name", metavar="NAME")
    export.add_argument(
        "file", metavar="FILE", help=".jsonl (everything) or .txt (titles), also with .gz; - prints"
    )
    export.add_argument("--overwrite", action="store_true", help="replace an existing file")
    export.set_defaults(run=_export)


def _for_jobs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--detach", action="store_true", help="return at once")
    parser.add_argument("--json", action="store_true", help="end with a JSON object")


def _scrape(arguments: argparse.Namespace) -> int:
    from titletui.arxiv.categories import find_category
    from titletui.arxiv.filters import parse_filters
    from titletui.arxiv.job import HarvestQuery, start_harvest

    category = find_category(arguments.category)
    query = HarvestQuery(
        corpus=arguments.name or category.code,
        category=category.code,
        start=arguments.start,
        until=arguments.until,
        filters=parse_filters(arguments.filters),
    )
    home = find_home()
    return _follow(home, start_harvest(home, query), arguments)


def _import(arguments: argparse.Namespace) -> int:
    from titletui.cli.job_progress import ProgressLine
    from titletui.importing.job import Source, start_import
    from titletui.importing.sources import corpus_name_for, source_files
    from titletui.importing.stdin import is_pipe, receive_pipe, regular_file, start_piped_import
    from titletui.importing.tables import ColumnChoice

    files = [regular_file(path) for path in source_files(arguments.files)]
    home = find_home()
    name = checked_name(arguments.name or corpus_name_for(files), "corpus name")
    columns = ColumnChoice(arguments.title_column, arguments.abstract_column)
    if len(files) == 1 and is_pipe(files[0]):
        with ProgressLine(name) as line:
            received = receive_pipe(home, files[0], lambda size: line.update(_received(size)))
        source = Source(
            corpus=name, path=str(received), category=arguments.category, columns=columns
        )
        try:
            _confirm_import(home, source, "What came through the pipe", arguments)
            job = start_piped_import(home, source)
        finally:
            received.unlink(missing_ok=True)
        return _follow(home, job, arguments)
    first, *more = map(str, files)
    source = Source(
        corpus=name, path=first, more=tuple(more), category=arguments.category, columns=columns
    )
    _confirm_import(home, source, "", arguments)
    return _follow(home, start_import(home, source), arguments)


def _confirm_import(
    home: Home, source: "Source", called: str, arguments: argparse.Namespace
) -> None:
    """Show what an import would read, and ask about a guess.

    Args:
        called: what to call the file, or empty.

    Raises:
        UsageError: the file cannot be imported, or the guess was not confirmed.
    """
    from titletui.importing.preview import preview
    from titletui.jobs.job import Job

    job = Job(home.jobs / "import" / source.corpus)
    if job.path.is_dir() and (job.state.alive or job.state.resumable):
        return
    try:
        seen = preview(source.paths, source.columns)
    except UsageError as error:
        raise UsageError(
            str(error).replace(source.path, called) if called else str(error)
        ) from error
    if not arguments.json:
        say(seen.description + (f" ({seen.files} files)" if seen.files > 1 else ""))
        for title in seen.titles:
            say(f"  {title}")
    if seen.guessed and not arguments.yes:
        if not sys.stdin.isatty():
            raise UsageError(
                f"It is a guess that these are the titles ({seen.description}); confirm it with "
                "--yes, or name the column with --title-column."
            )
        say("It is a guess that these are the titles. Import them? [y/N]")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise UsageError("Nothing was imported; name the column with --title-column.")


def _undo(arguments: argparse.Namespace) -> int:
    from msgspec import to_builtins

    from titletui.corpus.jobs import refuse_if_job_running
    from titletui.corpus.store import CorpusStore
    from titletui.corpus.undo import last_import, undo_import

    home = find_home()
    with CorpusStore.open(home) as store:
        record = last_import(store, arguments.name)
        if record is None:
            raise UsageError("There is no import that can be undone.")
        refuse_if_job_running(home, record.corpus)
        say(
            f"The import of {record.source} into {record.corpus} ({record.time[:16]}) added "
            f"{record.added:,} papers and changed {record.changed:,}."
        )
        if not arguments.yes and sys.stdin.isatty():
            say("Undo it? [y/N]")
            if sys.stdin.readline().strip().lower() not in ("y", "yes"):
                return 1
        undone = undo_import(store, record.number)
    if arguments.json:
        print_json(to_builtins(undone))
        return 0
    left = ", the corpus is deleted" if undone.deleted_corpus else ""
    kept = f", {undone.kept:,} changed since were left" if undone.kept else ""
    print_line(
        f"{undone.corpus}: {undone.removed:,} papers removed, {undone.restored:,} restored"
        f"{kept}{left}"
    )
    return 0


def _received(size: int) -> "Progress":
    from titletui.jobs.events import Progress

    return Progress(done=size >> 20, unit="MB")


def _follow(home: Home, job: "Job", arguments: argparse.Namespace) -> int:
    """Follow a job to its end and print what it added; return the exit code."""
    from titletui.cli.job_progress import JobProgress, follow
    from titletui.corpus.store import CorpusStore

    if arguments.detach:
        if arguments.json:
            print_json({"name": job.name, "state": str(job.state)})
        else:
            say(f"{job.name} continues in the background; the same command shows it again.")
        return 0
    progress = JobProgress(job)
    end = follow(
        job,
        progress,
        stopping="Stopping; what came so far is kept.",
        left=f"{job.name} has been asked to stop; the same command shows it again.",
        stop_timeout=_STOP_TIMEOUT,
    )
    code = EXIT_INTERRUPTED if end == "left" else _exit_code(job, interrupted=end == "interrupted")
    with CorpusStore(home.corpus_db, read_only=True) as store:
        papers = {summary.name: summary.papers for summary in store.corpora()}
    if arguments.json:
        counts = {"papers": papers.get(job.name, 0), **progress.counts}
        print_json({"name": job.name, "state": str(job.state), **counts})
    elif job.name not in papers:
        print_line(f"{job.name}: no corpus was made")
    else:
        counted = ", ".join(f"{number:,} {what}" for what, number in progress.counts.items())
        print_line(f"{job.name}: {papers[job.name]:,} papers ({counted})")
    return code


def _exit_code(job: "Job", *, interrupted: bool) -> int:
    from titletui.jobs.job import State

    state, ended = job.state, job.exit
    if state is State.DONE:
        return 0
    if state is State.STOPPED:
        say(f"{job.name} is stopped; {_RESUME}.")
        return EXIT_INTERRUPTED if interrupted else EXIT_FAILED
    reason = ended.reason if ended and ended.reason else "its process is gone"
    advice = ended.advice if ended and ended.advice else f"{_RESUME[0].upper()}{_RESUME[1:]}."
    say(f"{job.name}: {reason.rstrip('.')}. {advice}")
    return EXIT_FAILED


def _corpora(arguments: argparse.Namespace) -> int:
    from titletui.corpus.store import CorpusStore

    if arguments.name is None and (arguments.delete or arguments.rename):
        raise UsageError("Name the corpus.")
    with CorpusStore.open(find_home()) as store:
        if store.notice:
            say(store.notice)
        if arguments.delete:
            return _delete(store, arguments)
        if arguments.rename:
            from titletui.corpus.jobs import delete_jobs

            store.summary(arguments.name)
            delete_jobs(find_home(), arguments.name)
            store.rename(arguments.name, arguments.rename)
            return 0
        if arguments.name is None:
            _list(store.corpora(), as_json=arguments.json)
            return 0
        from titletui.corpus.statistics import compute_statistics

        summary = store.summary(arguments.name)
        _show(summary, compute_statistics(store, arguments.name), arguments)
        return 0


def _delete(store: Any, arguments: argparse.Namespace) -> int:
    from titletui.corpus.jobs import delete_jobs, refuse_if_job_running

    summary = store.summary(arguments.name)
    refuse_if_job_running(find_home(), arguments.name)
    if not arguments.yes:
        if not sys.stdin.isatty():
            raise UsageError(f"Add --yes to delete {arguments.name!r} without being asked.")
        if not confirm(f"Delete the corpus {arguments.name} with {summary.papers:,} papers?"):
            return EXIT_FAILED
    from titletui.cli.job_progress import ProgressLine
    from titletui.jobs.events import Progress

    store.hide(arguments.name)
    delete_jobs(find_home(), arguments.name)
    with ProgressLine(arguments.name) as line:
        share = 1 / max(1, summary.papers)
        store.purge(
            lambda gone: line.update(
                Progress(done=gone, unit="papers deleted", fraction=min(1.0, gone * share))
            )
        )
    return 0


def _list(summaries: "Sequence[CorpusSummary]", *, as_json: bool) -> None:
    from msgspec import to_builtins

    if as_json:
        for summary in summaries:
            print_json(to_builtins(summary))
        return
    if not summaries:
        say("There is no corpus yet; `titletui scrape eess.AS` makes one.")
    width = max((len(summary.name) for summary in summaries), default=0)
    for summary in summaries:
        span = f"{summary.earliest} … {summary.latest}" if summary.earliest else ""
        print_line(
            f"{summary.name:<{width}}  {summary.papers:>9,}  {summary.category:<10}  {span:<17}  "
            f"updated {summary.updated[:10]}"
        )


def _show(
    summary: "CorpusSummary", statistics: "CorpusStatistics", arguments: argparse.Namespace
) -> None:
    from msgspec import to_builtins

    if arguments.json:
        found = to_builtins(statistics)
        found["words"] = [{"word": word, "count": count} for word, count in statistics.words]
        found["years"] = [{"year": year, "papers": count} for year, count in statistics.years]
        if arguments.cut is not None:
            found["cut"] = {
                "at": arguments.cut,
                "titles": statistics.titles.longer_than(arguments.cut),
                "abstracts": statistics.abstracts.longer_than(arguments.cut),
                "titles_by_tokens": statistics.title_tokens.longer_than(arguments.cut),
                "abstracts_by_tokens": statistics.abstract_tokens.longer_than(arguments.cut),
            }
        print_json({**to_builtins(summary), **found})
        return
    print_line(f"{summary.name}: {summary.papers:,} papers  {summary.category}")
    if summary.earliest:
        print_line(f"submitted {summary.earliest} … {summary.latest}, updated {summary.updated}")
    _show_lengths("title", statistics.titles, statistics.title_tokens, arguments.cut)
    _show_lengths("abstract", statistics.abstracts, statistics.abstract_tokens, arguments.cut)
    most = max((count for _, count in statistics.years), default=1)
    for year, count in statistics.years:
        print_line(f"{year} {count:>9,}  {'▇' * round(_YEAR_BAR * count / most)}")
    shown = statistics.words[:_WORDS_SHOWN]
    print_line("frequent in titles: " + ", ".join(f"{word} {count:,}" for word, count in shown))
    if statistics.measured < statistics.papers:
        print_line(f"(lengths and words from an even sample of {statistics.measured:,})")


def _show_lengths(what: str, words: "Lengths", tokens: "Lengths", cut: int | None) -> None:
    if not words.texts:
        return
    print_line(
        f"words per {what}: mode {words.mode}, mean {words.mean:.1f}, "
        f"median {words.median}, 95 % have at most {words.p95}"
    )
    if tokens.texts:
        print_line(f"  in tokens: mean {tokens.mean:.1f}, 95 % have at most {tokens.p95}")
    for unit, lengths in (("words", words), ("tokens", tokens)):
        if cut is not None and lengths.texts:
            print_line(
                f"  a cut at {cut} {unit} shortens {100 * lengths.longer_than(cut):.1f} % of them "
                f"and loses {100 * lengths.lost_by_cut(cut):.1f} % of all {unit}"
            )


def _export(arguments: argparse.Namespace) -> int:
    from titletui.corpus.export import export_corpus, exported_lines
    from titletui.corpus.store import CorpusStore

    with CorpusStore.open(find_home()) as store:
        if arguments.file == "-":
            store.summary(arguments.name)
            for line in exported_lines(store, arguments.name, ".jsonl"):
                sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
            return 0
        path = named_path(arguments.file)
        count = export_corpus(store, arguments.name, path, overwrite=arguments.overwrite)
    say(f"{count:,} papers in {path}.")
    return 0
