"""A window on a long list of papers: a few pages of it, and the way to those around them."""

from msgspec.structs import replace

from titletui.corpus.pagination import Cursor, ListedPaper, Page

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

    @property
    def rows(self) -> list[ListedPaper]:
        return [row for page in self._pages for row in page.rows]

    @property
    def before(self) -> Cursor | None:
        """What to ask for the page before the window; None where it begins with the list."""
        return self._pages[0].previous if self._pages else None

    @property
    def after(self) -> Cursor | None:
        """What to ask for the page after it; None where it ends with the list."""
        return self._pages[-1].next if self._pages else None

    def begin(self, page: Page) -> None:
        """Starts with one page of a list, usually the first."""
        self.total, self.exact = page.total, page.exact
        self._pages = [page]

    def go_down(self, page: Page) -> int:
        """Adds the page after the window; returns by how many rows the others moved up."""
        if not page.rows:
            self._pages[-1] = replace(self._pages[-1], next=None)
            return 0
        self._pages.append(page)
        return len(self._pages.pop(0).rows) if len(self._pages) > PAGES else 0

    def go_up(self, page: Page) -> int:
        """Adds the page before the window; returns by how many rows the others moved down."""
        if not page.rows:
            self._pages[0] = replace(self._pages[0], previous=None)
            return 0
        self._pages.insert(0, page)
        del self._pages[PAGES:]
        return len(page.rows)
