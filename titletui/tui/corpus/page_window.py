"""A sliding window of pages over a long list of papers."""

from msgspec.structs import replace

from titletui.corpus.pagination import Cursor, ListedPaper, Page

PAGE = 160
PAGES = 3


class PaperPages:
    """At most `PAGES` pages of `PAGE` rows at a time, however long the list is.

    Attributes:
        total: the number of papers in the list.
        exact: whether `total` is exact, not a lower bound.
    """

    def __init__(self) -> None:
        self.total = 0
        self.exact = True
        self._pages: list[Page] = []

    @property
    def rows(self) -> list[ListedPaper]:
        return [row for page in self._pages for row in page.rows]

    @property
    def before(self) -> Cursor | None:
        """The cursor of the page before the window; None at the beginning of the list."""
        return self._pages[0].previous if self._pages else None

    @property
    def after(self) -> Cursor | None:
        """The cursor of the page after the window; None at the end of the list."""
        return self._pages[-1].next if self._pages else None

    def start(self, page: Page) -> None:
        """Start over with one page."""
        self.total, self.exact = page.total, page.exact
        self._pages = [page]

    def append(self, page: Page) -> int:
        """Append a page; return how many rows were dropped from the front."""
        if not page.rows:
            self._pages[-1] = replace(self._pages[-1], next=None)
            return 0
        self._pages.append(page)
        return len(self._pages.pop(0).rows) if len(self._pages) > PAGES else 0

    def prepend(self, page: Page) -> int:
        """Prepend a page; return its number of rows."""
        if not page.rows:
            self._pages[0] = replace(self._pages[0], previous=None)
            return 0
        self._pages.insert(0, page)
        del self._pages[PAGES:]
        return len(page.rows)
