"""From the fields of a record, under the names that they have in exports, to a paper."""

import functools
import html
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from titletui.arxiv.categories import categories
from titletui.corpus.paper import Paper, arxiv_key, plain_id

Field = Literal[
    "id", "link", "title", "abstract", "categories", "authors", "created", "updated", "stamp",
    "year", "deleted",
]  # fmt: skip

_NAMES: dict[Field, tuple[str, ...]] = {
    "id": (
        "arxiv id", "arxiv", "arxivid", "id", "eprint", "arxiv number", "paper id", "paperid",
        "identifier", "accession number", "ut", "pmid", "an",
    ),
    "link": (
        "doi", "url", "link", "pdf link", "pdf url", "entry id", "abs url", "arxiv url", "href",
        "landing page", "openalex id", "do", "ur", "lid", "aid", "externalids", "external id",
        "document identifier", "ids", "eid", "guid",
    ),
    "title": (
        "title", "ti", "document title", "article title", "paper title", "item title", "titel",
        "titre", "titulo", "titolo", "titel des artikel", "titre de l article", "t1", "paper",
        "name", "headline", "display name", "work title",
        "title of paper", "title of article", "primary title", "titlu", "tytul", "tittel",
        "otsikko", "nazev", "naslov", "baslik", "заголовок", "название", "标题", "题名", "題名",
        "タイトル", "論文名", "제목",
    ),
    "abstract": (
        "abstract", "summary", "summarie", "abstract note", "ab", "n2", "abstract text", "resume",
        "zusammenfassung", "resumen", "resumo", "riassunto", "kurzfassung", "paper abstract",
        "paperabstract", "abstrakt", "abstract inverted index", "аннотация", "摘要", "抄録", "초록",
        "description",
    ),
    "categories": (
        "category", "categorie", "subject", "term", "primary category", "arxiv primary category",
        "primary clas", "primaryclas", "subcategory", "subject area", "tag", "arxiv category",
        "kategorie", "wos category",
    ),
    "authors": (
        "author", "au", "af", "author name", "author full name", "autor", "autore", "auteur",
        "autoren", "a1", "fau", "creator", "authorship", "author list",
    ),
    "created": (
        "created", "published", "submitted", "date", "published date", "created date",
        "publication date", "date published", "date publication", "submission date", "datum", "dp",
        "da", "pubdate", "submitted date", "date created", "issued", "first posted",
    ),
    "updated": ("updated", "updated date", "last updated", "date modified", "last modified"),
    "stamp": ("datestamp", "update date"),
    "year": (
        "year", "publication year", "pubyear", "pub year", "py", "y1", "jahr", "annee", "ano",
        "anno", "published year", "year published", "publication_year", "erscheinungsjahr", "年",
        "年份",
    ),
    "deleted": ("deleted",),
}  # fmt: skip
_WEAK_TITLES = ("name", "paper", "headline", "work title", "display name")
_OTHER_TITLES = frozenset(
    (
        "source", "publication", "journal", "book", "series", "conference", "proceeding",
        "proceedings", "short", "secondary", "running", "abbreviated", "parent", "host", "venue",
        "job", "degree", "length", "id", "url", "number", "count", "iso",
    )
)  # fmt: skip
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_MOST_NAME_WORDS = 4
_PARENTHESES = re.compile(r"[(\[{].*?[)\]}]")
_WORDS = re.compile(r"[^\W_]+")
_TAG = re.compile(
    r"</?(?:\w+:)?(?:i|b|em|strong|sub|sup|span|p|br|u|tt|inf|font|sc|scp|small|div|title|italic|bold|"
    r"mml:[a-z]+|math|mi|mo|mn|mrow|msub|msup|sec|a|h\d)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#\d{2,7}|#x[0-9a-fA-F]{2,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")
