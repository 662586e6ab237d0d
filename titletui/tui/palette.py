"""What the command palette offers: every action as `Area: action`, and things by their names."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial

import msgspec
from textual.binding import Binding
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from titletui.errors import TitletuiError
from titletui.jobs.job import list_jobs
from titletui.paths import Home
from titletui.text import display
from titletui.tui.app_base import AppBase
from titletui.tui.keymap import described_bindings
from titletui.tui.modes import MODES

_BY_WHAT_IT_DOES = 0.01


class Command(msgspec.Struct, frozen=True):
    """One line of the palette.

    Attributes:
        about: what it does, in a few words.
    """

    name: str
    about: str
    run: Callable[[], Awaitable[object] | None]


class Commands(Provider):
    """All actions of all modes, the themes, and each corpus, run and model."""

    async def startup(self) -> None:
        """Looks up what there is by name."""
        app = self.app
        assert isinstance(app, AppBase)
        self._commands = [*_actions(app), *_themes(app)]
        self._commands += [command async for command in _things(app)]

    async def discover(self) -> Hits:
        """Everything, while nothing is typed."""
        for command in self._commands:
            name = Content(command.name)
            yield DiscoveryHit(name, command.run, text=command.name, help=command.about)

    async def search(self, query: str) -> Hits:
        """What fits `query`."""
        matcher = self.matcher(query)
        for command in self._commands:
            score, places = matcher.fuzzy_search.match(matcher.query, command.name)
            if score > 0:
                # `matcher.highlight` would take brackets in a name for markup.
                lit = Content(command.name)
                for place in places:
                    lit = lit.stylize(matcher.match_style, place, place + 1)
                yield Hit(score, lit, command.run, text=command.name, help=command.about)
            elif all(word in command.about.lower() for word in query.lower().split()):
                name = Content(command.name)
                yield Hit(
                    _BY_WHAT_IT_DOES, name, command.run, text=command.name, help=command.about
                )


def _actions(app: AppBase) -> Iterator[Command]:
    here = app.current_mode
    for binding in described_bindings(type(app)):
        yield Command(
            f"App: {_name(binding)}", binding.tooltip, partial(app.run_action, binding.action)
        )
    for mode in sorted(MODES, key=lambda mode: mode != here):
        for binding in described_bindings(type(MODES[mode]())):
            name = f"{mode.capitalize()}: {_name(binding)}"
            yield Command(name, binding.tooltip, partial(_act, app, mode, binding.action))


def _name(binding: Binding) -> str:
    return binding.description.lower() or binding.action


async def _act(app: AppBase, mode: str, action: str) -> None:
    await app.open_mode(mode)
    await app.run_action(action, app.screen)


def _themes(app: AppBase) -> Iterator[Command]:
    for name in sorted(app.available_themes, key=lambda name: not name.startswith("titletui")):
        yield Command(f"Theme: {name}", "Change the colours", partial(setattr, app, "theme", name))


async def _things(app: AppBase) -> AsyncIterator[Command]:
    """Corpora, runs and models; a store that cannot be read has none to offer."""
    try:
        corpora = await app.corpora.run(lambda store: [one.name for one in store.corpora()])
        runs, models = await app.files.run(_runs_and_models)
    except TitletuiError as error:
        app.show_error(error)
        return
    for name in corpora:
        yield _thing(app, "Corpus", name, "corpus", "Show its papers")
    for name in runs:
        yield _thing(app, "Run", name, "train", "Show how it goes")
    for name in models:
        yield _thing(app, "Model", name, "generate", "Write titles with it")


def _thing(app: AppBase, what: str, name: str, mode: str, about: str) -> Command:
    return Command(f"{what}: {display(name)}", about, partial(app.open_mode, mode, name))


def _runs_and_models(home: Home) -> tuple[list[str], list[str]]:
    from titletui.models.registry import list_models

    runs = [job.name for job in list_jobs(home.jobs, "run")]
    return runs, [model.name for model in list_models(home)]
