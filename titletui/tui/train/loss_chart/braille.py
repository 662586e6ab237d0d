"""A canvas of braille dots, two columns and four rows of them in each cell.

Each column of dots is one integer, bit 0 at the bottom, so that a vertical stroke of any length is
one operation.
"""

import functools
import operator

_LEFT = (0x40, 0x04, 0x02, 0x01)
_RIGHT = (0x80, 0x20, 0x10, 0x08)
_ROWS = 4


def _braille(left: int, right: int) -> str:
    code = 0x2800
    for bit in range(_ROWS):
        code += _LEFT[bit] * (left >> bit & 1) + _RIGHT[bit] * (right >> bit & 1)
    return chr(code)


CELLS = tuple(_braille(pair >> 4, pair & 15) for pair in range(256))


class BrailleCanvas:
    """`width` × `height` cells, empty at first."""

    def __init__(self, width: int, height: int) -> None:
        self.height = height
        self.columns = [0] * (2 * width)

    def stroke(self, column: int, low: int, high: int) -> None:
        """Draw a vertical stroke from dot `low` up to dot `high`, both included."""
        self.columns[column] |= ((1 << (high - low + 1)) - 1) << low

    def line(self, column: int, dot: int, to_column: int, to_dot: int) -> None:
        """Draw a straight line without holes, `column < to_column`."""
        across, up = to_column - column, to_dot - dot
        at = dot
        for step in range(1, across + 1):
            middle = dot + up * (2 * step - 1) // (2 * across)
            self.stroke(column + step - 1, min(at, middle), max(at, middle))
            at = middle
        self.stroke(to_column, min(at, to_dot), max(at, to_dot))

    def rows(self) -> list[list[int] | None]:
        """The cells of each row from the top, as indices into `CELLS`; None for an empty row."""
        left, right = self.columns[::2], self.columns[1::2]
        used = functools.reduce(operator.or_, self.columns, 0)
        return [
            [(a >> shift & 15) << 4 | (b >> shift & 15) for a, b in zip(left, right, strict=True)]
            if used >> shift & 15
            else None
            for shift in range(_ROWS * (self.height - 1), -1, -_ROWS)
        ]