_ISO = re.compile(r"\d{4}(?:-\d{2}(?:-\d{2})?)?(?!\d)")
_SLASHED = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})\b")
_YEAR = re.compile(r"\b(1[5-9]\d\d|20\d\d)\b")
_WORDED = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)?\.?\s+([A-Za-z]{3})[a-z]*\.?,?\s+(\d{4})\b")
_WORDED_US = re.compile(r"\b([A-Za-z]{3})[a-z]*\.?\s+(\d{1,2}),?\s+(\d{4})\b")
_YEAR_MONTH = re.compile(r"\b(\d{4})\s+([A-Za-z]{3})[a-z]*(?:\s+(\d{1,2}))?\b")
_IN_TEXT = re.compile(r"(?<![\d.])\d{4}\.\d{4,5}(?!\d)|\b[a-z-]{2,9}(?:\.[A-Z]{2})?/\d{7}(?!\d)")
_DOI = re.compile(r"10\.\d{4,9}/\S+")
_GLOBAL_ID = re.compile(r"x-[0-9a-f]+|[A-Za-z][\w.+-]*:\S+|[0-9a-fA-F-]{24,}")
_MONTHS = {
    name: f"{number:02}"
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_CODES = re.compile(r"\b[a-z]{2,8}(?:-[a-z]{2,8})?(?:\.[A-Za-z]{2}(?:[A-Za-z-]*))?\b")
_EPOCH_MILLISECONDS = 100_000_000_000
_FALSE = frozenset(("", "0", "0.0", "false", "no", "n", "none", "nan", "f"))
_TEXT_KEYS = ("value", "text", "#text", "_", "name", "display_name", "en", "term", "title")
_NOTHING = frozenset(("nan", "none", "null", "n/a", "<na>", "nat"))


@functools.lru_cache(maxsize=4_096)
def field_of(name: str) -> tuple[Field, int] | None:
    """The field that a column or key of that name holds, and its rank among names of that field.

    Case, accents, plural, parentheses and punctuation do not matter: `Title (English)`, `TITLES`
    and `paper_title` are titles; so is any name with the word *title* that is not the title of a
    journal or the like.
    """
    outside = _PARENTHESES.sub(" ", name)
    for spelling in (outside, name, _CAMEL.sub(" ", outside)):
        if found := _ranks().get(_plain(spelling)):
            return found
    words = set(_plain(_CAMEL.sub(" ", outside)).split())
    if len(words) <= _MOST_NAME_WORDS:
        for field in ("title", "abstract"):
            if field in words and not words & _OTHER_TITLES:
                return field, len(_NAMES[field])
    return None


def assign_fields(names: Sequence[str]) -> list[Field | None]:
    """The field of each column: of several columns for one field the best name gets it."""
    best: dict[Field, tuple[int, int]] = {}
    links: list[int] = []
    for place, name in enumerate(names):
        found = field_of(name)
        if found is None:
            continue
        field, rank = found
        if field == "link":
            links.append(place)
        elif field not in best or rank < best[field][0]:
            best[field] = (rank, place)
    fields: list[Field | None] = [None] * len(names)
    for field, (_, place) in best.items():
        fields[place] = field
    for place in links:
        fields[place] = "link"
    return fields


def is_weak_title(name: str) -> bool:
    """Whether that name is no proof of titles: `name`, or a phrase with the word *title*."""
    found = field_of(name)
    if found is None:
        return True
    return found[1] == len(_NAMES["title"]) or _plain(name) in _WEAK_TITLES


def paper_of_record(record: Mapping[str, Any]) -> Paper:
    """The paper of a record, whatever the types of its values; the title is empty if it has none.

    A title is looked for under the names of exports, then one level deeper (`{"paper": {…}}`).
    """
    if "instruction" in record and "output" in record:
        return Paper(id="", title=text_of(record["output"]), abstract=text_of(record.get("input")))
    names = [name for name in record if isinstance(name, str)]
    chosen: dict[Field, Any] = {}
    links: list[Any] = []
    ranked = sorted(names, key=lambda name: (field_of(name) or ("", 0))[1])
    for name in ranked:
        found = field_of(name)
        value = record[name]
        if found is None or _is_nothing(value):
            continue
        field = found[0]
        if field == "link":
            links.append(value)
        elif field == "id":
            links.append(value)
            chosen.setdefault(field, value)
        elif field == "title":
            if not title_of(chosen.get(field)):
                chosen[field] = value
        elif field not in chosen or not text_of(chosen[field]):
            chosen[field] = value
    title = title_of(chosen.get("title"))
    if not title:
        for name in names:
            inner = record[name]
            if isinstance(inner, dict) and any(
                (field_of(key) or ("",))[0] == "title" for key in inner if isinstance(key, str)
            ):
                return paper_of_record({**{k: v for k, v in record.items() if k != name}, **inner})
    versions = record.get("versions")
    created = day_of(chosen.get("created")) or _version_day(versions, 0)
    updated = day_of(chosen.get("updated")) or _version_day(versions, -1)
    return make_paper(
        ids=[*_id_texts(links)],
        title=title,
        abstract=text_of(chosen.get("abstract")),
        categories=categories_of(chosen.get("categories")),
        authors=authors_of(chosen.get("authors")),
        created=created or year_of(chosen.get("year")),
        updated="" if updated == created else updated,
        stamp=day_of(chosen.get("stamp")),
        deleted=text_of(chosen.get("deleted")).strip().lower() not in _FALSE,
    )


def make_paper(
    *,
    ids: Iterable[str],
    title: str,
    abstract: str = "",
    categories: str = "",
    authors: str = "",
    created: str = "",
    updated: str = "",
    stamp: str = "",
    deleted: bool = False,
) -> Paper:
    """A paper from texts; HTML in title and abstract is decoded, the best id is chosen."""
    return Paper(
        id=best_id(ids),
        title=without_markup(title),
        abstract=without_markup(abstract),
        categories=categories,
        authors=without_markup(authors),
        created=created[:10],
        updated=updated[:10],
        datestamp=stamp[:10],
        deleted=deleted,
    )


def best_id(written: Iterable[str]) -> str:
    """The arXiv id among some ids and links, else a DOI or another id that is unique by its form.

    Empty where there is none: a row number would be the id of other papers in other files.
    """
    other = ""
    for text in written:
        plain = plain_id(text)
        if arxiv_key(plain) is not None:
            return plain
        if "arxiv" in text.lower() and (found := _IN_TEXT.search(text)):
            return plain_id(found[0])
        if not other:
            doi = _DOI.search(text)
            if doi is not None:
                other = doi[0].rstrip(".,;)").lower()
            elif _GLOBAL_ID.fullmatch(plain) and not plain.lower().startswith(("http", "urn")):
                other = plain
    return other


def without_markup(text: str) -> str:
    """`text` without the tags and entities of HTML and JATS."""
    if "&" in text:
        for _ in range(2):
            text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    return _TAG.sub("", text) if "<" in text else text


def text_of(value: object) -> str:
    """A text from whatever holds it: a string, a number, a list, an object, an inverted index."""
    match value:
        case None | bool():
            return str(value or "")
        case str():
            return "" if value.strip().lower() in _NOTHING else value
        case int() | float():
            return "" if isinstance(value, float) and not math.isfinite(value) else str(value)
        case list():
            return (
                text_of(value[0])
                if len(value) == 1
                else "; ".join(filter(None, map(text_of, value)))
            )
        case dict():
            for name in (
                "value",
                "text",
                "#text",
                "_",
                "name",
                "display_name",
                "en",
                "term",
                "title",
            ):
                if name in value:
                    return text_of(value[name])
            return _from_inverted_index(value)
    return ""


def title_of(value: object) -> str:
    """A title: a text, the first of a list of texts, or the text in an object."""
    if isinstance(value, list):
        value = value[0] if value and isinstance(value[0], str) else None
    return text_of(value)


def categories_of(value: object) -> str:
    """Categories separated by spaces, from a list, objects with `term`, or text in any form.

    Of text with names and codes (`Sound (cs.SD); Audio (eess.AS)`) the codes are taken.
    """
    if isinstance(value, list):
        return " ".join(filter(None, (categories_of(one) for one in value)))
    if isinstance(value, dict):
        return categories_of(value.get("term") or value.get("name") or value.get("id"))
    text = text_of(value)
    if text.startswith("[") and text.endswith("]"):
        text = " ".join(_listed(text))
    codes = [code for code in _CODES.findall(text) if code.lower() in _known_codes()]
    return " ".join(dict.fromkeys(codes)) if codes else ("" if len(text) > 200 else text)


def authors_of(value: object) -> str:
    """Authors separated by `; `, from names, lists, or objects with names."""
    if isinstance(value, str):
        if value.startswith("[") and value.endswith("]"):
            return "; ".join(_listed(value))
        return value
    if isinstance(value, list):
        return "; ".join(filter(None, (_name(one) for one in value)))
    return _name(value)


def day_of(value: object) -> str:
    """An ISO day, month or year from a date as exports write it; empty where it is none.

    Numbers are epoch seconds or milliseconds, or years.
    """
    if isinstance(value, dict):
        value = value.get("date-parts") or value.get("$date") or value.get("value")
    if isinstance(value, list):
        while value and isinstance(value[0], list):
            value = value[0]
        parts = [part for part in value[:3] if isinstance(part, int)]
        value = "-".join(f"{part:02}" for part in parts)
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, int | float):
        return _day_of_number(value)
    text = text_of(value).strip()
    if text.isdecimal() and len(text) > 8:
        return _day_of_number(int(text))
    return _day_of_text(text[:80])


