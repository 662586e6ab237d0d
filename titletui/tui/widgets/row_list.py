"""A list of rows, each as many lines high as it needs, that takes j k g G and the mouse."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, ClassVar, Generic, TypeVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style as VisualStyle
from textual.visual import Visual

from titletui.text import display

R = TypeVar("R")


class RowList(ScrollView, Generic[R], can_focus=True):
    """Rows of one kind; a subclass says in `lines` how one looks.

    Only what is on the screen is rendered, so some thousand rows are no burden; a longer list
    belongs in pages. The highlighted one has a ▸ in front, so that it is seen without colour.

    Attributes:
        TEXT_AT: cells before the text of a row, behind the ▸.
    """

    TEXT_AT: ClassVar[int] = 0

    COMPONENT_CLASSES: ClassVar[set[str]] = {"row-list--row", "row-list--highlighted"}
    DEFAULT_CSS = """
    RowList {
        height: 1fr;
        overflow-x: hidden;
        scrollbar-gutter: stable;
        & > .row-list--row { color: $foreground; background: $background; }
        & > .row-list--highlighted { color: $foreground; background: $panel; }
        &:focus > .row-list--highlighted { background: $primary 25%; }
    }
    RowList:ansi {
        & > .row-list--highlighted { background: ansi_default; text-style: bold; }
        &:focus > .row-list--highlighted { background: ansi_default; text-style: reverse; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "go(1)", "Down", show=False, id="list.down", tooltip="Next row"),
        Binding("k,up", "go(-1)", "Up", show=False, id="list.up", tooltip="Row before"),
        Binding("g,home", "go_to(0)", "First", show=False, id="list.first", tooltip="First row"),
        Binding("G,end", "go_to(-1)", "Last", show=False, id="list.last", tooltip="Last row"),
        Binding("pagedown,ctrl+d", "page(1)", "Page down", show=False, id="list.page_down",
                tooltip="A page down"),
        Binding("pageup,ctrl+u", "page(-1)", "Page up", show=False, id="list.page_up",
                tooltip="A page up"),
    ]  # fmt: skip

    highlighted: reactive[int | None] = reactive(None)

    @dataclass
    class Highlighted(Message):
        """Another row is highlighted, or its content changed; `index` is None without rows."""

        row_list: "RowList[Any]"
        index: int | None

    @dataclass
    class Chosen(Message):
        """The highlighted row was clicked again, or clicked twice."""

        row_list: "RowList[Any]"
        index: int

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._rows: list[R] = []
        self._starts: list[int] = [0]
        self._drawn: dict[tuple[int, bool], list[Strip]] = {}
        self._lines_of: dict[int, list[Content]] = {}

    def lines(self, row: R, width: int) -> list[Content]:
        """How `row` looks, at least one line, none wider than `width` cells."""
        return [Content(display(str(row))).truncate(width, ellipsis=True)]

    # --- what is in it

    @property
    def rows(self) -> Sequence[R]:
        return self._rows

    @property
    def row(self) -> R | None:
        """The highlighted row."""
        at = self.highlighted
        return self._rows[at] if at is not None and at < len(self._rows) else None

    def show(self, rows: Sequence[R], highlight: int | None = 0) -> None:
        """Replaces all rows; `highlight` is brought into view."""
        self._rows = list(rows)
        self._forget()
        self.highlighted = self._bounded(highlight)
        self._announce()
        self.call_after_refresh(self._into_view)

    def append(self, row: R) -> None:
        """Adds one row at the end; the first one is highlighted."""
        self._rows.append(row)
        self._measure(len(self._rows) - 1)
        if self.highlighted is None:
            self.highlighted = 0
        self._refresh_row(len(self._rows) - 1)

    def replace(self, index: int, row: R) -> None:
        """Puts `row` in the place of the one at `index`."""
        self._rows[index] = row
        height = self._height(index)
        for lit in (False, True):
            self._drawn.pop((index, lit), None)
        self._lines_of.pop(index, None)
        if self._height(index) != height:
            self._forget()
        self._refresh_row(index)
        if index == self.highlighted:
            self._announce()

    def region_of(self, index: int) -> Region:
        """Where the row is drawn, from the upper left corner of the list's content."""
        top = self._starts[index] - self.scroll_offset.y
        return Region(0, top, self._width, self._starts[index + 1] - self._starts[index])

    # --- drawing

    @property
    def _width(self) -> int:
        return self.scrollable_content_region.width

    def render_line(self, y: int) -> Strip:
        line = self.scroll_offset.y + y
        index = bisect_right(self._starts, line) - 1
        if index >= len(self._rows) or line < 0:
            return Strip.blank(self._width, self.get_visual_style("row-list--row").rich_style)
        strips = self._strips(index, index == self.highlighted)
        return strips[line - self._starts[index]]

    def _strips(self, index: int, lit: bool) -> list[Strip]:
        strips = self._drawn.get((index, lit))
        if strips is None:
            style = self._style(lit)
            strips = []
            colour = "" if style.reverse else " $primary"
            for place, content in enumerate(self._content(index)):
                pointer = ("▸ " if lit and place == 0 else "  ", f"bold{colour}")
                # What is coloured in a reversed row would be a patch of that colour.
                shown = Content(content.plain) if style.reverse else content
                content = Content.assemble(pointer, shown)
                (strip, *_) = Visual.to_strips(
                    self, content, self._width, 1, style, pad=True, apply_selection=False
                ) or [Strip.blank(self._width, style.rich_style)]
                strips.append(strip.adjust_cell_length(self._width, style.rich_style))
            self._drawn[index, lit] = strips
        return strips

    def _style(self, lit: bool) -> VisualStyle:
        style = self.get_visual_style("row-list--row", *["row-list--highlighted"] * lit)
        # It leaves `reverse` out, which is all that marks a row in a terminal's own colours.
        own = self.get_component_styles("row-list--highlighted").text_style
        return style + VisualStyle(reverse=True) if lit and own.reverse else style

    def _content(self, index: int) -> list[Content]:
        if index not in self._lines_of:
            self._lines_of[index] = self.lines(self._rows[index], max(1, self._width - 3))
        return self._lines_of[index]

    def _height(self, index: int) -> int:
        return len(self._content(index)) if self._width > 0 else 1

    def _measure(self, start: int) -> None:
        del self._starts[start + 1 :]
        heights = (self._height(index) for index in range(start, len(self._rows)))
        self._starts += list(accumulate(heights, initial=self._starts[start]))[1:]
        self.virtual_size = Size(self._width, self._starts[-1])

    def _forget(self) -> None:
        self._drawn.clear()
        self._lines_of.clear()
        self._measure(0)
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._drawn.clear()

    def on_resize(self, event: events.Resize) -> None:
        del event
        self._forget()
        self._into_view()

    def _refresh_row(self, index: int) -> None:
        """Has one row drawn anew, if it is in view."""
        region = self.region_of(index)
        if region.bottom > 0 and region.y < self.size.height:
            self.refresh_lines(self._starts[index], region.height)

    # --- moving

    def watch_highlighted(self, before: int | None, after: int | None) -> None:
        if before != after:
            self._into_view()
            self._announce()
            for index in (before, after):
                if index is not None and index < len(self._rows):
                    self._refresh_row(index)

    def action_go(self, rows: int) -> None:
        """Moves the highlight by `rows`."""
        if self._rows:
            self.highlighted = self._bounded((self.highlighted or 0) + rows)

    def action_go_to(self, index: int) -> None:
        """Moves the highlight to row `index`, -1 being the last."""
        if self._rows:
            self.highlighted = index % len(self._rows)

    def action_page(self, pages: int) -> None:
        """Moves the highlight by pages."""
        if self._rows and self.highlighted is not None:
            line = self._starts[self.highlighted] + pages * max(1, self.size.height - 1)
            self.highlighted = self._bounded(bisect_right(self._starts, max(0, line)) - 1)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        line = offset.y + self.scroll_offset.y
        index = bisect_right(self._starts, line) - 1
        if 0 <= index < len(self._rows):
            again = event.chain > 1
            self.highlighted = index
            if again:
                self.post_message(self.Chosen(self, index))

    def _bounded(self, index: int | None) -> int | None:
        if index is None or not self._rows:
            return None
        return max(0, min(index, len(self._rows) - 1))

    def _into_view(self) -> None:
        if self.highlighted is not None and self.highlighted < len(self._rows):
            top, end = self._starts[self.highlighted], self._starts[self.highlighted + 1]
            region = Region(0, top, max(1, self._width), end - top)
            self.scroll_to_region(region, animate=False, immediate=True, force=True)

    def _announce(self) -> None:
        self.post_message(self.Highlighted(self, self.highlighted))
