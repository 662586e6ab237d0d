"""What can be done to a title on more than one screen: edit, note, tag, undo, redo, copy."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual import work
from textual.binding import Binding, BindingType

from titletui.errors import TitletuiError
from titletui.shortlist.records import Favourite
from titletui.tui.dialogs.prompt import PromptDialog
from titletui.tui.mode_screen import ModeScreen
from titletui.tui.widgets.edit_line import EditLine
from titletui.tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from titletui.shortlist.library import Library

T = TypeVar("T")
Pick = Callable[[], Awaitable[Favourite | None]]
_LOOK = 0.5


class TitleScreen(ModeScreen):
    """A mode whose list holds titles; a subclass says which one the keys are about."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "edit", "edit", id="title.edit",
                tooltip="Change the title where it stands; the original is kept"),
        Binding("c", "copy", "copy", id="title.copy", tooltip="Copy the title"),
        Binding("n", "note", "note", show=False, id="title.note", tooltip="Write a note on it"),
        Binding("t", "tag", "tag", show=False, id="title.tag", tooltip="Tag it"),
        Binding("u", "undo", "undo", show=False, id="shortlist.undo",
                tooltip="Take back the last change of the shortlist, also after a restart"),
        Binding("U", "redo", "redo", show=False, id="shortlist.redo",
                tooltip="Do again what was taken back"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._revision: int | None = None
        self._looking = False
        self.stepping = False
        self._edited: Pick | None = None

    # --- what a subclass says

    @abstractmethod
    def picked(self) -> Pick | None:
        """The title that the keys are about now; fetching it later stars it if it was not."""

    @abstractmethod
    def title_text(self) -> str:
        """The title that the keys are about; empty when there is none."""

    @abstractmethod
    def title_list(self) -> RowList[object]:
        """The list that it stands in."""

    async def refresh_titles(self) -> None:
        """Shows the shortlist's present state."""

    # --- the library

    async def change(self, do: "Callable[[Library], T]") -> T | None:
        """Changes the shortlist and shows it; an error is shown and None returned."""
        try:
            return await self.app.library.run(do)
        except TitletuiError as error:
            self.app.show_error(error)
            return None
        finally:
            await self.refresh_titles()

    def watch_library(self) -> None:
        """From now on shows what another instance changes, within a second."""
        self.set_interval(_LOOK, self._look)

    @work(group="library")
    async def _look(self) -> None:
        if self._looking or not self.is_current:
            return
        self._looking = True
        try:
            revision, notices = await self.app.library.run(
                lambda library: (library.revision, list(library.notices))
            )
        except TitletuiError:
            # Whoever asks for something next is told; a look has nothing to say about it.
            return
        finally:
            self._looking = False
        self.app.show_notices(notices)
        if revision != self._revision:
            self._revision = revision
            await self.refresh_titles()

    # --- the keys

    def action_copy(self) -> None:
        """Copies the title."""
        if text := self.title_text():
            self.app.copy(text)

    def action_edit(self) -> None:
        """Lays an input over the row."""
        rows = self.title_list()
        if rows.highlighted is None or self.query(EditLine):
            return
        self._edited = self.picked()
        region = rows.region_of(rows.highlighted)
        over = region.translate(rows.content_region.offset)
        line = EditLine(self.title_text(), over, rows.TEXT_AT)
        self.mount(line)
        line.focus()

    def on_edit_line_dropped(self) -> None:
        self._close_edit()

    def on_edit_line_kept(self, event: EditLine.Kept) -> None:
        self._close_edit()
        if self._edited is not None:
            self._keep_edit(self._edited, event.text)

    @work(group="library")
    async def _keep_edit(self, pick: Pick, text: str) -> None:
        title = await pick()
        if title is not None:
            await self.change(lambda library: library.edit(title.id, text))

    def _close_edit(self) -> None:
        self.query(EditLine).remove()
        self.title_list().focus()

    def action_note(self) -> None:
        """Asks for a note on the title."""
        if pick := self.picked():
            self._note(pick)

    @work(group="library")
    async def _note(self, pick: Pick) -> None:
        with self.app.opening():
            title = await pick()
            if title is None:
                return
            dialog = PromptDialog("Note", title.note, hint=title.text)
            answer = self.app.push_screen(dialog, wait_for_dismiss=True)
        note = await answer
        if note is not None:
            await self.change(lambda library: library.note(title.id, note))

    def action_tag(self) -> None:
        """Asks for the title's tags."""
        if pick := self.picked():
            self._tag(pick)

    @work(group="library")
    async def _tag(self, pick: Pick) -> None:
        with self.app.opening():
            title = await pick()
            if title is None:
                return
            tagged = " ".join(title.tags)
            dialog = PromptDialog(
                "Tags", tagged, placeholder="words with spaces between", hint=title.text
            )
            answer = self.app.push_screen(dialog, wait_for_dismiss=True)
        tags = await answer
        if tags is not None:
            words = tags.replace(",", " ").split()
            await self.change(lambda library: library.tag(title.id, words))

    @work(group="library")
    async def action_undo(self) -> None:
        """Takes back the last change of the shortlist."""
        what = await self._step(lambda library: library.undo())
        self.app.say(f"Taken back: {what}" if what else "There is nothing to take back.")

    @work(group="library")
    async def action_redo(self) -> None:
        """Does again what was taken back."""
        what = await self._step(lambda library: library.redo())
        self.app.say(f"Done again: {what}" if what else "There is nothing to do again.")

    async def _step(self, do: "Callable[[Library], str | None]") -> str | None:
        self.stepping = True
        try:
            return await self.change(do)
        finally:
            self.stepping = False
