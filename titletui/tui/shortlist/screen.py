"""The Shortlist screen: edit, sort, export the starred titles."""

from typing import ClassVar

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Resize
from textual.widget import Widget
from textual.widgets import Input, Static

from titletui.errors import TitletuiError
from titletui.settings import SHORTLIST_SORTS, ShortlistSort
from titletui.shortlist.export import SHORTLIST
from titletui.shortlist.records import Favourite
from titletui.text import display
from titletui.training.run_spec import MIN_PAPERS
from titletui.tui.shortlist.favourite_list import FavouriteList
from titletui.tui.title_screen import GetFavourite, TitleScreen
from titletui.tui.widgets.empty_state import EmptyState, keyed
from titletui.tui.widgets.row_list import RowList
from titletui.tui.widgets.title_content import nearest_paper


class FilterInput(Input):
    """Words that the titles must contain; `#word` is a tag."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,down", "screen.leave", "list", id="filter.list", tooltip="To the list"),
        Binding("escape", "screen.unfilter", "show all", id="filter.clear",
                tooltip="Show all titles again"),
    ]  # fmt: skip


class ShortlistScreen(TitleScreen):
    """The starred titles, and what generated the highlighted one."""

    FOOTER_EMPTY: ClassVar[tuple[str, ...]] = ("generate", "shortlist.undo")
    CSS_PATH = "shortlist.tcss"
    AREA: ClassVar[str] = "Shortlist"
    HELP: ClassVar[str] = (
        "All that you starred. An edited title keeps its original, shown below the list.\n"
        "Every change can be taken back with u, also after a restart."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x,delete", "remove", "remove", id="shortlist.remove",
                tooltip="Take the title from the shortlist; u brings it back"),
        Binding("E", "export", "export", id="shortlist.export",
                tooltip="Write the titles shown to a file: md, txt, csv or jsonl"),
        Binding("slash", "filter", "filter", id="shortlist.filter",
                tooltip="Show titles with these words; #word is a tag"),
        Binding("escape", "unfilter", "show all", show=False, id="shortlist.unfilter",
                tooltip="Show all titles again"),
        Binding("s", "sort", "sort", show=False, id="shortlist.sort",
                tooltip="Sort by time, by hand, by title, model, perplexity or novelty"),
        Binding("J,shift+down", "move(1)", "move down", show=False, id="shortlist.down",
                tooltip="Move the title down (sorts by hand)"),
        Binding("K,shift+up", "move(-1)", "move up", show=False, id="shortlist.up",
                tooltip="Move the title up (sorts by hand)"),
        Binding("C", "copy_all", "copy all", show=False, id="shortlist.copy_all",
                tooltip="Copy all titles shown, one a line"),
        Binding("l", "like_this", "more like this", show=False, id="shortlist.like",
                tooltip="Write titles that begin like this one"),
        Binding("T", "train", "train on these", show=False, id="shortlist.train",
                tooltip="Train the model further on all starred titles"),
    ]  # fmt: skip

    titles = getters.query_one(FavouriteList)
    filter_input = getters.query_one("#filter", Input)

    def __init__(self) -> None:
        super().__init__()
        self._total = 0
        self._sorts_before_moves: list[ShortlistSort] = []

    def compose_body(self) -> ComposeResult:
        yield Static(id="heading")
        yield FilterInput(id="filter", placeholder="words, or #tag", max_length=200)
        yield FavouriteList()
        yield EmptyState(
            "Nothing starred yet", keyed("`3` writes titles, `space` there stars the good ones")
        )
        yield Static(id="about")

    def on_mount(self) -> None:
        self.filter_input.display = False
        self.query_one(EmptyState).display = False
        self.watch_library()
        self.watch_papers()
        self.show_titles()

    def on_screen_resume(self) -> None:
        self.show_titles()

    def main_widget(self) -> Widget | None:
        return self.titles

    # --- what is shown

    @property
    def sort(self) -> ShortlistSort:
        """How the titles are sorted."""
        return self.app.settings.shortlist_sort

    @work(group="library")
    async def show_titles(self) -> None:
        """Show the shortlist as it is now."""
        await self.refresh_titles()

    async def refresh_titles(self) -> None:
        """Show the shortlist as it is now; the highlight goes to a title that undo brought back."""
        matching = self.filter_input.value
        sort = self.sort
        try:
            shown, total = await self.app.library.run(
                lambda library: (library.favourites(matching, sort), len(library.favourites()))
            )
        except TitletuiError as error:
            self.query_one(EmptyState).say("The shortlist cannot be read", display(str(error)))
            shown, total = [], 0
        self._total = total
        kept, at = self.titles.row, self.titles.highlighted
        ids = [title.id for title in shown]
        if list(self.titles.rows) != shown:
            before = {title.id for title in self.titles.rows}
            back = [one for one in ids if one not in before] if self.stepping and before else []
            wanted = next(iter(back), kept.id if kept else None)
            self.titles.show(shown, ids.index(wanted) if wanted in ids else at or 0)
        self.show_empty(not total)
        self.titles.display = bool(shown)
        empty = self.query_one(EmptyState)
        empty.display = not shown
        if matching and not shown and total:
            empty.say(f"No title matches “{display(matching)}”", keyed("`escape` shows all"))
        self._show_heading(len(shown))
        self.show_about(self.titles.row)

    def _show_heading(self, shown: int) -> None:
        counted = f"{shown} of {self._total}" if shown != self._total else f"{shown}"
        _update(
            self.query_one("#heading", Static),
            Content.assemble(
                (f"★ {counted}", "bold $accent"),
                ("   sorted by ", "$foreground 60%"),
                ({"order": "hand"}.get(self.sort, self.sort) + " ▾", "@click=screen.sort"),
                ("   / filter", "$foreground 60%"),
            ),
        )

    def on_row_list_highlighted(self) -> None:
        self.show_about(self.titles.row)

    def on_resize(self, _: Resize) -> None:
        self.call_after_refresh(lambda: self.show_about(self.titles.row))

    def on_row_list_chosen(self) -> None:
        self.action_edit()

    def show_about(self, title: Favourite | None) -> None:
        """Show what generated the title, and its original or its nearest paper."""
        about = self.query_one("#about", Static)
        about.set_class(title is None, "-blank")
        width = about.content_size.width or self.app.size.width - 2
        _update(about, _about(title, width) if title else Content(""))

    # --- the highlighted title

    def title_list(self) -> RowList[Favourite]:
        return self.titles

    def title_text(self) -> str:
        return self.titles.row.text if self.titles.row else ""

    def favourite_getter(self) -> GetFavourite | None:
        title = self.titles.row
        if title is None:
            return None

        async def get() -> Favourite:
            return title

        return get

    # --- actions

    def action_filter(self) -> None:
        """Open the filter."""
        self.filter_input.display = True
        self.filter_input.focus()

    def action_unfilter(self) -> None:
        """Show all titles again."""
        self.filter_input.value = ""
        self.filter_input.display = False
        self.query_one(EmptyState).display = False
        self.titles.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "filter":
            self.show_titles()

    def action_sort(self) -> None:
        """Sort in the next order."""
        self.app.settings.shortlist_sort = SHORTLIST_SORTS[
            (SHORTLIST_SORTS.index(self.sort) + 1) % len(SHORTLIST_SORTS)
        ]
        self.show_titles()

    def action_remove(self) -> None:
        """Remove the title from the shortlist."""
        if self.titles.row is not None:
            self._remove(self.titles.row)

    @work(group="library")
    async def _remove(self, title: Favourite) -> None:
        await self.change(lambda library: library.unstar(title.id))
        if not self.titles.rows and self._total:
            # Keys, u above all, must go to the list, not to a filter that no title matches.
            self.action_unfilter()
        self.app.say("Removed; u brings it back.")

    def action_move(self, places: int) -> None:
        """Move the title; the list is sorted by hand from then on."""
        if self.titles.row is not None:
            self._move(self.titles.row, places)

    @work(group="library")
    async def _move(self, title: Favourite, places: int) -> None:
        matching, sort = self.filter_input.value, self.sort
        moved = await self.change(
            lambda library: library.move(title.id, places, matching=matching, sort=sort)
        )
        if moved:
            self._sorts_before_moves.append(sort)
            self.app.settings.shortlist_sort = "order"
            await self.refresh_titles()

    async def undo(self) -> str | None:
        """Undo the last change; after a move, the list is sorted as it was before it."""
        what = await super().undo()
        if what and what.startswith("moved") and self._sorts_before_moves:
            self.app.settings.shortlist_sort = self._sorts_before_moves.pop()
            await self.refresh_titles()
        return what

    def action_copy_all(self) -> None:
        """Copy all titles that are shown."""
        if self.titles.rows:
            self.app.copy("\n".join(title.text for title in self.titles.rows))

    async def action_like_this(self) -> None:
        """Go to Generate with the beginning of this title as prefix."""
        if self.titles.row is not None:
            await self.app.open_mode("generate", self.titles.row.text, "like")

    async def action_train(self) -> None:
        """Open a new run on the starred titles."""
        missing = MIN_PAPERS - self._total
        if missing > 0:
            self.app.say(f"A run needs at least {MIN_PAPERS} titles; star {missing} more.")
        else:
            await self.app.open_mode("train", SHORTLIST, "new_run_on")

    @work(group="library")
    async def action_export(self) -> None:
        """Ask for a file and write the titles that are shown."""
        from titletui.tui.shortlist.export_dialog import ExportDialog

        if not self.titles.rows:
            self.app.say("There is nothing to export yet.")
            return
        said = await self.app.push_screen_wait(ExportDialog(list(self.titles.rows)))
        if said:
            self.app.say(said)


def _update(static: Static, content: Content) -> None:
    """Update `static` unless it shows `content` already."""
    shown = static.content
    if not (isinstance(shown, Content) and shown.is_same(content)):
        static.update(content)


def _about(title: Favourite, width: int) -> Content:
    asked = title.settings
    facts = [
        asked.model,
        f"“{asked.prefix}”" if asked.prefix else "",
        f"t {asked.temperature:.2f}" if asked.temperature is not None else "",
        f"ppl {title.perplexity:.0f}" if title.perplexity is not None else "",
        title.starred[:10],
        f"seed {title.seed}" if title.seed is not None else "",
        f"top-p {asked.top_p:g}" if asked.top_p is not None else "",
    ]
    made = Content.styled(display(" · ".join(filter(None, facts))), "$foreground 60%")
    lines = [made.truncate(width, ellipsis=True)]
    if title.edited:
        lines.append(Content.assemble(("was ", "$foreground 60%"), display(title.original)))
    elif title.novelty is not None and title.novelty.title:
        lines.append(nearest_paper(title.novelty))
    return Content("\n").join(lines)
