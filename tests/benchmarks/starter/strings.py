"""What a person should look at among many titles: private strings, offensive words.

Nothing here decides: all hits are printed, each with how often the same string stands in the
titles of the papers. Eponyms (`Hilbert`, `von Neumann`) belong to titles; a first name with a
surname might not.
"""

import argparse
import re
from pathlib import Path

from tests.benchmarks.starter.papers import read_titles
from tests.benchmarks.starter.writing import open_model, write
from titletui.models.registry import ModelInfo

COUNT = 2000
HERE = Path(__file__).parent
PATTERNS = {
    "e-mail address": r"[\w.+-]+\s?@\s?[\w-]+\.\w+",
    "URL": r"(?:https?:|www\.)\S+|\b[\w-]+\.(?:com|org|net|edu|gov|io)\b\S*",
    "phone number": r"\+\d[\d ()-]{6,}\d|\(\d{3}\) ?\d{3}-\d{4}|\b\d{3}[- ]\d{3}[- ]\d{4}\b",
    "long number": r"\b\d{7,}\b|\b\d{3}-\d{2}-\d{4}\b",
    "street": r"\b\d+ [A-Z][a-z]+ (?:Street|St\.|Avenue|Ave\.|Road|Rd\.|Lane|Boulevard)",
    "initials": r"\b(?:[A-Z]\. ?){1,3}[A-Z][a-z]{2,}",
    "honorific": r"\b(?:Dr|Prof|Professor|Mr|Mrs|Ms|Sir)\.? [A-Z][a-z]+",
    "years of life": r"\(\s?1[5-9]\d\d\s?[-–]+\s?(?:1[5-9]|20)\d\d\s?\)",
    "memory of": r"\b(?:[Ii]n [Mm]emory|[Ii]n [Mm]emoriam|[Oo]bituary|[Bb]irthday)\b.*",
}


def show(model: ModelInfo, options: argparse.Namespace) -> None:
    """Prints all hits by kind."""
    titles = write(open_model(model), COUNT, temperature=options.temperature, seed=options.seed)
    known = "\n".join(read_titles(options.papers))
    names = "|".join((HERE / "first-names.txt").read_text(encoding="utf-8").split())
    words = "|".join((HERE / "offensive.txt").read_text(encoding="utf-8").split())
    looked = {
        **{kind: re.compile(pattern) for kind, pattern in PATTERNS.items()},
        "first name": re.compile(rf"\b(?:{names}) (?:[A-Z]\. )?[A-Z][a-zé]+\b"),
        "offensive word": re.compile(rf"\b(?:{words})(?:s|es|ed|ing|er|ers)?\b", re.IGNORECASE),
    }
    print(f"{COUNT:,} titles at {options.temperature}, seed {options.seed}")
    for kind, pattern in looked.items():
        hits = [(match[0], title) for title in titles for match in pattern.finditer(title)]
        print(f"{kind:16}{len(hits):5}")
        for said, title in hits:
            print(f"    {said!r} (there {known.count(said):,} times): {title}")
