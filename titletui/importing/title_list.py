"""Lists of one title a line: the evidence that a text is one, and what is no part of a title."""

import itertools
import re
from collections import Counter
from collections.abc import Sequence

from titletui.errors import UsageError

_MARKER = re.compile(r"\s*(?:[-*+•–‣◦]|\(?\d{1,6}[.)\]:]|\[\d{1,6}\])\s+(?=\S)")
_LINK = re.compile(r"!?\[([^\]]+)\]\([^)\s]*\)")
_EMPHASIS = re.compile(r"^(\*\*|__|\*|_)(.+)\1$")
_KEY = re.compile(r"[\w.-]+\s*[:=](?:\s|$)")
_TIME = re.compile(r"\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
_CODE = re.compile(
    r".*[;{}]$|(?:import|from|def|class|#include|return|if|for|var|let|const)\b.*[:;)]$"
)
_SENTENCE_END = re.compile(r"[a-z)][.!?](?:\s+[A-Z]|$)")
_LETTER_WORD = re.compile(r"[^\W\d_]{2,}")
_LONG = 300
_ENOUGH = 8
_BULLETED = 0.6

_OTHER_FORMS = {
    r"version https://git-lfs\.github\.com/": "a Git LFS pointer, not the file that it stands for; "
    "run `git lfs pull`",
    r"<!doctype html|<html\b|<head\b|<body\b": "an HTML page; save the data that it links to",
    r"<\?xml|<[\w:]+(?:\s|>)": "XML of a form that is not read; name an Atom feed, BibTeX, RIS, "
    "CSV or JSON",
    r"%PDF|%!PS|\{\\rtf": "a document; save its titles as a text file",
    r"PAR1|ARROW1": "a binary table; convert it to CSV",
    r"-----BEGIN ": "a key or a certificate; name a file of papers",
    r"(?:Return-Path|Received|Delivered-To|MIME-Version): ": "an e-mail without arXiv papers; "
    "name a file of papers",
    r"\\documentclass|\\begin\{document\}|\\section": "a TeX document; name its .bib file",
    r"#!\s*/|<\?php": "a program; name a file of papers",
}


def refuse_other_forms(first: str, name: str) -> None:
    """Raise `UsageError` if a text that begins with the line `first` is of a form not read."""
    for pattern, kind in _OTHER_FORMS.items():
        if re.match(pattern, first, re.IGNORECASE):
            raise UsageError(f"{name} is {kind}.")


def refuse_no_titles(lines: Sequence[str], name: str) -> None:
    """Raise `UsageError` with the evidence if lines are no titles."""
    texts = [line.strip() for line in lines if line.strip()]
    if reason := _evidence_against(texts):
        raise UsageError(
            f"{name} does not look like a list of titles: {reason}. Name a file with one title a "
            "line, CSV, JSON lines, BibTeX or RIS."
        )


def _evidence_against(texts: Sequence[str]) -> str:
    """Why texts are no titles; empty where they may be."""
    count = len(texts)

    def share(pattern: re.Pattern[str]) -> float:
        return sum(pattern.match(text) is not None for text in texts) / count

    if sum(len(text) > _LONG for text in texts) > 0.2 * count:
        return f"many lines have more than {_LONG} characters"
    if share(_TIME) > 0.5:
        return "its lines begin with times, like those of a log"
    if sum(len(_LETTER_WORD.findall(text)) < 1 for text in texts) > 0.4 * count:
        return "many lines hold no words"
    wrapped = sum(
        text[0].islower() and before[-1] not in ".!?:" and len(before) > 40
        for before, text in itertools.pairwise(texts)
    )
    capitalized = sum(text[0].isupper() for text in texts)
    sentences = sum(len(_SENTENCE_END.findall(text)) > 1 and len(text) > 150 for text in texts)
    if (wrapped > 0.35 * count and capitalized > 0.05 * count) or sentences > 0.5 * count:
        return "it reads like running text"
    if count < _ENOUGH:
        return ""
    repeated = count - len(Counter(texts))
    if repeated > 0.3 * count:
        return "many lines are equal"
    keys = Counter(match[0] for text in texts if (match := _KEY.match(text)))
    if keys.total() > 0.5 * count and len(keys) < 0.5 * keys.total():
        return f"its lines are keys and values ({next(iter(keys)).strip()} …)"
    if share(_CODE) > 0.4:
        return "it reads like a program"
    for delimiter, named in (("\t", "a tab"), (";", "a semicolon"), ("|", "a bar")):
        counts = Counter(text.count(delimiter) for text in texts)
        often, lines = counts.most_common(1)[0]
        if often and lines > 0.9 * count:
            return f"every line has {named} {often} times, so it is a table without titles"
    if sum(len(text.split()) < 2 for text in texts) > 0.6 * count:
        return "most lines are single words"
    return ""


class TitleLines:
    """Titles from lines; the bullets or numbers of a list are dropped.

    Args:
        sample: lines that tell whether it is a bulleted list.
    """

    def __init__(self, sample: Sequence[str]) -> None:
        texts = [line for line in sample if line.strip() and not line.lstrip().startswith("#")]
        marked = sum(_MARKER.match(line) is not None for line in texts)
        self.bulleted = len(texts) > 1 and marked > _BULLETED * len(texts)

    def title(self, line: str) -> str:
        """The title of a line; empty where it holds none."""
        title = line.strip().strip("\x00\ufeff")
        if self.bulleted:
            if title.startswith("#") or (title and not title.strip("-=*_ ")):
                return ""
            title = _MARKER.sub("", title, count=1)
            title = _LINK.sub(r"\1", title)
            emphasis = _EMPHASIS.match(title)
            title = emphasis[2] if emphasis else title
        if len(title) > 1 and title[0] == title[-1] == '"' and title.count('"') % 2 == 0:
            inner = title[1:-1].replace('""', '"')
            title = inner if '"' not in title[1:-1].replace('""', "") else title
        return title
