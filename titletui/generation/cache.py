"""Keys and values of the rows that are being written, for all layers of a model."""

import torch

_ROOM = 32


class RowCache:
    """What each row's tokens have left behind for the tokens after them.

    All rows put their newest token into the same slot, so that it is one copy a layer; a row that
    began later starts in a later slot, and what is before that is not for it to see.

    Attributes:
        lengths: own tokens of each row, [rows].
    """

    def __init__(self, layers: int, heads: int, width: int) -> None:
        """
        Args:
            width: of a head.
        """
        # [layers, keys or values, rows, heads, slots, width]; what is unused must be finite.
        self._seen = torch.zeros(layers, 2, 0, heads, _ROOM, width)
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
        start = self._slot - length
        self._seen[:, :, old : old + rows, :, start : self._slot] = own[:, :, None]
        self.lengths = torch.cat([self.lengths, torch.full((rows,), length)])

    def advance(self) -> "Window":
        """Opens the next slot, for each row's next token."""
        rows, longest = len(self.lengths), int(self.lengths.max())
        if self._slot == self._seen.shape[4] and longest < self._slot // 2:
            self._shift(longest - self._slot)
        self._make_room(rows, self._slot + 1)
        end = self._slot + 1
        start = self._slot - longest
        heads = self._seen.shape[3]
        seen = self._seen[:, :, :rows, :, start:end].flatten(2, 3)
        begins = self._slot - self.lengths
        unseen = None
        if start < int(begins.max()):
            outside = torch.arange(start, end) < begins[:, None]
            unseen = torch.zeros(outside.shape).masked_fill_(outside, float("-inf"))
            unseen = unseen[:, None].expand(-1, heads, -1).reshape(rows * heads, 1, -1)
        newest = self._seen[:, :, :rows, :, self._slot].transpose(1, 2)
        self._slot = end
        self.lengths = self.lengths + 1
        return Window(list(newest), list(seen[:, 0].transpose(-1, -2)), list(seen[:, 1]), unseen)

    def keep(self, rows: torch.Tensor) -> None:
        """Lets go of all rows but these; the fewer change their place, the quicker."""
        used = slice(self._slot - int(self.lengths.max()), self._slot)
        self.lengths = self.lengths[rows]
        for place, row in enumerate(rows.tolist()):
            if place != row:
                self._seen[:, :, place, :, used] = self._seen[:, :, row, :, used]

    def _shift(self, slots: int) -> None:
        """Moves what is there to later slots, or to earlier ones."""
        longest = int(self.lengths.max()) if len(self.lengths) else 0
        start = self._slot - longest
        self._make_room(0, self._slot + slots)
        moved = self._seen[:, :, :, :, start : self._slot].clone()
        self._slot += slots
        self._seen[:, :, :, :, start + slots : self._slot] = moved

    def _make_room(self, rows: int, slots: int) -> None:
        layers, kinds, have, heads, room, width = self._seen.shape
        if rows <= have and slots <= room:
            return
        size = (max(rows, have), heads, room if slots <= room else max(slots, 2 * room), width)
        larger = torch.zeros(layers, kinds, *size)
        larger[:, :, :have, :, :room] = self._seen
        self._seen = larger


class Window:
    """What the rows see while they read one token, layer by layer.

    Attributes:
        newest: where its keys and values belong, [rows, 2, heads, width].
        keys: [rows · heads, width, slots].
        values: [rows · heads, slots, width].
        unseen: -inf at what a row may not see, else 0, [rows · heads, 1, slots]; None: all is seen.
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
