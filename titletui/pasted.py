"""Text as it is pasted, mostly from a PDF, made into what a model was trained on."""

import re
import unicodedata

from titletui.tex import tex_to_unicode

_COMPATIBLE = re.compile(
    "[\u00a0\u01c4-\u01cc\u2000-\u200a\u2011\u202f\u205f\u3000\ufb00-\ufb06\uff01-\uff5e"
    "\U0001d400-\U0001d7ff]+"
)
_INVISIBLE = re.compile("[\u200b-\u200d\u2060\ufeff]")
_HYPHENATED = re.compile(r"(\w+)[-\u2010\u00ad]\s*\n\s*(\w+)")
_HEADING = re.compile(
    r"\s*(?:abstract|summary)(?:\s*[\u2014\u2013\u2012:.\u2015-]+\s*|\s*\n\s*)", re.IGNORECASE
)
_SHOUTED = re.compile(r"\s*ABSTRACT\s+(?=[A-Z])")
_COMPOUND = frozenset(
    (
        "all", "audio", "character", "cross", "data", "deep", "domain", "few", "fine", "full",
        "graph", "half", "high", "human", "image", "language", "large", "light", "long", "low",
        "machine", "model", "one", "open", "real", "self", "semi", "sentence", "short", "signal",
        "single", "small", "so", "speaker", "speech", "state", "task", "text", "three", "time",
        "two", "user", "video", "vision", "well", "wide", "word", "zero",
    )
)  # fmt: skip
_SUFFIXES = frozenset(
    (
        "able", "age", "ally", "ance", "ence", "est", "ful", "ing", "ings", "ion", "ions", "ism",
        "ist", "ity", "ive", "ization", "ize", "ized", "less", "ly", "ment", "ments", "ness",
        "ous", "tion", "tions", "ual",
    )
)  # fmt: skip


def normalize_pasted(text: str) -> str:
    """One line of plain text from an abstract as it was pasted.

    Ligatures, full-width and mathematical letters become plain ones (NFKC where it changes no
    meaning), words that were hyphenated at line ends are joined, TeX accents become letters, and
    a heading `Abstract—` goes.

    >>> normalize_pasted("Abstract—We present a trans-\\nformer for e\\ufb03cient fine-\\ntuning")
    'We present a transformer for efficient fine-tuning'
    """
    text = _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = _COMPATIBLE.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    text = _HYPHENATED.sub(_joined, text).replace("\u00ad", "").replace("\u2010", "-")
    text = _HEADING.sub("", text, count=1) if _HEADING.match(text) else text
    text = _SHOUTED.sub("", text, count=1)
    return " ".join(unicodedata.normalize("NFC", tex_to_unicode(text)).split())


def _joined(match: re.Match[str]) -> str:
    """A word that was cut at a line end; a compound keeps its hyphen."""
    before, after = match[1], match[2]
    start = match.string[max(0, match.start() - 1) : match.start()]
    compound = before.lower() in _COMPOUND and after.lower() not in _SUFFIXES
    keep = compound or start == "-" or not before.isalpha() or after[0].isupper()
    return f"{before}-{after}" if keep and match[0].find("\u00ad") < 0 else before + after
