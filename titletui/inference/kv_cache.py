"""Keys and values of the rows that are being written, for all layers of a model."""

import torch

_ROOM = 32


class RowCache:
    """What each row's tokens have left behind for the tokens after them.

    All rows put their newest token into the same slot; a row that began later starts in a later
    slot, and what is before that is not for it to see. A slot's rows lie side by side, so that a
    step reads and writes memory in one piece: row by row, most of a page would be room to come.

    Attributes:
        lengths: own tokens of each row, [rows].
    """

    def __init__(self, layers: int, heads: int, width: int) -> None:
        """
        Args:
            width: of a head.
        """
        # [layers, keys or values, slots, rows, heads, width]; what is unused must be finite.
        self._seen = torch.zeros(layers, 2, _ROOM, 0, heads, width)
        self.clear()

    def clear(self) -> None:
        """Lets go of all rows."""
        self.lengths = torch.empty(0, dtype=torch.long)
        self._slot = 0

    def join(self, own: torch.Tensor, rows: int) -> None:
        """Adds rows that begin alike.

        Args:
            own: their first keys and values, [layers, 2, heads, length, width].
        """
        old, length = len(self.lengths), own.shape[3]
        if length > self._slot:
            self._shift(length - self._slot)
        self._make_room(old + rows, self._slot + 1)
        slots = slice(self._slot - length, self._slot)
        self._seen[:, :, slots, old : old + rows] = own.transpose(2, 3)[:, :, :, None]
        self.lengths = torch.cat([self.lengths, torch.full((rows,), length)])

    def advance(self) -> "Window":
        """Opens the next slot, for each row's next token."""
        rows, longest = len(self.lengths), int(self.lengths.max())
        if self._slot == self._seen.shape[2] and longest < self._slot // 2:
            self._shift(longest - self._slot)
        self._make_room(rows, self._slot + 1)
        end = self._slot + 1
        start = self._slot - longest
        seen = self._seen[:, :, start:end, :rows]
        begins = self._slot - self.lengths
        unseen = None
        if start < int(begins.max()):
            outside = torch.arange(start, end)[:, None] < begins
            unseen = torch.zeros(outside.shape).masked_fill_(outside, float("-inf"))
        newest = self._seen[:, :, self._slot, :rows].transpose(1, 2)
        self._slot = end
        self.lengths = self.lengths + 1
        return Window(list(newest), list(seen[:, 0]), list(seen[:, 1]), unseen)

    def keep(self, rows: torch.Tensor) -> None:
        """Lets go of all rows but these; the fewer change their place, the quicker."""
        used = slice(self._slot - int(self.lengths.max()), self._slot)
        self.lengths = self.lengths[rows]
        for place, row in enumerate(rows.tolist()):
            if place != row:
                self._seen[:, :, used, place] = self._seen[:, :, used, row]

    def _shift(self, slots: int) -> None:
        """Moves what is there to later slots, or to earlier ones."""
        longest = int(self.lengths.max()) if len(self.lengths) else 0
        start = self._slot - longest
        self._make_room(0, self._slot + slots)
        moved = self._seen[:, :, start : self._slot].clone()
        self._slot += slots
        self._seen[:, :, start + slots : self._slot] = moved

    def _make_room(self, rows: int, slots: int) -> None:
        layers, kinds, room, have, heads, width = self._seen.shape
        if rows <= have and slots <= room:
            return
        more = room if slots <= room else max(slots, 2 * room)
        larger = torch.zeros(layers, kinds, more, max(rows, have), heads, width)
        larger[:, :, :room, :have] = self._seen
        self._seen = larger


class Window:
    """What the rows see while they read one token, layer by layer.

    Attributes:
        newest: where its keys and values belong, [rows, 2, heads, width].
        keys: [slots, rows, heads, width].
        values: [slots, rows, heads, width].
        unseen: -inf at what a row may not see, else 0, [slots, rows]; None: all is seen.
    """

    def __init__(
        self,
        newest: list[torch.Tensor],
        keys: list[torch.Tensor],
        values: list[torch.Tensor],
        unseen: torch.Tensor | None,
    ) -> None:
        self.newest = newest
        self.keys = keys
        self.values = values
        self.unseen = unseen
