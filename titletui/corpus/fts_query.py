"""FTS5 queries from what a person types."""

import re

from titletui.tex import tex_to_unicode

_PHRASE = re.compile(r'"([^"]*)"')
_WORD = re.compile(r"[^\W_]+")
_MOST_WORDS = 12
_PREFIX_FROM = 2


def match_expression(typed: str) -> str:
    """An FTS5 expression for `typed`; empty where it holds no word.

    All words must occur, in any order; words in quotes as a phrase. The last word may be a
    prefix, from two letters on. Nothing typed is FTS5 syntax, except quotes.
    """
    typed = tex_to_unicode(typed[:400])
    phrases = [" ".join(_WORD.findall(phrase)) for phrase in _PHRASE.findall(typed)]
    parts = [_quoted(phrase) for phrase in phrases if phrase]
    rest = _PHRASE.sub(" ", typed)
    words = _WORD.findall(rest)
    parts += [_quoted(word) for word in words]
    unfinished = bool(words) and (rest[-1].isalnum() and len(words[-1]) >= _PREFIX_FROM)
    parts = parts[-_MOST_WORDS:]
    return " ".join(parts) + ("*" if unfinished else "")


def _quoted(words: str) -> str:
    return f'"{words}"'
