"""What a person types into the search line, as a query that FTS5 takes."""

import re

_PHRASE = re.compile(r'"([^"]*)"')
_WORD = re.compile(r"[^\W_]+")
_WORDS_AT_MOST = 12
_PREFIX_FROM = 2


def match_expression(typed: str) -> str:
    """An FTS5 expression for `typed`; empty where it holds no word.

    All words must be there, in any order; what stands in quotes, together. The last word may be
    unfinished, once it has two letters. Nothing that is typed is syntax, except the quotes.
    """
    typed = typed[:400]
    phrases = [" ".join(_WORD.findall(phrase)) for phrase in _PHRASE.findall(typed)]
    parts = [_quoted(phrase) for phrase in phrases if phrase]
    rest = _PHRASE.sub(" ", typed)
    words = _WORD.findall(rest)
    parts += [_quoted(word) for word in words]
    unfinished = bool(words) and (rest[-1].isalnum() and len(words[-1]) >= _PREFIX_FROM)
    parts = parts[-_WORDS_AT_MOST:]
    return " ".join(parts) + ("*" if unfinished else "")


def _quoted(words: str) -> str:
    return f'"{words}"'
