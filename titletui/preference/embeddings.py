"""Embed a title as the mean of its token embeddings, read from disk without loading the model."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from titletui.errors import TitletuiError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TABLE = re.compile(
    r"(?:.*\.)?(?:wte|embed_tokens|embed_in|word_embeddings|tok_embeddings|shared)\.weight"
)
_TYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_MAX_HEADER = 100_000_000


class Embeddings:
    """The token embeddings of one model, memory-mapped.

    Attributes:
        folder: the model's folder, with `tokenizer.json` and safetensors.
        width: the embedding dimension.
    """

    def __init__(self, folder: Path) -> None:
        """Open the tokenizer and map the embedding matrix.

        Raises:
            TitletuiError: the folder lacks one of them.
        """
        from tokenizers import Tokenizer

        self.folder = folder
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._table, self._is_bf16 = _open_table(folder)
        except Exception as error:  # tokenizers raises bare exceptions
            raise TitletuiError(
                f"{folder} has no readable token embeddings ({error}); choose another model."
            ) from error
        self.width = int(self._table.shape[1])

    def mean(self, texts: list[str]) -> "NDArray[np.float64]":
        """Return `[len(texts), width]`; zeros for a text without tokens."""
        import numpy as np

        rows = np.zeros((len(texts), self.width))
        for row, text in zip(rows, texts, strict=True):
            tokens = [
                token
                for token in self._tokenizer.encode(text, add_special_tokens=False).ids
                if token < len(self._table)
            ]
            if tokens:
                row[:] = self._float(self._table[tokens]).mean(axis=0)
        return rows

    def _float(self, rows: Any) -> Any:
        import numpy as np

        if self._is_bf16:
            # bfloat16 is the upper half of a float32.
            return (rows.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
        return rows.astype(np.float64)


def _open_table(folder: Path) -> tuple[Any, bool]:
    """Return the embedding matrix as a memory map, and whether it is bfloat16."""
    import numpy as np

    for path in _files(folder):
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > _MAX_HEADER:
                raise ValueError(f"the header of {path.name} is too long")
            header = json.loads(file.read(length))
        for name, about in header.items():
            if _TABLE.fullmatch(name) and about["dtype"] in _TYPES and len(about["shape"]) == 2:
                offset = 8 + length + about["data_offsets"][0]
                dtype = _TYPES[about["dtype"]]
                shape = tuple(about["shape"])
                table = np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=shape)
                return table, about["dtype"] == "BF16"
    raise ValueError("no token embeddings")


def _files(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    if index.exists():
        names = json.loads(index.read_text())["weight_map"]
        chosen = {file for name, file in names.items() if _TABLE.fullmatch(name)}
        return [folder / Path(file).name for file in sorted(chosen)]
    return [folder / "model.safetensors"]