def year_of(value: object) -> str:
    """A year, from a number, `2024.0`, or a text that holds one; empty where there is none."""
    match = _YEAR.search(text_of(value)[:80])
    return match[0] if match else ""


@functools.lru_cache(maxsize=20_000)
def _day_of_text(text: str) -> str:
    if match := _ISO.match(text):
        return match[0] if match[0][5:7] < "13" else match[0][:4]
    if match := _SLASHED.match(text):
        return f"{match[1]}-{match[2]:0>2}-{match[3]:0>2}"
    if (match := _WORDED.search(text)) and match[2].lower() in _MONTHS:
        return f"{match[3]}-{_MONTHS[match[2].lower()]}-{match[1]:0>2}"
    if (match := _WORDED_US.search(text)) and match[1].lower() in _MONTHS:
        return f"{match[3]}-{_MONTHS[match[1].lower()]}-{match[2]:0>2}"
    if (match := _YEAR_MONTH.search(text)) and match[2].lower() in _MONTHS:
        day = f"-{match[3]:0>2}" if match[3] else ""
        return f"{match[1]}-{_MONTHS[match[2].lower()]}{day}"
    match = _YEAR.search(text)
    return match[0] if match else ""


def _day_of_number(value: float) -> str:
    if not math.isfinite(value):
        return ""
    if 1500 <= value < 2100:
        return str(int(value))
    seconds = value / 1_000 if abs(value) >= _EPOCH_MILLISECONDS else value
    try:
        return datetime.fromtimestamp(seconds, UTC).date().isoformat() if seconds > 0 else ""
    except (ValueError, OverflowError, OSError):
        return ""


