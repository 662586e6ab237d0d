"""A mode that lists titles: edit, note, tag, copy, undo and redo."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from textual import work
from textual.binding import Binding, BindingType

from titletui.errors import TitletuiError
from titletui.shortlist.records import Favourite
from titletui.tui.dialogs.prompt import PromptDialog
from titletui.tui.mode_screen import ModeScreen
from titletui.tui.widgets.edit_line import EditLine
from titletui.tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from titletui.jobs.status import JobStatus
    from titletui.shortlist.library import Library

T = TypeVar("T")
GetFavourite = Callable[[], Awaitable[Favourite | None]]
POLL_INTERVAL = 0.5


class TitleScreen(ModeScreen):
    """A mode whose list holds titles; the actions apply to the highlighted one.

    Attributes:
        stepping: whether an undo or a redo is under way, whose title is to be highlighted.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "edit", "edit", id="title.edit",
                tooltip="Change the title where it stands; the original is kept"),
        Binding("c", "copy", "copy", id="title.copy", tooltip="Copy the title"),
        Binding("n", "note", "note", show=False, id="title.note", tooltip="Write a note on it"),
        Binding("t", "tag", "tag", show=False, id="title.tag", tooltip="Tag it"),
        Binding("R", "judge", "judge novelty", show=False, id="title.judge",
                tooltip="Compare all titles shown with the papers again"),
        Binding("u", "undo", "undo", show=False, id="shortlist.undo",
                tooltip="Take back the last change of the shortlist, also after a restart"),
        Binding("U", "redo", "redo", show=False, id="shortlist.redo",
                tooltip="Do again what was taken back"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.stepping = False
        self._revision: int | None = None
        self._polling = False
        self._edited: GetFavourite | None = None
        self._filling: set[str] = set()

    # --- for subclasses to say

    @abstractmethod
    def favourite_getter(self) -> GetFavourite | None:
        """Return a function that gets the highlighted title's favourite, starring it if needed."""

    @abstractmethod
    def title_text(self) -> str:
        """Return the highlighted title's text; empty without one."""

    @abstractmethod
    def title_list(self) -> RowList[Any]:
        """Return the list that holds it."""

    @abstractmethod
    async def refresh_titles(self) -> None:
        """Show the shortlist as it is now."""

    # --- the library

    async def change(self, do: "Callable[[Library], T]") -> T | None:
        """Change the shortlist and show it; an error is shown, and None returned."""
        try:
            return await self.app.library.run(do)
        except TitletuiError as error:
            self.app.show_error(error)
            return None
        finally:
            await self.refresh_titles()

    def watch_library(self) -> None:
        """Show what other instances change, every `POLL_INTERVAL` seconds from now on."""
        self.set_interval(POLL_INTERVAL, self._poll_library)

    @work(group="library")
    async def _poll_library(self) -> None:
        if self._polling or not self.is_current:
            return
        self._polling = True
        try:
            revision, notices = await self.app.library.run(
                lambda library: (library.revision, list(library.notices))
            )
        except TitletuiError:
            # The next action that needs the library shows its error.
            return
        finally:
            self._polling = False
        self.app.show_notices(notices)
        if revision != self._revision:
            self._revision = revision
            await self.refresh_titles()

    # --- novelty

    def watch_papers(self) -> None:
        """Judge the novelty again whenever a harvest or an import has ended, and once now."""
        self.app.jobs_changed.subscribe(self, self._on_jobs_changed)
        self._judge_later()

    def _on_jobs_changed(self, jobs: "tuple[JobStatus, ...]") -> None:
        filling = {job.name for job in jobs if job.kind != "run" and job.state.alive}
        if self._filling - filling:
            self._judge_later()
        self._filling = filling

    @work(group="novelty", exclusive=True)
    async def _judge_later(self) -> None:
        # Nobody asked for it: whoever opens the corpora next is told why they cannot be read.
        await self.judge_titles(quiet=True)

    async def judge_titles(self, *, quiet: bool = False) -> None:
        """Compare the titles on screen, and all favourites, with the papers as they are now."""
        await self.judge_favourites(quiet=quiet)

    async def judge_favourites(self, *, quiet: bool = False) -> None:
        """Compare all favourites with the papers as they are now; show and store what changed.

        Args:
            quiet: do not show an error.
        """
        try:
            if await self.app.judge_favourites():
                await self.refresh_titles()
        except TitletuiError as error:
            if not quiet:
                self.app.show_error(error)

    @work(group="novelty", exclusive=True)
    async def action_judge(self) -> None:
        """Judge the novelty of the titles again."""
        await self.judge_titles()
        self.app.say("All titles are compared with the papers as they are now.")

    # --- actions

    def action_copy(self) -> None:
        """Copy the title."""
        if text := self.title_text():
            self.app.copy(text)

    def action_edit(self) -> None:
        """Lay an input over the title's row."""
        rows = self.title_list()
        if rows.highlighted is None or self.query(EditLine):
            return
        self._edited = self.favourite_getter()
        region = rows.region_of(rows.highlighted).translate(rows.content_region.offset)
        line = EditLine(self.title_text(), region, rows.TEXT_AT)
        self.mount(line)
        line.focus()

    def on_edit_line_dropped(self) -> None:
        self._close_edit()

    def on_edit_line_kept(self, event: EditLine.Kept) -> None:
        self._close_edit()
        if self._edited is not None:
            self._save_edit(self._edited, event.text)

    @work(group="library")
    async def _save_edit(self, get_favourite: GetFavourite, text: str) -> None:
        title = await get_favourite()
        if title is not None:
            await self.change(lambda library: library.edit(title.id, text))
            await self.judge_favourites()

    def _close_edit(self) -> None:
        self.query(EditLine).remove()
        self.title_list().focus()

    def action_note(self) -> None:
        """Ask for a note on the title."""
        if get_favourite := self.favourite_getter():
            self._ask(
                get_favourite,
                lambda title: PromptDialog("Note", title.note, hint=title.text),
                lambda library, title, text: library.set_note(title.id, text),
            )

    def action_tag(self) -> None:
        """Ask for the title's tags."""
        if get_favourite := self.favourite_getter():
            self._ask(
                get_favourite,
                lambda title: PromptDialog(
                    "Tags",
                    " ".join(title.tags),
                    placeholder="words with spaces between",
                    hint=title.text,
                ),
                lambda library, title, text: library.set_tags(
                    title.id, text.replace(",", " ").split()
                ),
            )

    @work(group="library")
    async def _ask(
        self,
        get_favourite: GetFavourite,
        dialog: Callable[[Favourite], PromptDialog],
        save: "Callable[[Library, Favourite, str], object]",
    ) -> None:
        """Ask for a line about the title and save the answer."""
        with self.app.opening():
            title = await get_favourite()
            if title is None:
                return
            answer = self.app.push_screen(dialog(title), wait_for_dismiss=True)
        text = await answer
        if text is not None:
            await self.change(lambda library: save(library, title, text))

    @work(group="library")
    async def action_undo(self) -> None:
        """Undo the last change of the shortlist."""
        what = await self.undo()
        self.app.say(f"Taken back: {what}" if what else "There is nothing to take back.")

    async def undo(self) -> str | None:
        """Undo the last change of the shortlist; return what it was, None without one."""
        return await self._step(lambda library: library.undo())

    @work(group="library")
    async def action_redo(self) -> None:
        """Redo what was undone last."""
        what = await self._step(lambda library: library.redo())
        self.app.say(f"Done again: {what}" if what else "There is nothing to do again.")

    async def _step(self, do: "Callable[[Library], str | None]") -> str | None:
        self.stepping = True
        try:
            what = await self.change(do)
        finally:
            self.stepping = False
        await self.judge_favourites()
        return what
