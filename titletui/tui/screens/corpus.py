"""Corpora: scrape, import, browse."""

from typing import ClassVar

from titletui.tui.screens.mode import ModeScreen


class CorpusScreen(ModeScreen):
    """The corpora and what is in them."""

    AREA: ClassVar[str] = "Corpus"
