"""One batch in a column, under a heading that says what was asked and how far it is."""

from typing import ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.timer import Timer

from titletui.shortlist.records import BatchSettings
from titletui.text import display
from titletui.tui.app_base import AppBase
from titletui.tui.generate.batch import LiveBatch
from titletui.tui.generate.candidate_list import CandidateList
from titletui.tui.generate.candidate_row import CandidateRow, visible_rows
from titletui.tui.textual_patches.static import StableStatic
from titletui.tui.widgets.empty_state import EmptyState, keyed

REDRAW_INTERVAL = 0.2


class BatchColumn(Vertical):
    """A batch's candidates, sorted and filtered as the settings say.

    Args:
        label: what sets this column apart from those beside it (`t 0.50`); empty for a single one.
        place: its place among all batches (`3 of 12`), or among the columns for a terminal so
            narrow that it shows one of them at a time.
    """

    DEFAULT_CSS = """
    BatchColumn {
        width: 1fr;
        height: 1fr;
        border-top: solid $foreground 20%;
        border-title-color: $text-muted;
        border-title-background: $background;
        & > #note { height: auto; padding: 0 1; color: $text-warning; display: none; }
        &:focus-within {
            border-top: solid $primary 60%;
            border-title-color: $foreground;
        }
    }
    """
    EMPTY: ClassVar[tuple[str, str]] = ("No titles yet", "Type a prefix and press `enter`")

    app = getters.app(AppBase)

    def __init__(self, batch: LiveBatch, label: str = "", place: str = "") -> None:
        super().__init__()
        self.live_batch = batch
        # Attributes, not queries: a column is asked for them before it is mounted and after its
        # removal.
        self.candidates = CandidateList()
        self._note = StableStatic(id="note", markup=False)
        self._empty = EmptyState(self.EMPTY[0], keyed(self.EMPTY[1]))
        self._label = label
        self._place = place
        self._visible: list[int] = []
        self._changed: dict[int, None] = {}
        self._redraw: Timer | None = None
        self._filled = False

    def compose(self) -> ComposeResult:
        yield self._note
        yield self.candidates
        yield self._empty

    def on_mount(self) -> None:
        self._filled = True
        self.rearrange()

    @property
    def row(self) -> CandidateRow | None:
        """The highlighted candidate."""
        return self.candidates.row

    @property
    def place(self) -> int | None:
        """The index in `batch.rows` of the highlighted candidate."""
        index = self.candidates.highlighted
        return self._visible[index] if index is not None and index < len(self._visible) else None

    @property
    def _drawable(self) -> bool:
        """Whether its rows can be drawn: it is filled and not removed.

        A batch is written to its end even after its column was removed.
        """
        return self._filled and self.is_attached

    def changed(self, place: int | None) -> None:
        """Draw the row at `place` in `batch.rows`, or with None the status alone.

        Changes within `REDRAW_INTERVAL` are drawn together, so that a fast model leaves time for
        keys.
        """
        if place is not None:
            self._changed[place] = None
        if self._redraw is None and self._drawable:
            self._draw_changes()
            self._redraw = self.set_timer(REDRAW_INTERVAL, self._end_interval)

    def draw_now(self) -> None:
        """Draw pending changes at once."""
        if self._changed and self._drawable:
            self._draw_changes()

    def _end_interval(self) -> None:
        self._redraw = None
        if self._drawable:
            self._draw_changes()

    def _draw_changes(self) -> None:
        places, self._changed = self._changed, {}
        in_order = self.app.settings.generate.sort == "arrival"
        if not in_order or not all(self._draw_row(place) for place in places):
            self.rearrange()
        self._draw_heading()

    def _draw_row(self, place: int) -> bool:
        """Draw one row where it stands or at the end; False where the list must be rearranged."""
        row = self.live_batch.rows[place]
        visible = bool(visible_rows([row], self.app.settings.generate))
        if place in self._visible and visible:
            self.candidates.replace(self._visible.index(place), row)
        elif visible and (not self._visible or place > self._visible[-1]):
            self._visible.append(place)
            self.candidates.append(row)
        else:
            return not visible and place not in self._visible
        return True

    def rearrange(self) -> None:
        """Sort and filter anew; the highlight stays on its candidate."""
        if not self._drawable:
            return
        highlighted = self.place
        places = {id(row): place for place, row in enumerate(self.live_batch.rows)}
        rows = visible_rows(self.live_batch.rows, self.app.settings.generate)
        self._visible = [places[id(row)] for row in rows]
        at = self._visible.index(highlighted) if highlighted in self._visible else 0
        self.candidates.show(rows, at)
        self._draw_heading()

    def _draw_heading(self) -> None:
        hidden = len(self.live_batch.rows) - len(self._visible)
        heading = display(" · ".join(filter(None, self._heading(hidden))))
        self.border_title = Content(f" {heading} ").markup if heading else ""
        note = self.live_batch.settings.note
        self._note.display = bool(note)
        self._note.update(Content(f"⚠ {display(note)}" if note else ""))
        self.candidates.display = bool(self._visible)
        empty = self._empty
        empty.display = not self._visible
        if self.live_batch.running:
            empty.say(
                (self.live_batch.status or "writing…").capitalize(), keyed("`escape` stops it")
            )
        elif hidden:
            titles = f"All {hidden} titles are" if hidden > 1 else "The one title is"
            empty.say(
                f"{titles} hidden",
                keyed("`d` shows what was seen before, `h` copies, `m` the rest"),
            )
        else:
            empty.say(self.EMPTY[0], keyed(self.EMPTY[1]))

    def _heading(self, hidden: int) -> list[str]:
        batch, request = self.live_batch, self.live_batch.settings
        alone = not self._label or self.screen.has_class("-compact")
        parts = [self._label, self._place if alone else ""]
        if not self._label and batch.rows:
            parts += [
                request.model,
                f"“{request.prefix}”" if request.prefix else "",
                _abstract(request),
                f"year {request.year}" if request.year is not None else "",
                f"t {request.temperature:.2f}" if request.temperature is not None else "",
            ]
        if batch.running and batch.rows:
            parts.append(batch.status or f"writing {len(batch.rows)}/{request.count}")
        if hidden:
            parts.append(f"{hidden} hidden")
        return parts


def _abstract(request: BatchSettings) -> str:
    """Return `abstract of 120 words`, or that a model that cannot use abstracts ignored it."""
    if not request.abstract:
        return ""
    unused = "abstract is unused" in request.note
    return "abstract unused" if unused else f"abstract of {len(request.abstract.split())} words"
