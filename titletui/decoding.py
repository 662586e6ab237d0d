"""One decoder for all text from outside: imports, abstracts and pipes.

Text is UTF-8 wherever it can be. Else it is UTF-16 or UTF-32 by its byte-order mark or its zero
bytes, a Western 8-bit encoding by what its bytes spell, or what charset-normalizer finds.
"""

import codecs
import re
import unicodedata

from titletui.errors import UsageError

SAMPLE_BYTES = 1 << 16
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SINGLE_BYTE = ("cp1252", "mac_roman", "cp1250", "cp850")
_NAMES = {
    "cp1252": "Windows-1252",
    "mac_roman": "Mac Roman",
    "cp1250": "Windows-1250",
    "cp850": "DOS (code page 850)",
    "cp932": "Shift-JIS",
    "shift_jis": "Shift-JIS",
    "cp949": "EUC-KR",
    "cp1251": "Windows-1251",
}
_BINARY = {
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"\x7fELF": "a program",
    b"SQLite format 3": "an SQLite database",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"{\\rtf": "an RTF document",
    b"%!PS": "a PostScript document",
}
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_HIGH_RUN = re.compile(rb"[\x80-\xff][\x40-\xff]?[\x80-\xff][\x40-\xff]?[\x80-\xff]")
_MOST_CONTROLS = 0.02
_FEW = 8
_ZEROS = 0.3
_RUNS = 0.4
_HIGH_SHARE = 0.2


def binary_kind(data: bytes) -> str:
    """What kind of file begins with `data`, as `a PDF`; empty where it may be text."""
    for magic, kind in _BINARY.items():
        if data.startswith(magic):
            return kind
    sample = data[:SAMPLE_BYTES]
    if wide_encoding(sample):
        return ""
    controls = len(_CONTROLS.findall(sample))
    return "no text" if controls > max(_FEW, _MOST_CONTROLS * len(sample)) else ""


def wide_encoding(sample: bytes) -> str:
    """UTF-16 or UTF-32 by a byte-order mark or by zero bytes; `utf-8-sig` for UTF-8's mark.

    Empty for an encoding in which a line end is a single byte.
    """
    for mark, encoding in _BOMS:
        if sample.startswith(mark):
            return encoding
    pairs = len(sample) // 2
    if pairs >= 4:
        even, odd = sample[0::2].count(0) / pairs, sample[1::2].count(0) / pairs
        if odd > _ZEROS > 10 * even:
            return "utf-16-le"
        if even > _ZEROS > 10 * odd:
            return "utf-16-be"
    return ""


def narrow_encoding(sample: bytes) -> str:
    """The encoding of text that is not UTF-8, from as much of it as there is.

    In Western text bytes from 128 on are single among ASCII letters; the encoding is the one in
    which they spell words. Text in which they come in runs is left to charset-normalizer.
    """
    if b"\x1b$" in sample:
        return "iso2022_jp"
    high = sum(byte > 0x7F for byte in sample)
    in_runs = sum(len(run) for run in _HIGH_RUN.findall(sample))
    letters = high + sum(chr(byte).isalpha() for byte in sample if byte < 0x80)
    if in_runs > _RUNS * high and high > _HIGH_SHARE * letters:
        from charset_normalizer import from_bytes

        best = from_bytes(sample[:SAMPLE_BYTES]).best()
        if best is not None and best.encoding not in ("ascii", "utf_8"):
            return best.encoding
    return max(_SINGLE_BYTE, key=lambda encoding: _plausibility(sample, encoding))


def encoding_name(encoding: str) -> str:
    """The name of an encoding as people write it."""
    return _NAMES.get(encoding, encoding.replace("_", "-").upper())


def decode_text(data: bytes, name: str) -> str:
    """Decode a whole text.

    Args:
        name: what it is, for the message.

    Raises:
        UsageError: it is no text.
    """
    if kind := binary_kind(data):
        raise UsageError(f"{name} is {kind}; save its text as a text file, or paste the text.")
    encoding = wide_encoding(data[:SAMPLE_BYTES])
    if encoding:
        return data.decode(encoding, errors="replace").lstrip("\ufeff")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode(narrow_encoding(data), errors="replace")


def _plausibility(sample: bytes, encoding: str) -> int:
    """How much like words and punctuation the characters beyond ASCII look in `encoding`."""
    text = sample.decode(encoding, errors="replace")
    score = 0
    for match in re.finditer(r"[^\x00-\x7f]", text):
        at, char = match.start(), match[0]
        before, after = text[at - 1 : at], text[at + 1 : at + 2]
        category = unicodedata.category(char)
        if char == "\ufffd" or category in ("Cc", "Co", "Cn"):
            score -= 3
        elif category == "Ll":
            score += before.isalpha() or after.islower()
        elif category == "Lu":
            score += -2 if before.islower() else after.isalpha()
        elif category in ("Pi", "Pf", "Pd", "Po"):
            quote_in_word = before.isalpha() and after.isalpha() and char not in "’–—"
            score += -1 if quote_in_word else 2
        elif before.isalpha() and after.isalpha():
            score -= 2
        elif char in "€£§©®°±²³µ·×\xa0™":
            score += 1
        else:
            score -= 1
    return score
