"""One batch under a heading that says what it is and how far it is."""

from typing import ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.timer import Timer

from titletui.settings import GenerateSettings
from titletui.text import display
from titletui.tui.app_base import AppBase
from titletui.tui.generate.batch_writer import Batch
from titletui.tui.generate.candidate_list import CandidateList
from titletui.tui.generate.candidate_row import Row, arranged
from titletui.tui.widgets.empty_state import EmptyState, keyed

_SOON = 0.2


class BatchColumn(Vertical):
    """A batch's candidates as the settings sort and hide them.

    Args:
        label: what this column is among others (`t 0.50`); empty for a batch on its own.
        place: where the batch stands among all that are kept (`3 of 12`), or, for the narrow
            terminal that shows one column at a time, among those beside it.
    """

    DEFAULT_CSS = """
    BatchColumn {
        width: 1fr;
        height: 1fr;
        border-top: solid $foreground 20%;
        border-title-color: $text-muted;
        border-title-background: $background;
        &:focus-within {
            border-top: solid $primary 60%;
            border-title-color: $foreground;
        }
    }
    """
    EMPTY: ClassVar[tuple[str, str]] = ("No titles yet", "Type a prefix and press `enter`")

    app = getters.app(AppBase)

    def __init__(self, batch: Batch, label: str = "", place: str = "") -> None:
        super().__init__()
        self.titles = batch
        self.place = place
        self._label = label
        self._shown: list[int] = []
        self._changed: dict[int, None] = {}
        self._later: Timer | None = None
        self._arranged = False

    def compose(self) -> ComposeResult:
        yield CandidateList()
        yield EmptyState(self.EMPTY[0], keyed(self.EMPTY[1]))

    def on_mount(self) -> None:
        self._arranged = True
        self.rearrange()

    @property
    def _view(self) -> GenerateSettings:
        return self.app.settings.generate

    @property
    def candidates(self) -> CandidateList:
        return self.query_one(CandidateList)

    def take_focus(self) -> None:
        """Goes to the list, unless the app ends just now."""
        for candidates in self.query(CandidateList):
            candidates.focus()

    @property
    def row(self) -> Row | None:
        """The highlighted candidate."""
        return self.candidates.row

    @property
    def at(self) -> int | None:
        """The place in `titles.rows` of the highlighted candidate."""
        index = self.candidates.highlighted
        return self._shown[index] if index is not None and index < len(self._shown) else None

    @property
    def _there(self) -> bool:
        """Whether it is on the screen with all its rows: not before it has been arranged, and not
        after it has gone, when its batch is still kept to the end."""
        return self._arranged and self.is_attached and bool(self.query(EmptyState))

    def changed(self, place: int | None) -> None:
        """Shows what became known of the row at `place`; None: only the status changed.

        At once where nothing was shown for a while, else together with what else comes soon: a
        screen that is drawn for every title would have no time for keys.
        """
        if place is not None:
            self._changed[place] = None
        if self._later is None and self._there:
            self._show_changed()
            self._later = self.set_timer(_SOON, self._show_later)

    def show_now(self) -> None:
        """Shows what would be shown soon."""
        if self._changed and self._there:
            self._show_changed()

    def _show_later(self) -> None:
        self._later = None
        if self._there:
            self._show_changed()

    def _show_changed(self) -> None:
        places, self._changed = self._changed, {}
        if self._view.sort != "arrival" or not all(self._show(place) for place in places):
            self.rearrange()
        self._say()

    def _show(self, place: int) -> bool:
        """Shows one row where it stands or at the end; False where that will not do."""
        row = self.titles.rows[place]
        visible = bool(self._visible([row]))
        if place in self._shown and visible:
            self.candidates.replace(self._shown.index(place), row)
        elif visible and (not self._shown or place > self._shown[-1]):
            self._shown.append(place)
            self.candidates.append(row)
        else:
            return not visible and place not in self._shown
        return True

    def rearrange(self) -> None:
        """Sorts and hides anew; the highlight stays on its candidate."""
        if not self._there:
            return
        kept = self.at
        order = {id(row): place for place, row in enumerate(self.titles.rows)}
        rows = self._visible(self.titles.rows)
        self._shown = [order[id(row)] for row in rows]
        self.candidates.show(rows, self._shown.index(kept) if kept in self._shown else 0)
        self._say()

    def _visible(self, rows: list[Row]) -> list[Row]:
        return arranged(rows, self._view)

    def _say(self) -> None:
        alone = not self._label or self.screen.has_class("-compact")
        batch, parts = self.titles, [self._label, self.place if alone else ""]
        asked = batch.settings
        if not self._label and batch.rows:
            parts += [asked.model, f"“{asked.prefix}”" if asked.prefix else ""]
            parts += [f"abstract of {len(asked.abstract.split())} words" if asked.abstract else ""]
            parts += [f"year {asked.year}" if asked.year is not None else ""]
            parts += [f"t {asked.temperature:.2f}" if asked.temperature is not None else ""]
        if batch.running and batch.rows:
            parts.append(batch.status or f"writing {len(batch.rows)}/{asked.count}")
        hidden = len(batch.rows) - len(self._shown)
        if hidden:
            parts.append(f"{hidden} hidden")
        title = display(" · ".join(filter(None, parts)))
        self.border_title = Content(f" {title} ").markup if title else ""
        empty = self.query_one(EmptyState)
        empty.display = not self._shown
        self.candidates.display = bool(self._shown)
        if batch.running:
            empty.say((batch.status or "writing…").capitalize(), keyed("`escape` stops it"))
        elif hidden:
            all_ = f"All {hidden} titles are" if hidden > 1 else "The one title is"
            empty.say(
                f"{all_} hidden", keyed("`d` shows what was seen before, `h` copies, `m` the rest")
            )
        else:
            empty.say(self.EMPTY[0], keyed(self.EMPTY[1]))
