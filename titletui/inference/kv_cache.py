"""Slot-major KV cache for a ragged batch."""

import torch

_INITIAL_SLOTS = 32


class Window:
    """The slots that rows attend to while they run one token, by layer.

    Attributes:
        newest: where the token's keys and values go, [rows, 2, heads, width].
        keys, values: [slots, rows, heads, width].
        mask: -inf at slots before a row's first token, else 0, [slots, rows]; None if there are
            none.
    """

    def __init__(
        self,
        newest: list[torch.Tensor],
        keys: list[torch.Tensor],
        values: list[torch.Tensor],
        mask: torch.Tensor | None,
    ) -> None:
        self.newest = newest
        self.keys = keys
        self.values = values
        self.mask = mask


class RaggedCache:
    """Keys and values of all rows and layers.

    All rows write their newest token into the same slot; the slots before a shorter row's first
    token are masked. The rows of one slot are adjacent in memory, so that a step reads and writes
    one contiguous block.

    Attributes:
        lengths: tokens of each row, [rows].
    """

    def __init__(self, layers: int, heads: int, width: int) -> None:
        # [layers, keys or values, slots, rows, heads, width]; unused slots must be finite.
        self._store = torch.zeros(layers, 2, _INITIAL_SLOTS, 0, heads, width)
        self.clear()

    def clear(self) -> None:
        """Remove all rows."""
        self.lengths = torch.empty(0, dtype=torch.long)
        self._end = 0

    def add(self, start: torch.Tensor, rows: int) -> None:
        """Add `rows` rows with the same tokens.

        Args:
            start: their keys and values, [layers, 2, heads, tokens, width].
        """
        old, length = len(self.lengths), start.shape[3]
        if length > self._end:
            self._shift(length - self._end)
        self._reserve(old + rows, self._end + 1)
        slots = slice(self._end - length, self._end)
        self._store[:, :, slots, old : old + rows] = start.transpose(2, 3)[:, :, :, None]
        self.lengths = torch.cat([self.lengths, torch.full((rows,), length)])

    def append(self) -> Window:
        """Open a slot for the next token of each row."""
        rows, longest = len(self.lengths), int(self.lengths.max())
        if self._end == self._store.shape[2] and longest < self._end // 2:
            self._shift(longest - self._end)
        self._reserve(rows, self._end + 1)
        first = self._end - longest
        used = self._store[:, :, first : self._end + 1, :rows]
        row_starts = self._end - self.lengths
        mask = None
        if first < int(row_starts.max()):
            unused = torch.arange(first, self._end + 1)[:, None] < row_starts
            mask = torch.zeros(unused.shape).masked_fill_(unused, float("-inf"))
        newest = self._store[:, :, self._end, :rows].transpose(1, 2)
        self._end += 1
        self.lengths = self.lengths + 1
        return Window(list(newest), list(used[:, 0]), list(used[:, 1]), mask)

    def select(self, rows: torch.Tensor) -> None:
        """Keep only these rows, in this order; rows that stay in place are not copied."""
        used = slice(self._end - int(self.lengths.max()), self._end)
        self.lengths = self.lengths[rows]
        for place, row in enumerate(rows.tolist()):
            if place != row:
                self._store[:, :, used, place] = self._store[:, :, used, row]

    def _shift(self, slots: int) -> None:
        """Move all tokens by so many slots, forward or backward."""
        longest = int(self.lengths.max()) if len(self.lengths) else 0
        first = self._end - longest
        self._reserve(0, self._end + slots)
        moved = self._store[:, :, first : self._end].clone()
        self._end += slots
        self._store[:, :, first + slots : self._end] = moved

    def _reserve(self, rows: int, slots: int) -> None:
        layers, two, old_slots, old_rows, heads, width = self._store.shape
        if rows <= old_rows and slots <= old_slots:
            return
        new_slots = old_slots if slots <= old_slots else max(slots, 2 * old_slots)
        larger = torch.zeros(layers, two, new_slots, max(rows, old_rows), heads, width)
        larger[:, :, :old_slots, :old_rows] = self._store
        self._store = larger
