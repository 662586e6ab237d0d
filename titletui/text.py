"""Clean text from outside for the database and for the terminal; fold titles; format numbers."""

import re
import unicodedata

from titletui.tex import tex_to_unicode

SHOWN_LENGTH = 2_000
_LONG = 200
_RARE = "\x00\t\x0b\x0c\r\x1c\x1d\x1e\x1f"

_SURROGATES = re.compile("[\ud800-\udfff]")
_WORD = re.compile(r"[^\W_]+")
_SPACE = re.compile(r"[\t\n\r\u2028\u2029]")
_HARMFUL = re.compile(
    "[\x00-\x1f\x7f-\x9f"
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
    "\ufdd0-\ufdef\ufff9-\ufffb\ufffe\uffff\ud800-\udfff"
    + "".join(chr(plane + tail) for plane in range(0x1FFFE, 0x10FFFF, 0x10000) for tail in (0, 1))
    + "\U000e0000-\U000e007f]"
)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200d\u2060-\u2064\ufeff]")
_MARKS = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{4})"
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)


def clean(text: str) -> str:
    """Collapse white space; drop NUL and replace lone surrogates, which SQLite cannot store."""
    if len(text) > _LONG and text.isascii():
        line = text.replace("\n", " ").strip(" ")
        if "  " not in line and not any(map(line.__contains__, _RARE)):
            return line
    folded = " ".join(text.split())
    if "\x00" in folded:
        folded = " ".join(folded.replace("\x00", "").split())
    return folded if folded.isascii() else _SURROGATES.sub("\ufffd", folded)


def display(text: str) -> str:
    """Make untrusted text safe to show on one line of a terminal.

    Control, bidirectional and non-characters become U+FFFD, line ends and tabs become spaces,
    zero-width characters are dropped, runs of combining marks are cut at 4, and the text at
    `SHOWN_LENGTH` characters. Markup is left as it is: pass the result to a widget as `Content` or
    `rich.text.Text`, or with `markup=False`.
    """
    if len(text) > SHOWN_LENGTH:
        text = text[: SHOWN_LENGTH - 1] + "…"
    return printable(text)


def printable(text: str) -> str:
    """Make text safe as `display` does, at its full length; for exported files."""
    if text.isascii() and text.isprintable():
        return text
    text = _HARMFUL.sub("\ufffd", _SPACE.sub(" ", text))
    return _MARKS.sub(r"\1", _INVISIBLE.sub("", text))


NEAR_COPY = 0.85
"""From this similarity on (rapidfuzz's `Indel.normalized_similarity`) a title is a near-copy."""


def fold(text: str) -> str:
    """Return the key under which two spellings of one title are equal: its words, case-folded.

    A text without any letter or digit is returned stripped.

    >>> fold("Deep-Learning:  A Survey!")
    'deep learning a survey'
    """
    text = tex_to_unicode(text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(_WORD.findall(text.casefold())) or text.strip()


def format_bytes(count: float) -> str:
    """Format a number of bytes: `812 B`, `14 MB`, `3.2 GB`."""
    for unit in ("B", "KB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def format_duration(seconds: float) -> str:
    """Format a duration: `40 s`, `6 min`, `3 h 20 min`."""
    if seconds < 90:
        return f"{max(0, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    if minutes >= 600:
        return f"{round(seconds / 3600)} h"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