def _version_day(versions: object, place: int) -> str:
    """The day of the first or last of arXiv's versions, where they have days."""
    if not isinstance(versions, list) or not versions:
        return ""
    version = versions[place]
    return day_of(version.get("created")) if isinstance(version, dict) else ""


def _id_texts(values: Iterable[object]) -> Iterable[str]:
    """All texts in ids and links, those that name arXiv first."""
    texts: list[str] = []
    for value in values:
        if isinstance(value, dict):
            items = sorted(value.items(), key=lambda item: "arxiv" not in str(item[0]).lower())
            texts += _id_texts([inner for _, inner in items])
        elif isinstance(value, list):
            texts += _id_texts(value)
        else:
            texts += [text_of(value)]
    return [text for text in texts if text]


def _name(value: object) -> str:
    """The name of an author."""
    if not isinstance(value, dict):
        return text_of(value)
    if isinstance(value.get("author"), dict):
        return _name(value["author"])
    for name in ("name", "display_name", "full_name", "fullname", "literal"):
        if value.get(name):
            return text_of(value[name])
    parts = [value.get(name) for name in ("given", "forenames", "first", "firstName", "family",
             "keyname", "last", "lastName")]  # fmt: skip
    return " ".join(text_of(part) for part in parts if part)


def _from_inverted_index(index: Mapping[object, object]) -> str:
    """The text of an inverted index `{word: [places]}`, as OpenAlex gives abstracts."""
    placed: list[tuple[int, str]] = []
    for word, places in index.items():
        if not isinstance(word, str) or not isinstance(places, list):
            return ""
        placed += [(place, word) for place in places if isinstance(place, int)]
    return " ".join(word for _, word in sorted(placed))


def _listed(text: str) -> list[str]:
    """The strings of a list that Python or JSON wrote."""
    try:
        found = json.loads(text)
    except ValueError:
        found = re.findall(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"", text)
        found = [one or other for one, other in found]
    return [text_of(one) for one in found if text_of(one)] if isinstance(found, list) else []


def _is_nothing(value: object) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    return value is None or value == "" or value == [] or value == {}


def _plain(name: str) -> str:
    """Words of a name in lower case, without accents, the last one in the singular."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    words = _WORDS.findall("".join(c for c in decomposed if not unicodedata.combining(c)))
    plain = " ".join(words)
    return plain.removesuffix("s") if len(plain) > 3 else plain


@functools.cache
def _ranks() -> dict[str, tuple[Field, int]]:
    return {
        _plain(name): (field, place)
        for field, names in _NAMES.items()
        for place, name in reversed(list(enumerate(names)))
    }


@functools.cache
def _known_codes() -> frozenset[str]:
    return frozenset(category.code.lower() for category in categories())
