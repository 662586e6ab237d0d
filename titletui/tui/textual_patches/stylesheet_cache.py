"""A style sheet that parses each of its sources once for each set of colours."""

from textual.cache import LRUCache
from textual.css.stylesheet import Stylesheet

_SOURCES = 1024


class CachedStylesheet(Stylesheet):
    """In place of Textual's, which parses everything anew for each screen that is first gone to.

    The default styles of some seventy widgets are a tenth of a second then, and they overflow its
    cache of sixty-four.
    """

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        self._parse_cache = LRUCache(_SOURCES)

    def set_variables(self, variables: dict[str, str]) -> None:
        """Takes other colours; what was parsed with the same ones stays."""
        if variables != self._variables:
            super().set_variables(variables)

    def reparse(self) -> None:
        """Has what is new, or was parsed with other colours, parsed when it is next needed."""
        self._require_parse = True
