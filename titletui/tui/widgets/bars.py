"""Small plots made of block characters: a histogram in one line, and bars beside words."""

from collections.abc import Sequence

_UP = " ▁▂▃▄▅▆▇█"
_ACROSS = " ▏▎▍▌▋▊▉█"


def histogram(counts: Sequence[float], width: int) -> str:
    """`counts` as at most `width` blocks; neighbours are added up where there are more of them.

    A count above 0 is never invisible.

    >>> histogram([0, 1, 4, 8], 10)
    ' ▁▄█'
    """
    if not counts or width < 1:
        return ""
    share = -(-len(counts) // width)
    sums = [sum(counts[at : at + share]) for at in range(0, len(counts), share)]
    highest = max(sums)
    if highest <= 0:
        return " " * len(sums)
    return "".join(_UP[max(1, round(8 * value / highest)) if value > 0 else 0] for value in sums)


def bar(share: float, width: int) -> str:
    """A bar over `share` (0…1) of `width` cells, an eighth of a cell at the least.

    >>> bar(0.5, 3)
    '█▌'
    """
    eighths = max(1, round(8 * width * min(1.0, share))) if share > 0 else 0
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_ACROSS[rest] if rest else "")
