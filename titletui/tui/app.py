"""The app: four modes over the rooms, and what they share."""

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

import msgspec
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Resize
from textual.geometry import Size
from textual.screen import Screen

from titletui.errors import TitletuiError, UsageError
from titletui.paths import Home, find_home
from titletui.settings import Settings, load_settings, save_settings
from titletui.text import display
from titletui.tui.app_base import AppBase
from titletui.tui.modes import MODES
from titletui.tui.preload import freeze_gc, preload_modes
from titletui.tui.terminal import restore
from titletui.tui.terminal.encoding import require_utf8
from titletui.tui.textual_patches.stylesheet_cache import CachedStylesheet
from titletui.tui.themes import DEFAULT_THEME, THEMES

if TYPE_CHECKING:
    from textual.command import Provider

    from titletui.jobs.status import JobStatus
    from titletui.tui.mode_screen import ModeScreen


# Seconds without a frame while a mode is switched to: one that stands, one that does not.
_BRIEF = 0.01
_LONG = 0.05
_DOUBTS = 3
_SWITCH = 0.001


def _commands() -> "type[Provider]":
    from titletui.tui.palette import Commands

    return Commands


class TitletuiApp(AppBase):
    """The app of four modes."""

    TITLE = "titletui"
    CSS_PATH = "app.tcss"
    COMMANDS: ClassVar["set[Callable[[], type[Provider]]]"] = {_commands}  # type: ignore[assignment]
    MODES: ClassVar[dict[str, str | Callable[[], Screen[None]]]] = {**MODES}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1", "help", "help", id="help",
                tooltip="Help for what has focus"),
        Binding("1,f2", "open_mode('corpus')", "Corpus", show=False, id="corpus",
                tooltip="Corpora: scrape, import, browse"),
        Binding("2,f3", "open_mode('train')", "Train", show=False, id="train",
                tooltip="Runs: start, watch, stop"),
        Binding("3,f4", "open_mode('generate')", "Generate", show=False, id="generate",
                tooltip="Write titles"),
        Binding("4,f5", "open_mode('shortlist')", "Shortlist", show=False, id="shortlist",
                tooltip="Starred titles"),
        Binding("comma,f9", "settings", "settings", show=False, id="settings",
                tooltip="All settings: the theme, the knobs, what opens first"),
        Binding("ctrl+l", "repaint", "repaint", show=False, id="repaint",
                tooltip="Paint the screen anew, over what another program left on it"),
        Binding("q,ctrl+q", "quit", "Quit", show=False, id="quit",
                tooltip="Leave; jobs go on without the app"),
    ]  # fmt: skip

    def __init__(self, home: Home | None = None, settings: Settings | None = None) -> None:
        home = home or find_home()
        settings = settings or load_settings(home.config_toml)
        # Textual opens on this mode, so that no other screen is drawn first.
        self.DEFAULT_MODE = settings.mode if settings.mode in MODES else "generate"  # type: ignore[misc]
        super().__init__(home, settings)
        self.give_back = restore.TerminalRestorer()
        self.goodbye: list[str] = []
        for theme in THEMES:
            self.register_theme(theme)
        known = settings.theme in self.available_themes
        self.theme = settings.theme if known else DEFAULT_THEME
        self.stylesheet = CachedStylesheet(self.get_css_variables())
        self._unknown_theme = "" if known else settings.theme
        self._jobs: dict[tuple[str, str], JobStatus] = {}
        self._shown_notices: set[str] = set()
        self._delay = _LONG
        self._saved_settings = msgspec.json.encode(settings)
        self.set_keymap(settings.keys)

    async def on_mount(self) -> None:
        self.theme_changed_signal.subscribe(self, lambda theme: self._keep_theme(theme.name))
        self.call_after_refresh(self._warn_about_settings)
        self.set_interval(1.0, self._poll_jobs)
        self.set_interval(2.0, self.save_changed_settings)
        self.set_interval(0.25, self._fit_terminal)
        if self._driver is not None and not self.is_headless:
            # What fails in it fails again, and is told, where it is wanted.
            self.run_worker(preload_modes(self), group="ready", exit_on_error=False)
            self.call_after_refresh(freeze_gc)
            restore.on_signals(self._end, self.give_back)
            restore.on_hang_up(self._end, self.give_back)

    # --- the modes

    @property
    def _in_terminal(self) -> bool:
        return self._driver is not None and not self.is_headless and not self.is_web

    async def action_open_mode(self, mode: str) -> None:
        """Switches to `mode`; a dialog in front of the present one goes."""
        await self.open_mode(mode)

    async def open_mode(self, mode: str, name: str = "", action: str = "") -> None:
        """Goes to `mode`, brings `name` up there, then does `action` there."""
        while len(self.screen_stack) > 1:
            await self.pop_screen()
        if mode != self.current_mode:
            self._delay = _BRIEF if mode in self._screen_stacks else _LONG
            await self.switch_mode(mode)
            self.settings.mode = mode
        if name or action:
            cast("ModeScreen", self.screen).show_item(name, action)

    def delay_update(self, delay: float = _LONG) -> None:
        """As Textual has it, but what stands already need not be waited for as long."""
        super().delay_update(min(delay, self._delay))

    def _fit_terminal(self) -> None:
        """Takes the terminal's size if it is another one.

        In a storm of resizes Textual may hear of an older size last (one SIGWINCH comes while that
        before it is handled), and would stay as narrow as that until the next resize.
        """
        size = Size(*shutil.get_terminal_size()) if self._in_terminal else self.size
        if size != self.size:
            self.post_message(Resize(size, size))

    def action_repaint(self) -> None:
        """Paints everything anew, over what another program left on the terminal."""
        self.forget_painted()
        self.screen.refresh()

    # --- messages

    def show_notices(self, notices: Sequence[str]) -> None:
        """Show what a store has to say about its file, each sentence once."""
        new = [notice for notice in notices if notice not in self._shown_notices]
        self._shown_notices.update(new)
        if new:
            from titletui.tui.dialogs.message import MessageDialog

            self.push_screen(MessageDialog("Your library", " ".join(new)))

    def show_error(self, error: BaseException | str) -> None:
        """Show what went wrong: a toast for a refused value, else a dialog that can be copied."""
        if isinstance(error, UsageError):
            self.say(str(error), "error")
            return
        if isinstance(error, BaseException) and not isinstance(error, TitletuiError):
            raise error
        from titletui.tui.dialogs.message import MessageDialog

        if not (isinstance(self.screen, MessageDialog) and self.screen.text == str(error)):
            self.push_screen(MessageDialog("That did not work", str(error)))

    # --- jobs

    async def _poll_jobs(self) -> None:
        try:
            news = await self.job_watch.run(lambda watch: watch.look())
        except TitletuiError:
            # The screens that show jobs say why they cannot be read.
            return
        for job in news:
            before = self._jobs.get((job.kind, job.name))
            self._jobs[job.kind, job.name] = job
            if before is not None:
                self._announce(before, job)
        self.shown_jobs = tuple(job for job in news if job.state.alive or job.tone)
        self.jobs_changed.publish(news)

    async def save_changed_settings(self) -> None:
        """Saves what was changed since the last look, so that a kill -9 forgets little."""
        now = msgspec.json.encode(self.settings)
        if now != self._saved_settings:
            self._saved_settings = now
            copy = msgspec.json.decode(now, type=Settings)
            try:
                await self.files.run(lambda home: save_settings(home.config_toml, copy))
            except OSError as error:
                self.say(f"The settings could not be saved ({error.strerror}).", "warning")

    def _warn_about_settings(self) -> None:
        """Says what in `config.toml` cannot be followed."""
        if self._unknown_theme:
            self.say(f"There is no theme {self._unknown_theme}; , shows all themes.", "warning")
        if self.settings.keys:
            from titletui.tui.keymap import keymap_problems

            for sentence in keymap_problems(self.settings.keys)[:_DOUBTS]:
                self.say(sentence, "warning")

    def _announce(self, before: "JobStatus", job: "JobStatus") -> None:
        for text, severity in job.since(before):
            self.say(text, severity)
        if job.overfit and not before.overfit and self.settings.bell:
            self.bell()

    # --- help, palette, themes

    def get_key_display(self, binding: Binding) -> str:
        """Keys by the names that stand on them."""
        shown = super().get_key_display(binding)
        named = {"⏎": "enter", "esc": "escape"}.get(shown, shown)
        return named.upper() if named[:1] == "f" and named[1:].isdigit() else named

    def action_help(self) -> None:
        """Opens the help for what has focus."""
        from titletui.tui.dialogs.help import HelpDialog

        if not isinstance(self.screen, HelpDialog):
            self.push_screen(HelpDialog(self.screen))

    def action_settings(self) -> None:
        """Opens the settings."""
        from titletui.tui.dialogs.settings import SettingsDialog

        if not isinstance(self.screen, SettingsDialog):
            self.push_screen(SettingsDialog(self.settings), self._use_settings)

    def _use_settings(self, settings: Settings | None) -> None:
        if settings is not None:
            self.settings = settings
            self.set_keymap(settings.keys)

    def _keep_theme(self, name: str) -> None:
        self.settings.theme = name

    # --- the end

    async def action_quit(self) -> None:
        """Leaves within a second, whatever runs, and says afterwards what goes on."""
        for job in self._jobs.values():
            if job.state.alive:
                verb = "trains" if job.kind == "run" else "works"
                self.goodbye.append(f"{job.name} {verb} on; `titletui` shows it again.")
        self._end(0)

    def _end(self, code: int) -> None:
        if not self.is_headless:
            restore.leave_by(restore.DEADLINE, code, self.give_back)
        try:
            save_settings(self.home.config_toml, self.settings)
        except OSError as error:
            self.goodbye.append(f"The settings could not be saved ({error.strerror}).")
        for end in self.on_quit:
            end()
        self.exit(code, return_code=code)

    def on_unmount(self) -> None:
        """However the app ends, what it owns ends with it."""
        for end in self.on_quit:
            end()

    def _fatal_error(self) -> None:
        """In place of Textual's traceback with the values of variables: one sentence and a file."""
        if self._exit_renderables:
            return
        for end in self.on_quit:
            end()
        path = restore.write_crash(self.home.logs, self._exception)
        where = f"The details are in {path}." if path else "The details could not be written."
        what = type(getattr(self._exception, "error", self._exception)).__name__
        self.bell()
        self._exit_renderables.append(
            Content(
                f"titletui stopped by a fault of its own ({what}); your papers and stars are "
                f"kept, and jobs go on. {where}"
            ).plain
        )
        self._close_messages_no_wait()


def run_app() -> int:
    """Opens the app; returns its exit code.

    Raises:
        TitletuiError: there is no terminal to open it on.
    """
    served = "TEXTUAL_DRIVER" in os.environ
    # Textual reads from the first and paints on the last.
    streams = (sys.__stdin__, sys.__stdout__, sys.__stderr__)
    if not served and not all(stream is not None and stream.isatty() for stream in streams):
        raise UsageError("The app needs a terminal; `titletui --help` lists commands for scripts.")
    if not served and os.environ.get("TERM") == "dumb":
        raise UsageError(
            "This terminal says that it can only print (TERM=dumb): set TERM to what it is, "
            "xterm-256color say, or use the commands that `titletui --help` lists."
        )
    if not served:
        require_utf8()
    # A thread that counts or compares must not keep a key waiting.
    sys.setswitchinterval(_SWITCH)
    app = TitletuiApp()
    code = app.run(mouse=app.settings.mouse)
    app.give_back.wait()
    for line in () if served else app.goodbye:
        print(display(line))
    return app.return_code or 0 if code is None else code
