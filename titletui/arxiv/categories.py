"""arXiv's categories: their names, their OAI-PMH sets, and searching them.

The app needs these without importing arxivscraper; a test compares the two.
"""

import functools
import re

import msgspec

from titletui.arxiv.taxonomy import ARCHIVES, GROUPS, NAMES, SEARCH_WORDS
from titletui.errors import UsageError

_GROUP = "grp_"
_SPELLINGS = {"CoRR": "cs", "corr": "cs"}


class Category(msgspec.Struct, frozen=True):
    """A category of arXiv, an archive, or a whole group of archives.

    Attributes:
        code: as arXiv writes it: `eess.AS`, `hep-th`, `grp_physics`.
        name: for a person.
        group: `Computer Science`, `Physics`, ….
        set_spec: the OAI-PMH set.
    """

    code: str
    name: str
    group: str
    set_spec: str


@functools.cache
def categories() -> list[Category]:
    """All that can be harvested: in each group the group itself, its archives, their categories."""
    found: list[Category] = []
    for group, (name, archives) in GROUPS.items():
        found.append(Category(_GROUP + group, f"All of {name}", name, group))
        for archive in archives:
            spec = f"{group}:{archive}"
            found.append(Category(archive, ARCHIVES[archive], name, spec))
            found += [
                Category(code, title, name, f"{spec}:{code.partition('.')[2]}")
                for code, title in NAMES.items()
                if code.partition(".")[0] == archive
            ]
    return found


def search_categories(text: str) -> list[Category]:
    """The categories with all words of `text` in code, name or group; the best matches first."""
    words = text.lower().split()
    ranked: list[tuple[int, int, Category]] = []
    for place, category in enumerate(categories()):
        code, name = category.code.lower(), category.name.lower()
        searched = f"{code} {name} {category.group.lower()} {SEARCH_WORDS.get(category.code, '')}"
        if all(word in searched for word in words):
            joined = " ".join(words)
            rank = (code != joined, not code.startswith(joined), joined not in name)
            ranked.append((rank.index(False) if False in rank else 3, place, category))
    return [category for _, _, category in sorted(ranked, key=lambda entry: entry[:2])]


def find_category(code: str) -> Category:
    """The category of a code; `cs:CL`, `physics:hep-th` and `CoRR` are accepted too.

    Raises:
        UsageError: there is none; the message suggests similar ones.
    """
    wanted = _SPELLINGS.get(code.strip(), code.strip())
    wanted = wanted.removeprefix("physics:") if wanted.startswith("physics:") else wanted
    wanted = wanted.replace(":", ".").lower()
    for category in categories():
        if category.code.lower() == wanted:
            return category
    near = [category.code for category in search_categories(re.sub(r"[.:_]", " ", code))]
    near += [c.code for c in categories() if c.code.lower().startswith(wanted[:3])]
    hint = (
        f"did you mean {', '.join(dict.fromkeys(near[:5]))}?" if near else "try cs.CL or eess.AS."
    )
    raise UsageError(f"arXiv has no category {code!r}; {hint}")
