"""arXiv's other forms: the API's Atom feed, RSS, the daily mail, and copied listings."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator

from titletui.corpus.paper import Paper
from titletui.importing.fields import categories_of, day_of, make_paper
from titletui.importing.json_records import RecordError

FEED_ITEM = re.compile(r"<(?:\w+:)?(entry|item)\b")
ID_LINE = re.compile(
    r"(?:\[\d+\]\s*)?(?:\\\\\s*)?arXiv:\s*(\d{4}\.\d{4,5}|[a-z.-]+/\d{7})(?:v\d+)?\b", re.IGNORECASE
)
_LABEL = re.compile(
    r"(Title|Authors?|Categories|Subjects?|Comments?|Date|Journal-ref|DOI|MSC-class|ACM-class|"
    r"Report-no|Abstract|From|Submitted):\s*(.*)",
    re.IGNORECASE,
)
_MAIL_END = re.compile(r"(?:\\\\\s*\(\s*https?://|-{20,}|%{3,})")
_ITEM_END = re.compile(r"</(?:\w+:)?(?:entry|item)\s*>")
_NAMESPACE = re.compile(r"(</?)\w+:|\sxmlns(?::\w+)?=\"[^\"]*\"|\sxmlns(?::\w+)?='[^']*'")
_PREFIXED_ATTRIBUTE = re.compile(r"\s\w+:(\w+=)")
_TAG_LENGTH = 100
_LONGEST_ITEM = 1 << 20
_RSS_ABSTRACT = re.compile(r".*?Abstract:\s*", re.DOTALL)
_RSS_ID = re.compile(r"\s*\(arXiv:[^)]*\)\s*$")


def feed_items(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """The `<entry>` or `<item>` elements of a feed, with the lines since the last one ended."""
    text = ""
    count = 0
    for line in lines:
        count += 1
        text += line
        at = 0
        while (begin := FEED_ITEM.search(text, at)) and (
            end := _ITEM_END.search(text, begin.end())
        ):
            yield count, text[begin.start() : end.end()]
            count, at = 0, end.end()
        begin = FEED_ITEM.search(text, at)
        text = text[begin.start() if begin else max(at, len(text) - _TAG_LENGTH) :]
        if len(text) > _LONGEST_ITEM:
            yield count, text[:_TAG_LENGTH]
            text, count = "", 0


def paper_of_item(item: str) -> Paper:
    """The paper of an element of a feed.

    Raises:
        RecordError: it is malformed.
    """
    if "<!ENTITY" in item:
        raise RecordError("it declares XML entities")
    plain = _PREFIXED_ATTRIBUTE.sub(r" \1", _NAMESPACE.sub(r"\1", item))
    try:
        root = ET.fromstring(plain)  # noqa: S314 - entities cannot be declared inside an element
    except ET.ParseError as error:
        raise RecordError(f"it is not well-formed ({error})") from error
    links = [link.get("href") or link.text or "" for link in root.iter("link")]
    abstract = _text(root, "summary") or _text(root, "description") or _text(root, "abstract")
    terms = [one.get("term") or one.text or "" for one in root.iter("category")]
    names = [_text(author, "name") for author in root.iter("author")]
    names += [one.text or "" for one in root.iter("creator")]
    return make_paper(
        ids=[_text(root, "id"), _text(root, "guid"), *links, _text(root, "doi")],
        title=_RSS_ID.sub("", _text(root, "title")),
        abstract=_RSS_ABSTRACT.sub("", abstract, count=1) if "Abstract:" in abstract else abstract,
        categories=categories_of(list(dict.fromkeys(terms))),
        authors="; ".join(name for name in names if name),
        created=day_of(_text(root, "published") or _text(root, "pubDate")),
        updated=day_of(_text(root, "updated")),
    )


def listing_blocks(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """The papers of a daily mail or a copied listing: the lines from one arXiv id to the next."""
    block: list[str] = []
    for line in lines:
        if ID_LINE.match(line.strip()) and block:
            yield len(block), block
            block = []
        block.append(line)
    if block:
        yield len(block), block


def paper_of_block(block: list[str]) -> Paper | None:
    """The paper of a block of a mail or a listing; None for what comes before the first id.

    A mail has labels (`Title:`), then `\\\\`, the abstract, and `\\\\`; a listing has labels, the
    authors on a line of their own, and perhaps the abstract after the subjects.
    """
    first = ID_LINE.match(block[0].strip()) if block else None
    if first is None:
        return None
    labels: dict[str, str] = {}
    rest: list[str] = []
    last = ""
    sections = 0
    for raw in block[1:]:
        line = raw.strip()
        if _MAIL_END.match(line):
            break
        if line == "\\\\":
            sections += 1
            last = ""
            continue
        label = _LABEL.match(line) if not sections else None
        if label is not None:
            last = label[1].lower().rstrip("s")
            labels[last] = label[2]
        elif last and raw[:1].isspace() and line:
            labels[last] += f" {line}"
        elif last == "title" and line and not sections and "author" not in labels:
            labels["author"] = line
            last = ""
        elif last == "abstract" and line:
            labels[last] += f" {line}"
        elif line:
            rest.append(line)
    prose = " ".join(rest)
    return make_paper(
        ids=[first[1]],
        title=labels.get("title", ""),
        abstract=labels.get("abstract", "") or (prose if sections or len(prose) > 100 else ""),
        categories=categories_of(labels.get("categorie", "") or labels.get("subject", "")),
        authors=re.sub(r",? and |, ", "; ", labels.get("author", "")),
        created=day_of(labels.get("date", "")),
    )


def _text(element: ET.Element, name: str) -> str:
    """The text of the first child of that name, with the text of markup inside it."""
    found = element.find(name)
    return " ".join("".join(found.itertext()).split()) if found is not None else ""
