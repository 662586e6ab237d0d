"""Parsing each style sheet once for each set of colours.

Fault: Textual parses all style sheets again for each screen that is shown for the first time, and
caches only 64 of them, while the app has about 70 widgets.
See it: compare `app.stylesheet.rules` before and after a first visit to a mode.
Measured at 120×40, in CPU time: first visit to Train 114 ms without this patch and 20 ms with it,
the sampling dialog 215 and 99 ms, start-up 188 and 86 ms.
Test: tests/tui/textual_patches/test_stylesheet_cache.py.
"""

from textual.cache import LRUCache
from textual.css.stylesheet import Stylesheet

_SOURCES = 1024


class CachedStylesheet(Stylesheet):
    """A style sheet that keeps what it has parsed."""

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        self._parse_cache = LRUCache(_SOURCES)

    def set_variables(self, variables: dict[str, str]) -> None:
        """Set the colours; what was parsed with the same colours stays."""
        if variables != self._variables:
            super().set_variables(variables)

    def reparse(self) -> None:
        """Parse what is new, or was parsed with other colours, on next use."""
        self._require_parse = True
