"""The starred titles as papers, for a run to learn from."""

from collections.abc import Iterable

from titletui.corpus.paper import Paper
from titletui.shortlist.records import Favourite

SHORTLIST = "★ shortlist"
"""What a run that learns from them names in the place of a corpus."""


def as_papers(favourites: Iterable[Favourite]) -> tuple[Paper, ...]:
    """Each as it reads now, with the abstract that it was written for, if there was one."""
    return tuple(
        Paper(id=f"x-star-{one.id}", title=one.text, abstract=one.settings.abstract)
        for one in favourites
    )
