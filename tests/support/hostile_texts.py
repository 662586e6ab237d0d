"""Texts that would do something to a terminal or to markup, and a home full of them."""

import re
import unicodedata
from collections.abc import Callable, Sequence

from tests.support.run_folders import run_folder
from titletui.candidate import Candidate, Novelty
from titletui.corpus.paper import Paper
from titletui.corpus.store import CorpusStore
from titletui.errors import UsageError
from titletui.jobs.events import Note
from titletui.jobs.job import JobResult
from titletui.paths import Home, checked_name
from titletui.shortlist.library import Library
from titletui.shortlist.records import BatchSettings

HOSTILE = (
    "\x1b[2J\x1b[1;1Hcleared",
    "\x1b]0;owned\x07",
    "\x1b]52;c;b3duZWQ=\x07",
    '\x1bP$q"p\x1b\\',
    "\x1bc reset \x1b[5n",
    "\x1b[8mconcealed",
    "\x9b6mblinking",
    "\x9d0;owned\x9c",
    "\x90q\x9c",
    "gone\x7f\x08\x08\x08",
    "bell\x07 shift\x0e\x0f",
    "nul\x00 line\nfeed\rreturn\ttab",
    "\u202edetrevni\u202c",
    "\u2066isolated\u2069\u200e\u200f",
    "zero\u200b\u200d\ufeff\u00adwidth",
    "pile e" + "\u0301" * 40,
    "tags\U000e0041\U000e007f non\ufffe\uffff\U0001fffe",
    "[/]",
    "[red]red[/red] [/b]",
    "[@click=app.quit]quit[/]",
    "[link=https://owned.example]link[/link]",
    "$x $primary $error",
    "open [bold \\[kept] {x} %s",
    "R[0,1] $\\alpha$ \\cite{a}",
    "long " + "é" * 3000,
)
# A text that is the same size and does nothing.
TAME = tuple(re.sub(r"[^a-zA-Z0-9]", "x", text) for text in HOSTILE)

_SEQUENCE = re.compile(
    r"\x1b\]22;(?P<pointer>[a-z-]+)\x07"
    r"|\x1b\[(?P<private>[<=>?]?)(?P<values>[\d;:]*)(?P<middle>[ -/]*)(?P<final>[@-~])"
    r"|\x1b(?P<other>[^\[]?)",
    re.DOTALL,
)
_COLOUR = re.compile(r"[34]8;(?:2;\d+;\d+;\d+|5;\d+)")
_LETTERS = re.compile(r"\s|[ -~]")
_PILE = re.compile("[\u0300-\u036f]{5}")


def doings(painted: bytes) -> set[str]:
    """Everything in a terminal's bytes that is no plain text, by kind.

    Sequences go by their final letter, those that set a style by each of its numbers, characters
    that no font draws by their code point. A single one is found whatever stands around it, for a
    program that moves the cursor takes a text apart.
    """
    text = painted.decode("utf-8", "surrogateescape")
    found = set()
    for match in _SEQUENCE.finditer(text):
        if match["pointer"]:
            found.add("pointer")
        elif match["final"] is None:
            found.add(f"ESC {match['other']!r}")
        elif match["final"] == "m" and not match["private"]:
            found |= {f"style {one}" for one in _COLOUR.sub("", match["values"]).split(";")}
        else:
            letters = ("CSI", match["private"], match["middle"], match["final"])
            found.add(" ".join(filter(None, letters)))
    plain = _SEQUENCE.sub("", text)
    rest = _LETTERS.sub("", plain)
    for character in set(rest) - {"\ufffd"}:
        if unicodedata.category(character) in ("Cc", "Cf", "Cn", "Co", "Cs"):
            found.add(f"U+{ord(character):04X}")
    if _PILE.search(plain):
        found.add("a pile of marks")
    return found


def fill(home: Home, texts: Sequence[str]) -> None:
    """Puts the texts wherever text from elsewhere can stand: as titles, names, notes, logs, …

    What is refused at the door does not come in.
    """
    names = [name for name in (re.sub(r"[/\\]", "", text) for text in texts) if _fits(name)]
    _fill_corpora(home, texts, names)
    _fill_runs(home, texts, names)
    _fill_library(home, texts)


def _fits(text: str) -> bool:
    try:
        checked_name(text)
    except UsageError:
        return False
    return True


def _fill_corpora(home: Home, texts: Sequence[str], names: Sequence[str]) -> None:
    with CorpusStore(home.corpus_db) as store:
        for name in ("aaa", *names):
            store.create(name, category="cs.CL", source="hostile")
        papers = [
            Paper(
                id=f"2401.{number:05d}",
                title=f"{number:02d} {text}",
                abstract=f"abstract {text}",
                authors=text,
                categories="cs.CL",
            )
            for number, text in enumerate(texts)
        ]
        for name in ("aaa", *names):
            store.add(name, papers)


def _fill_runs(home: Home, texts: Sequence[str], names: Sequence[str]) -> None:
    losses = [3.0, 2.0, 1.5, 1.2]
    # RUN@STEP names a checkpoint, so a run's name has no "@".
    run_names = [name.replace("@", "") for name in names]
    for name, text in zip([*run_names, "zzz"], texts, strict=False):
        job = run_folder(
            home,
            name,
            losses,
            every=2,
            previews=texts,
            more=[Note(text=one, level="warning") for one in texts],
            ended=JobResult(outcome="failed", reason=f"reason {text}", advice=f"advice {text}"),
        )
        job.log.write_text("".join(f"log {one}\n" for one in texts), encoding="utf-8")


def _fill_library(home: Home, texts: Sequence[str]) -> None:
    with Library.open(home) as library:
        batch = library.start_batch(
            BatchSettings(model=texts[19], prefix=texts[1], temperature=0.8, against=texts[12])
        )
        ids = library.add_candidates(
            batch,
            [
                Candidate(
                    text=f"{number:02d} {text}"[:1900],
                    index=number,
                    perplexity=9.0,
                    novelty=Novelty(
                        kind="near", similarity=0.86, id=text[:40], title=text, year=2024
                    ),
                )
                for number, text in enumerate(texts)
            ],
        )
        for number, (candidate, text) in enumerate(zip(ids, texts, strict=True)):
            one = library.star(f"{number:02d} {text}"[:1900], candidate=candidate)
            _offer(lambda one=one, text=text: library.set_note(one.id, f"note {text}"))  # type: ignore[misc]
            _offer(lambda one=one, text=text: library.set_tags(one.id, [text[:20]]))  # type: ignore[misc]


def _offer(deed: Callable[[], object]) -> None:
    try:
        deed()
    except UsageError:
        return
