"""The app: four modes, the status of jobs, settings, and the way out."""

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

import msgspec
from textual.binding import Binding, BindingType
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
from titletui.tui.terminal.crash_report import CrashReportApp
from titletui.tui.terminal.encoding import require_utf8
from titletui.tui.textual_patches.mode_preload import ModePreloadApp
from titletui.tui.textual_patches.removed_nodes import RemovedNodeApp
from titletui.tui.textual_patches.stylesheet_cache import CachedStylesheet
from titletui.tui.themes import DEFAULT_THEME, THEMES

if TYPE_CHECKING:
    from textual.command import Provider

    from titletui.jobs.status import JobStatus
    from titletui.tui.mode_screen import ModeScreen

# Seconds without a frame after a switch to a mode that is built already, and to one that is not.
_BUILT_DELAY = 0.01
_NEW_DELAY = 0.05
_KEY_WARNINGS = 3
_THREAD_SWITCH_SECONDS = 0.001


def _commands() -> "type[Provider]":
    from titletui.tui.palette import Commands

    return Commands


class TitletuiApp(RemovedNodeApp, ModePreloadApp, CrashReportApp, AppBase):
    """The app of four modes.

    Attributes:
        terminal: restores the terminal when the app ends in an unusual way.
        goodbye: lines to print after the app has ended.
    """

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
                tooltip="All settings: theme, sampling, what opens first"),
        Binding("ctrl+l", "repaint", "repaint", show=False, id="repaint",
                tooltip="Repaint the screen, over what another program left on it"),
        Binding("q,ctrl+q", "quit", "Quit", show=False, id="quit",
                tooltip="Quit; jobs go on without the app"),
    ]  # fmt: skip

    def __init__(self, home: Home | None = None, settings: Settings | None = None) -> None:
        home = home or find_home()
        settings = settings or load_settings(home.config_toml)
        # Textual opens on this mode, so that no other screen is drawn first.
        self.DEFAULT_MODE = settings.mode if settings.mode in MODES else "generate"  # type: ignore[misc]
        super().__init__(home, settings)
        self.terminal = restore.TerminalRestorer()
        self.goodbye: list[str] = []
        for theme in THEMES:
            self.register_theme(theme)
        known = settings.theme in self.available_themes
        self.theme = settings.theme if known else DEFAULT_THEME
        self.stylesheet = CachedStylesheet(self.get_css_variables())
        self._unknown_theme = "" if known else settings.theme
        self._jobs: dict[tuple[str, str], JobStatus] = {}
        self._shown_notices: set[str] = set()
        self._update_delay = _NEW_DELAY
        self._saved_settings = msgspec.json.encode(settings)
        self.set_keymap(settings.keys)

    async def on_mount(self) -> None:
        self.theme_changed_signal.subscribe(self, lambda theme: self._save_theme(theme.name))
        self.call_after_refresh(self._warn_about_settings)
        self.set_interval(1.0, self._poll_jobs)
        self.set_interval(2.0, self.save_changed_settings)
        self.set_interval(0.25, self._fit_terminal)
        if not self.is_headless:
            # What fails here fails again, and is shown, where it is needed.
            self.run_worker(preload_modes(self), group="preload", exit_on_error=False)
            self.call_after_refresh(freeze_gc)
            restore.on_signals(self._end, self.terminal)
            restore.on_hang_up(self._end, self.terminal)

    # --- the modes

    async def action_open_mode(self, mode: str) -> None:
        """Switch to `mode`."""
        await self.open_mode(mode)

    async def open_mode(self, mode: str, name: str = "", action: str = "") -> None:
        """Close any dialog, switch to `mode`, highlight `name` there, then run `action` there."""
        while len(self.screen_stack) > 1:
            await self.pop_screen()
        if mode != self.current_mode:
            self._update_delay = _BUILT_DELAY if self.is_built(mode) else _NEW_DELAY
            await self.switch_mode(mode)
            self.settings.mode = mode
        if name or action:
            cast("ModeScreen", self.screen).show_item(name, action)

    def delay_update(self, delay: float = _NEW_DELAY) -> None:
        """Wait less than Textual does before painting a mode that is built already."""
        super().delay_update(min(delay, self._update_delay))

    def _fit_terminal(self) -> None:
        """Take the terminal's size if it differs from the app's.

        Of many resizes in a row Textual may handle an older size last (a SIGWINCH arrives while the
        one before it is handled), and would keep it until the next resize.
        """
        if self.is_headless or self.is_web:
            return
        size = Size(*shutil.get_terminal_size())
        if size != self.size:
            self.post_message(Resize(size, size))

    def action_repaint(self) -> None:
        """Repaint everything, over what another program left on the terminal."""
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
            jobs = await self.job_watch.run(lambda watch: watch.poll())
        except TitletuiError:
            # The screens that show jobs say why they cannot be read.
            return
        for job in jobs:
            before = self._jobs.get((job.kind, job.name))
            self._jobs[job.kind, job.name] = job
            if before is not None:
                self._announce(before, job)
        self.shown_jobs = tuple(job for job in jobs if job.state.alive or job.tone)
        self.jobs_changed.publish(jobs)

    def _announce(self, before: "JobStatus", job: "JobStatus") -> None:
        for text, severity in job.messages_since(before):
            self.say(text, severity)
        if job.overfit and not before.overfit and self.settings.bell:
            self.bell()

    # --- settings, help

    async def save_changed_settings(self) -> None:
        """Save the settings if they changed since they were last saved."""
        now = msgspec.json.encode(self.settings)
        if now != self._saved_settings:
            self._saved_settings = now
            copy = msgspec.json.decode(now, type=Settings)
            try:
                await self.files.run(lambda home: save_settings(home.config_toml, copy))
            except OSError as error:
                self.say(f"The settings could not be saved ({error.strerror}).", "warning")

    def _warn_about_settings(self) -> None:
        """Say what in `config.toml` has no effect."""
        if self._unknown_theme:
            self.say(f"There is no theme {self._unknown_theme}; , shows all themes.", "warning")
        if self.settings.keys:
            from titletui.tui.keymap import keymap_problems

            for sentence in keymap_problems(self.settings.keys)[:_KEY_WARNINGS]:
                self.say(sentence, "warning")

    def action_settings(self) -> None:
        """Open the settings."""
        from titletui.tui.dialogs.settings import SettingsDialog

        if not isinstance(self.screen, SettingsDialog):
            self.push_screen(SettingsDialog(self.settings), self._use_settings)

    def _use_settings(self, settings: Settings | None) -> None:
        if settings is not None:
            self.settings = settings
            self.set_keymap(settings.keys)

    def _save_theme(self, name: str) -> None:
        self.settings.theme = name

    def get_key_display(self, binding: Binding) -> str:
        """Keys by the names that are printed on them."""
        shown = super().get_key_display(binding)
        named = {"⏎": "enter", "esc": "escape"}.get(shown, shown)
        return named.upper() if named[:1] == "f" and named[1:].isdigit() else named

    def action_help(self) -> None:
        """Open the help for what has focus."""
        from titletui.tui.dialogs.help import HelpDialog

        if not isinstance(self.screen, HelpDialog):
            self.push_screen(HelpDialog(self.screen))

    # --- the end

    async def action_quit(self) -> None:
        """Quit within a second and print afterwards which jobs go on."""
        for job in self._jobs.values():
            if job.state.alive:
                verb = "trains" if job.kind == "run" else "works"
                self.goodbye.append(f"{job.name} {verb} on; `titletui` shows it again.")
        self._end(0)

    def _end(self, code: int) -> None:
        if not self.is_headless:
            restore.exit_after(restore.DEADLINE, code, self.terminal)
        try:
            save_settings(self.home.config_toml, self.settings)
        except OSError as error:
            self.goodbye.append(f"The settings could not be saved ({error.strerror}).")
        self.release()
        self.exit(code, return_code=code)

    def on_unmount(self) -> None:
        self.release()

    def release(self) -> None:
        """End the processes that the app owns, however the app ends."""
        for end in self.on_quit:
            end()


def run_app() -> int:
    """Open the app; return its exit code.

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
    # A thread that computes must not keep a key waiting.
    sys.setswitchinterval(_THREAD_SWITCH_SECONDS)
    app = TitletuiApp()
    code = app.run(mouse=app.settings.mouse)
    app.terminal.wait()
    for line in () if served else app.goodbye:
        print(display(line))
    return app.return_code or 0 if code is None else code
