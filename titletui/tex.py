"""TeX accents as Unicode letters: `Schr\\"odinger` and `Schrödinger` are one word."""

import re
import unicodedata

_COMBINING = {
    "`": "\u0300",
    "'": "\u0301",
    "^": "\u0302",
    "~": "\u0303",
    "=": "\u0304",
    "u": "\u0306",
    ".": "\u0307",
    '"': "\u0308",
    "r": "\u030a",
    "H": "\u030b",
    "v": "\u030c",
    "d": "\u0323",
    "c": "\u0327",
    "k": "\u0328",
    "b": "\u0331",
}
_LETTERS = {
    "ss": "ß", "o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "ae": "æ", "AE": "Æ", "oe": "œ",
    "OE": "Œ", "aa": "å", "AA": "Å", "i": "ı", "j": "ȷ", "dh": "ð", "DH": "Ð", "th": "þ",
    "TH": "Þ", "dj": "đ", "DJ": "Đ", "ng": "ŋ", "NG": "Ŋ",
}  # fmt: skip
_ACCENT = re.compile(
    r"""\{?\\(?:
        ([`'^~=."])\s*(?:\{\s*(\\?[A-Za-z])\s*\}|(\\[ij]\s*|[A-Za-z]))     # \"o  \"{o}  \'{\i}
        |([uvHcdbkr])(?:\s*\{\s*(\\?[A-Za-z])\s*\}|\s+([A-Za-z]))    # \v{c}  \c c
    )\}?""",
    re.VERBOSE,
)
_LETTER = re.compile(
    r"\{\\(" + "|".join(sorted(_LETTERS, key=len, reverse=True)) + r")\s*\}"
    r"|\\(" + "|".join(sorted(_LETTERS, key=len, reverse=True)) + r")(?:\{\}|\s+|(?![A-Za-z]))"
)


def tex_to_unicode(text: str) -> str:
    """`text` with the accents and special letters of TeX as Unicode; all else stays.

    >>> tex_to_unicode('Schr\\\\"{o}dinger, Erd\\\\H{o}s, {\\\\AA}ngstr\\\\"om, $\\\\alpha$')
    'Schrödinger, Erdős, Ångström, $\\\\alpha$'
    """
    if "\\" not in text:
        return text
    return _LETTER.sub(_letter, _ACCENT.sub(_accented, text))


def _accented(match: re.Match[str]) -> str:
    accent = match[1] or match[4]
    letter = (match[2] or match[3] or match[5] or match[6]).strip("\\ ")
    composed = unicodedata.normalize("NFC", letter + _COMBINING[accent])
    opened, closed = match[0].startswith("{"), match[0].endswith("}")
    own = match[2] is not None or match[5] is not None
    # Of `\"{o}}` the last brace is not the accent's own.
    extra = "}" if closed and not opened and match[0].count("}") > own else ""
    missing = "{" if opened and match[0].count("{") > match[0].count("}") else ""
    return missing + composed + extra


def _letter(match: re.Match[str]) -> str:
    return _LETTERS[match[1] or match[2]]
