"""A vocabulary as bytes: what each token adds to a text. Does not load transformers."""

import json
from bisect import bisect_left
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from titletui.errors import TitletuiError


class Vocabulary:
    """The vocabulary of one model.

    Attributes:
        start: the first token of every sequence.
        end: the token that ends a title.
        pieces: token → the bytes that it adds to a text; empty for special tokens.
    """

    def __init__(self, tokenizer: Tokenizer, start: int, end: int) -> None:
        self._tokenizer = tokenizer
        self.start = start
        self.end = end
        self.pieces = _pieces(tokenizer)

    def encode(self, text: str, *, special: bool = False) -> list[int]:
        """Tokenize `text`; `<|endoftext|>` in it is plain text unless `special`."""
        if not text:
            return []
        self._tokenizer.encode_special_tokens = not special
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def bytes_of(self, tokens: list[int]) -> bytes:
        return b"".join(self.pieces[token] for token in tokens)

    def round_trips(self, text: str) -> bool:
        """Whether `text` is decoded as it was encoded."""
        return self.bytes_of(self.encode(text)).decode(errors="replace").strip() == text

    def starting_with(self, start: bytes) -> list[int]:
        """All tokens whose bytes start with `start`, special tokens excepted."""
        words, tokens = self._sorted
        first = bisect_left(words, start)
        last = first
        while last < len(words) and words[last].startswith(start):
            last += 1
        return tokens[first:last]

    def extending(self, start: bytes) -> list[int]:
        """All tokens whose bytes start with `start` and are longer."""
        if not start:
            return self._sorted[1]
        return [
            token for token in self.starting_with(start) if len(self.pieces[token]) > len(start)
        ]

    @cached_property
    def special_ids(self) -> list[int]:
        """Tokens without bytes: special tokens, the end token included, and unused ids."""
        return [token for token, piece in enumerate(self.pieces) if not piece]

    @cached_property
    def barred_ids(self) -> list[int]:
        """Tokens that are never sampled: the special ones but the end token."""
        return [token for token in self.special_ids if token != self.end]

    @cached_property
    def line_ends(self) -> list[int]:
        """Tokens that contain a newline."""
        return [token for token, piece in enumerate(self.pieces) if b"\n" in piece]

    @cached_property
    def _sorted(self) -> tuple[list[bytes], list[int]]:
        pairs = sorted((piece, token) for token, piece in enumerate(self.pieces) if piece)
        return [piece for piece, _ in pairs], [token for _, token in pairs]


def vocabulary_of(tokenizer: Any) -> Vocabulary:
    """The vocabulary of a transformers tokenizer."""
    end = int(tokenizer.eos_token_id)
    start = end if tokenizer.bos_token_id is None else int(tokenizer.bos_token_id)
    return Vocabulary(Tokenizer.from_str(tokenizer.backend_tokenizer.to_str()), start, end)


def read_vocabulary(folder: Path) -> Vocabulary | None:
    """Read the vocabulary of a model folder; None if that takes transformers.

    Raises:
        TitletuiError: `tokenizer.json` is damaged.
    """
    path = folder / "tokenizer.json"
    if (folder / "chat_template.jinja").exists():
        return None
    try:
        facts = json.loads((folder / "tokenizer_config.json").read_bytes())
        names = [_content(facts.get(name)) for name in ("bos_token", "eos_token")]
        if not path.exists() or names[1] is None or facts.get("chat_template"):
            return None
        tokenizer = Tokenizer.from_file(str(path))
    except (OSError, ValueError, AttributeError):
        return None
    except Exception as error:  # the tokenizers library raises bare Exceptions
        raise TitletuiError(f"The tokenizer in {folder} cannot be read ({error}).") from error
    end = tokenizer.token_to_id(names[1])
    start = end if names[0] is None else tokenizer.token_to_id(names[0])
    if end is None or start is None:
        return None
    return Vocabulary(tokenizer, start, end)


def _content(token: Any) -> str | None:
    """A special token's text: written as a string or as an object in tokenizer_config.json."""
    if isinstance(token, dict):
        token = token.get("content")
    return token if isinstance(token, str) else None


def _pieces(tokenizer: Tokenizer) -> list[bytes]:
    facts = json.loads(tokenizer.to_str())
    special = {entry["id"] for entry in facts["added_tokens"] if entry["special"]}
    added = {entry["id"] for entry in facts["added_tokens"]}
    byte_level = "ByteLevel" in json.dumps([facts["decoder"], facts["pre_tokenizer"]])
    letters = _byte_letters() if byte_level else {}
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    pieces = [b""] * (max(vocabulary.values(), default=-1) + 1)
    for text, token in vocabulary.items():
        if token in special:
            continue
        if token in added:
            pieces[token] = text.encode()
        elif byte_level:
            pieces[token] = bytes(letters[letter] for letter in text if letter in letters)
        elif len(text) == 6 and text.startswith("<0x") and text.endswith(">"):
            pieces[token] = bytes([int(text[3:5], 16)])
        else:
            pieces[token] = text.replace("\u2581", " ").encode()
    return pieces


def _byte_letters() -> dict[str, int]:
    """Byte-level BPE's printable letter → the byte that it stands for (Radford et al. 2019)."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(plain)]
    letters = {chr(byte): byte for byte in plain}
    return letters | {chr(256 + index): byte for index, byte in enumerate(others)}
