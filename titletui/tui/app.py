"""The app: four modes over the rooms, and what they share."""

import os
import shutil
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, cast

import msgspec
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Resize
from textual.geometry import Size
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.signal import Signal

from titletui.errors import TitletuiError, UsageError
from titletui.paths import Home, find_home
from titletui.settings import Settings, load_settings, save_settings
from titletui.text import display
from titletui.tui.app_base import Rooms
from titletui.tui.generate.novelty import Judge
from titletui.tui.generate.preference import Tasting
from titletui.tui.modes import MODES
from titletui.tui.preload import get_ready, settle
from titletui.tui.terminal import restore
from titletui.tui.terminal.clipboard import osc52
from titletui.tui.terminal.encoding import speak_utf8
from titletui.tui.terminal.frame_diff import SparingApp
from titletui.tui.textual_patches.key_queue import KeysInTurn
from titletui.tui.textual_patches.stylesheet_cache import ParsedOnce
from titletui.tui.themes import DEFAULT_THEME, THEMES

if TYPE_CHECKING:
    from textual.command import Provider

    from titletui.jobs.status import JobStatus
    from titletui.tui.mode_screen import ModeScreen


_GLYPHS: dict[SeverityLevel, str] = {"information": "", "warning": "⚠ ", "error": "✕ "}

# Seconds without a frame while a mode is switched to: one that stands, one that does not.
_BRIEF = 0.01
_LONG = 0.05
_DOUBTS = 3
_SWITCH = 0.001


def _commands() -> "type[Provider]":
    from titletui.tui.palette import Commands

    return Commands


class TitletuiApp(KeysInTurn, SparingApp, Rooms):
    """titletui.

    Attributes:
        home: where files live.
        settings: what the user chose; screens change it, the app saves it.
        jobs_changed: published with all watched jobs, about once a second.
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
                tooltip="All settings: the theme, the knobs, what opens first"),
        Binding("ctrl+l", "repaint", "repaint", show=False, id="repaint",
                tooltip="Paint the screen anew, over what another program left on it"),
        Binding("q,ctrl+q", "quit", "Quit", show=False, id="quit",
                tooltip="Leave; jobs go on without the app"),
    ]  # fmt: skip

    def __init__(self, home: Home | None = None, settings: Settings | None = None) -> None:
        self.home = home or find_home()
        self.settings = settings or load_settings(self.home.config_toml)
        self.on_quit: list[Callable[[], None]] = []
        self.give_back = restore.TerminalRestorer()
        self.goodbye: list[str] = []
        # Textual opens on this mode, so that no other screen is drawn first.
        self.DEFAULT_MODE = self.settings.mode if self.settings.mode in MODES else "generate"  # type: ignore[misc]
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        known = self.settings.theme in self.available_themes
        self.theme = self.settings.theme if known else DEFAULT_THEME
        self.stylesheet = ParsedOnce(self.get_css_variables())
        self._unknown_theme = "" if known else self.settings.theme
        self.jobs_changed: Signal[tuple[JobStatus, ...]] = Signal(self, "jobs_changed")
        self.model_changed: Signal[str] = Signal(self, "model_changed")
        self.model_line = self.settings.generate.model
        self.shown_jobs: tuple[JobStatus, ...] = ()
        self.judge = Judge(self)
        self.taste = Tasting(self)
        self._jobs: dict[tuple[str, str], JobStatus] = {}
        self._told: list[str] = []
        self._delay = _LONG
        self._said: tuple[str, str, float] = ("", "", 0.0)
        self._kept = msgspec.json.encode(self.settings)
        self.set_keymap(self.settings.keys)

    async def on_mount(self) -> None:
        self.theme_changed_signal.subscribe(self, lambda theme: self._keep_theme(theme.name))
        self.call_after_refresh(self._doubt_settings)
        self.set_interval(1.0, self._look_at_jobs)
        self.set_interval(2.0, self.keep_settings)
        self.set_interval(0.25, self._fit_terminal)
        if self._driver is not None and not self.is_headless:
            # What fails in it fails again, and is told, where it is wanted.
            self.run_worker(get_ready(self), group="ready", exit_on_error=False)
            self.call_after_refresh(settle)
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

    # --- saying things

    def say(self, text: str, severity: SeverityLevel = "information") -> None:
        """A line over the footer, for a few seconds; `text` may hold anything."""
        now = time.monotonic()
        if (text, severity) != self._said[:2] or now > self._said[2] + self.NOTIFICATION_TIMEOUT:
            self._said = (text, severity, now)
            self.notify(f"{_GLYPHS[severity]}{display(text)}", severity=severity, markup=False)

    def tell(self, notices: list[str]) -> None:
        """Shows what a store has to say about how it was found, each sentence once."""
        new = [notice for notice in notices if notice not in self._told]
        self._told += new
        if new:
            from titletui.tui.dialogs.message import MessageDialog

            self.push_screen(MessageDialog("Your library", " ".join(new)))

    def show_error(self, error: BaseException | str) -> None:
        """A dialog with what went wrong, which `c` copies; for a refused value, a toast."""
        if isinstance(error, UsageError):
            self.say(str(error), "error")
            return
        if isinstance(error, BaseException) and not isinstance(error, TitletuiError):
            raise error
        from titletui.tui.dialogs.message import MessageDialog

        if not (isinstance(self.screen, MessageDialog) and self.screen.text == str(error)):
            self.push_screen(MessageDialog("That did not work", str(error)))

    def copy(self, text: str) -> None:
        """Puts `text` on the terminal's clipboard and says how."""
        self._clipboard = text
        if self._driver is not None:
            self._driver.write(osc52(text))
        wrapped = " through tmux" if "Ptmux" in osc52("") else ""
        self.say(f"Copied via OSC 52{wrapped}. If it does not arrive, 4 and then E writes a file.")

    def copy_to_clipboard(self, text: str) -> None:
        """As Textual's inputs call it."""
        self._clipboard = text
        if self._driver is not None:
            self._driver.write(osc52(text))

    # --- jobs

    async def _look_at_jobs(self) -> None:
        try:
            news = await self.job_watch.ask(lambda watch: watch.look())
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

    async def keep_settings(self) -> None:
        """Saves what was changed since the last look, so that a kill -9 forgets little."""
        now = msgspec.json.encode(self.settings)
        if now != self._kept:
            self._kept = now
            copy = msgspec.json.decode(now, type=Settings)
            try:
                await self.errands.ask(lambda home: save_settings(home.config_toml, copy))
            except OSError as error:
                self.say(f"The settings could not be saved ({error.strerror}).", "warning")

    def _doubt_settings(self) -> None:
        """Says what in `config.toml` cannot be followed."""
        if self._unknown_theme:
            self.say(f"There is no theme {self._unknown_theme}; , shows all themes.", "warning")
        if self.settings.keys:
            from titletui.tui.keymap import misplaced

            for sentence in misplaced(self.settings.keys)[:_DOUBTS]:
                self.say(sentence, "warning")

    def show_model(self, line: str) -> None:
        """Says on every screen which model is in use."""
        self.model_line = line
        self.model_changed.publish(line)

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
        speak_utf8()
    # A thread that counts or compares must not keep a key waiting.
    sys.setswitchinterval(_SWITCH)
    app = TitletuiApp()
    code = app.run(mouse=app.settings.mouse)
    app.give_back.wait()
    for line in () if served else app.goodbye:
        print(display(line))
    return app.return_code or 0 if code is None else code
