"""The four modes; each screen is imported when it is first gone to."""

from textual.screen import Screen


def corpus() -> Screen[None]:
    """Corpora: scrape, import, browse."""
    from titletui.tui.corpus.screen import CorpusScreen

    return CorpusScreen()


def train() -> Screen[None]:
    """Runs: start, watch, stop."""
    from titletui.tui.train.screen import TrainScreen

    return TrainScreen()


def generate() -> Screen[None]:
    """Candidates from a model."""
    from titletui.tui.generate.screen import GenerateScreen

    return GenerateScreen()


def shortlist() -> Screen[None]:
    """The starred titles."""
    from titletui.tui.shortlist.screen import ShortlistScreen

    return ShortlistScreen()


MODES = {"corpus": corpus, "train": train, "generate": generate, "shortlist": shortlist}
