"""A window on a long list of papers: a few pages of it, and the way to those around them."""

from titletui.corpus.browse import Cursor, Page, Row

PAGE = 160
PAGES = 3


class PaperPages:
    """At most `PAGES` pages of `PAGE` rows at a time, however long the list is.

    Attributes:
        total: papers in the list.
        exact: whether there are not even more.
    """

    def __init__(self) -> None:
        self.total = 0
        self.exact = True
        self._pages: list[Page] = []
        self._starts: list[Cursor | None] = [None]
        self._first = 0

    @property
    def rows(self) -> list[Row]:
        return [row for page in self._pages for row in page.rows]

    @property
    def before(self) -> bool:
        """Whether there are papers before the window."""
        return self._first > 0

    @property
    def after(self) -> bool:
        """Whether there are papers after it."""
        return bool(self._pages) and self._pages[-1].next is not None

    @property
    def offset(self) -> int:
        """How many papers stand before the window."""
        return self._first * PAGE

    @property
    def cursor_after(self) -> Cursor | None:
        return self._pages[-1].next if self._pages else None

    @property
    def cursor_before(self) -> Cursor | None:
        return self._starts[self._first - 1] if self._first else None

    def begin(self, page: Page) -> None:
        """Starts with the first page of a list."""
        self.total, self.exact = page.total, page.exact
        self._pages, self._starts, self._first = [page], [None], 0

    def go_down(self, page: Page) -> int:
        """Adds the page after the window; returns by how many rows the others moved up."""
        at = self._first + len(self._pages)
        if at == len(self._starts):
            self._starts.append(self.cursor_after)
        self._pages.append(page)
        if len(self._pages) <= PAGES:
            return 0
        self._first += 1
        return len(self._pages.pop(0).rows)

    def go_up(self, page: Page) -> int:
        """Adds the page before the window; returns by how many rows the others moved down."""
        self._first -= 1
        self._pages.insert(0, page)
        del self._pages[PAGES:]
        return len(page.rows)
