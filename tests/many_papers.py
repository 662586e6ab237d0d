"""Papers by the number, where a test asks only that there are many."""

from titletui.corpus.paper import Paper


def some(count: int, year: int = 24) -> list[Paper]:
    """Papers of the months of a year, each with an id and a title of its own."""
    return [
        Paper(id=f"{year}{1 + n % 12:02}.{n:05}", title=f"Paper {n} on neural things")
        for n in range(count)
    ]
