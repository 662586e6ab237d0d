"""What a value may be, in words: one wording for settings and recipes."""

from typing import Any

import msgspec

_COUNTABLE = 10**12


def in_words(kind: Any) -> str:
    """`a whole number from 1 to 1000`, `full or lora`, `text`, of a type as msgspec describes it.

    Args:
        kind: what `msgspec.inspect.type_info` says of an annotation.
    """
    info = msgspec.inspect
    match kind:
        case info.Metadata():
            return in_words(kind.type)
        case info.UnionType():
            return " or ".join(in_words(part) for part in kind.types)
        case info.NoneType():
            return "none"
        case info.LiteralType():
            return " or ".join(sorted(str(value) for value in kind.values))
        case info.BoolType():
            return "yes or no"
        case info.IntType() | info.FloatType():
            word = "a whole number" if isinstance(kind, info.IntType) else "a number"
            low = f"from {kind.ge:,.12g}" if kind.ge is not None else f"above {kind.gt:,.12g}"
            high = f"to {kind.le:,.12g}" if kind.le is not None else f"below {kind.lt:,.12g}"
            if kind.le is not None and kind.le > _COUNTABLE:
                return f"{word} {low} up"
            return f"{word} {low} {high}"
        case info.DictType():
            return "a table of text"
    return "text"
