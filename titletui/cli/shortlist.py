"""The command `shortlist`."""

import argparse
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from titletui.errors import UsageError

if TYPE_CHECKING:
    from titletui.shortlist.library import Library
    from titletui.shortlist.records import Favourite


def add_commands(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add `shortlist`."""
    from titletui.settings import SHORTLIST_SORTS

    parser = commands.add_parser(
        "shortlist",
        help="list, curate and export the starred titles",
        description="Lists the starred titles, or does one thing with them.",
    )
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--add", metavar="TEXT", help="star a title")
    one.add_argument("--remove", metavar="TEXT", help="remove a title from the shortlist")
    one.add_argument("--edit", nargs=2, metavar=("TEXT", "NEW"), help="edit a title")
    one.add_argument("--undo", action="store_true", help="undo the last change")
    one.add_argument("--redo", action="store_true", help="redo the change that was undone last")
    one.add_argument(
        "--taste", action="store_true", help="fit the preference model; report how well it ranks"
    )
    one.add_argument("--export", type=Path, metavar="FILE", help="write .md, .txt, .csv or .jsonl")
    parser.add_argument("--overwrite", action="store_true", help="--export may replace the file")
    parser.add_argument("--note", metavar="TEXT", help="with --add: the title's note")
    parser.add_argument(
        "--tag", action="append", default=[], metavar="WORD", help="with --add: one more tag"
    )
    parser.add_argument("--filter", default="", metavar="WORDS", help="words, or #tag")
    parser.add_argument("--sort", choices=SHORTLIST_SORTS, default="added")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from titletui.cli.output import OutputError, say
    from titletui.paths import find_home
    from titletui.shortlist.library import Library

    if arguments.add is None and (arguments.note is not None or arguments.tag):
        raise UsageError("--note and --tag need a title; give it with --add.")
    if arguments.overwrite and arguments.export is None:
        raise UsageError("--overwrite needs --export.")
    with Library.open(find_home()) as library:
        for notice in library.notices:
            say(notice)
        if arguments.add is not None:
            favourite = _add(library, arguments)
            try:
                _show([favourite], as_json=arguments.json)
            except OutputError as error:
                say(f"The title is on the shortlist. {error}")
        elif arguments.remove is not None:
            library.unstar(_find(library, arguments.remove).id)
        elif arguments.edit is not None:
            old, new = arguments.edit
            edited = library.edit(_find(library, old).id, new)
            _judge(library)
            _show([_find(library, edited.text)], as_json=arguments.json)
        elif arguments.undo or arguments.redo:
            done = library.undo() if arguments.undo else library.redo()
            what = "undone" if arguments.undo else "done again"
            say(f"{what}: {done}" if done else f"There is nothing to be {what}.")
        elif arguments.taste:
            _learn(library, json=arguments.json)
        else:
            _list(library, arguments)
    return 0


def _learn(library: "Library", *, json: bool) -> None:
    from titletui.cli.output import print_json, print_line, say
    from titletui.paths import find_home
    from titletui.preference.model import MIN_CHOICES, learn_preferences

    model = learn_preferences(find_home(), library)
    _, stars, passed = library.count_choices()
    if json:
        print_json({"stars": stars, "passed": passed, "auc": model.auc if model else None})
    elif model is not None:
        print_line(f"Your preferences, {model.summary}")
    if model is None:
        say(f"This needs {MIN_CHOICES} starred candidates and {MIN_CHOICES} passed over.")


def _add(library: "Library", arguments: argparse.Namespace) -> "Favourite":
    from titletui.shortlist.filters import checked_note, checked_tag

    note = None if arguments.note is None else checked_note(arguments.note)
    tags = [checked_tag(tag) for tag in arguments.tag]
    favourite = library.star(arguments.add)
    if note is not None:
        favourite = library.set_note(favourite.id, note)
    if tags:
        favourite = library.set_tags(favourite.id, (*favourite.tags, *tags))
    return favourite


def _judge(library: "Library") -> None:
    """Compare the favourites with all papers as they are now; without papers, leave them."""
    from titletui.errors import TitletuiError
    from titletui.generation.novelty import NoveltyIndex
    from titletui.paths import find_home

    with contextlib.suppress(TitletuiError), NoveltyIndex(find_home().corpus_db) as index:
        if index.papers:
            favourites = library.favourites()
            library.judge_favourites([(one, index.check(one.text)) for one in favourites])


def _list(library: "Library", arguments: argparse.Namespace) -> None:
    from titletui.cli.output import say
    from titletui.shortlist.export import export

    _judge(library)
    kept = library.favourites(arguments.filter, arguments.sort)
    if arguments.export is not None:
        path = export(kept, arguments.export, overwrite=arguments.overwrite)
        say(f"{len(kept)} {'title' if len(kept) == 1 else 'titles'} written to {path}")
    elif kept or arguments.json:
        _show(kept, as_json=arguments.json)
    else:
        say(
            "No starred title matches the filter."
            if arguments.filter
            else "The shortlist is empty; star titles in the app or with --add."
        )


def _find(library: "Library", text: str) -> "Favourite":
    found = library.favourite(text)
    if found is None:
        raise UsageError(f"{text!r} is not on the shortlist; `titletui shortlist` lists it.")
    return found


def _show(favourites: "list[Favourite]", *, as_json: bool) -> None:
    from titletui.cli.output import print_json, print_line
    from titletui.shortlist.export import record

    for one in favourites:
        if as_json:
            print_json(record(one))
        else:
            print_line(one.text + (f"  — {one.note}" if one.note else ""))
