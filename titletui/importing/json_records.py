"""Papers in JSON: one object a line, or objects in arrays, pretty-printed, or in a wrapper."""

import functools
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from titletui.corpus.paper import Paper, plain_id
from titletui.errors import TitletuiError
from titletui.importing.fields import field_of, paper_of_record, title_of, without_markup

_DEPTHS = 6
_MARK = re.compile(r'"(?:[^"\\]|\\.)*"|["{}\[\]]')
_LONGEST = 64 << 20
_MONTHS = {
    name: f"{number:02}"
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}


class RecordError(Exception):
    """What is wrong with a record, as the end of a sentence: `it has no title`."""


class _Version(msgspec.Struct, gc=False):
    created: str = ""


class _Record(msgspec.Struct, gc=False):
    """The fields of the Kaggle snapshot and the like, which are decoded fastest."""

    id: str = ""
    title: str = ""
    abstract: str | None = None
    categories: str | None = None
    authors: str | None = None
    created: str | None = None
    updated: str | None = None
    update_date: str | None = None
    datestamp: str | None = None
    versions: list[_Version] = []
    deleted: bool = False


_KNOWN = frozenset(_Record.__struct_fields__) | {
    "submitter", "comments", "journal-ref", "doi", "report-no", "license", "authors_parsed",
}  # fmt: skip


class _Exported(Paper, frozen=True, forbid_unknown_fields=True, gc=False):
    """A paper as our own export writes it; taken as it is, so that nothing is lost."""


_EXPORTED = re.compile(r'\{"id":"(?:[^"\\]|\\.)*","title":')
_ARXIV_FORM = re.compile(r"[0-9]{4}\.[0-9]|[a-z-]+/[0-9]{7}|x-")
_decoder = msgspec.json.Decoder(_Record)
_exported_decoder = msgspec.json.Decoder(_Exported)


def decode_record(line: str, *, snapshot: bool = True) -> Paper:
    """The paper that a line of JSON describes.

    Args:
        snapshot: try the form of the Kaggle snapshot first, which is faster.

    Raises:
        RecordError: it is no JSON, no object, or has no title.
    """
    if snapshot:
        try:
            if _EXPORTED.match(line):
                return _exported_decoder.decode(line)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            pass
        try:
            record = _decoder.decode(line)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            record = None
        if record is not None and record.title:
            id_ = plain_id(record.id)
            if _ARXIV_FORM.match(id_):
                return _paper(record, id_)
    return paper_of_json(parse_json(line))


def is_snapshot(record: object) -> bool:
    """Whether a record has no fields but those of the Kaggle snapshot and of our own export."""
    return isinstance(record, dict) and bool(record.get("title")) and record.keys() <= _KNOWN


def parse_json(text: str) -> Any:
    """Parse JSON leniently: NaN, control characters and lone surrogates are taken.

    Raises:
        RecordError: it is no JSON.
    """
    try:
        return json.loads(text, strict=False)
    except RecursionError as error:
        raise RecordError("it is nested too deeply") from error
    except ValueError as error:
        raise RecordError(f"it is no JSON ({error})") from error


def paper_of_json(record: object) -> Paper:
    """The paper of a parsed record.

    Raises:
        RecordError: it is no object, or has no title.
    """
    if isinstance(record, str):
        return Paper(id="", title=record)
    if not isinstance(record, dict):
        raise RecordError("it is no JSON object")
    try:
        paper = paper_of_record(record)
    except RecursionError as error:
        raise RecordError("it is nested too deeply") from error
    if not any(map(str.isalpha, paper.title)):
        keys = ", ".join(map(str, list(record)[:12]))
        raise RecordError(f"it has no title (its keys: {keys})" if keys else "it is empty")
    return paper


def record_depth(sample: str) -> int | None:
    """How deeply the records of JSON are nested that is not one object a line.

    0 for objects one after the other, 1 for an array of objects (or strings), more for a wrapper
    such as `{"papers": […]}`. None where no object with a title is found.
    """
    for depth in range(_DEPTHS):
        splitter = ObjectSplitter(depth)
        for text in splitter.feed(sample):
            try:
                record = json.loads(text, strict=False)
            except (ValueError, RecursionError):
                break
            if isinstance(record, dict) and _has_title(record):
                return depth
    if re.match(r'\s*\[\s*"', sample):
        return 1
    return None


class ObjectSplitter:
    """Cuts a stream of JSON into the texts of its objects at one depth.

    Args:
        depth: how many braces and brackets are open around an object.
    """

    def __init__(self, depth: int) -> None:
        self._target = depth
        self._depth = 0
        self._rest = ""
        self._object: list[str] = []
        self._size = 0
        self._in_array = False

    def feed(self, text: str) -> Iterator[str]:
        """The objects that end in `text`.

        Strings are cut at line ends, so that a quote that is not closed costs one object.
        """
        text = self._rest + text
        self._rest = ""
        start = 0 if self._object else -1
        for match in _MARK.finditer(text):
            mark = match[0]
            if mark == '"':
                if "\n" not in text[match.start() :]:
                    self._rest = text[match.start() :]
                    text = text[: match.start()]
                    break
            elif mark in "{[":
                if self._depth == self._target and mark == "{":
                    start = match.start()
                if self._depth == 0:
                    self._in_array = mark == "["
                self._depth += 1
            elif mark in "}]":
                self._depth = max(0, self._depth - 1)
                if self._depth == self._target and mark == "}" and start >= 0:
                    self._object.append(text[start : match.end()])
                    yield "".join(self._object)
                    self._object, self._size, start = [], 0, -1
            elif self._in_array and self._target == self._depth == 1:
                yield mark
        if start >= 0:
            self._object.append(text[start:])
            self._size += len(text) - start
            if self._size > _LONGEST:
                raise TitletuiError("An object in it is longer than 64 MiB; it is not read on.")


def split_objects(lines: Iterable[str], depth: int) -> Iterator[str]:
    """The texts of the objects at `depth` of JSON in lines or pieces of lines."""
    splitter = ObjectSplitter(depth)
    for line in lines:
        yield from splitter.feed(line)


def _has_title(record: dict[str, Any]) -> bool:
    if "instruction" in record and "output" in record:
        return True
    return any(
        (field_of(name) or ("",))[0] == "title" and title_of(record[name]) for name in record
    )


def _paper(record: _Record, id_: str) -> Paper:
    versions = record.versions
    created = record.created or ""
    if not created and versions:
        created = _day(versions[0].created)
    updated = record.updated or ""
    if not updated and len(versions) > 1:
        updated = _day(versions[-1].created)
    return Paper(
        id=id_,
        title=without_markup(record.title),
        abstract=without_markup(record.abstract or ""),
        categories=record.categories or "",
        authors=record.authors or "",
        created=created[:10],
        updated=updated[:10],
        datestamp=(record.datestamp or record.update_date or "")[:10],
        deleted=record.deleted,
    )


def _day(written: str) -> str:
    """The ISO day of `Mon, 2 Apr 2007 19:18:42 GMT`; empty where it is no such date."""
    return _cached_day(written[:16])


@functools.lru_cache(maxsize=20_000)
def _cached_day(written: str) -> str:
    parts = written.split()
    if len(parts) < 4 or parts[2] not in _MONTHS:
        return ""
    return f"{parts[3]}-{_MONTHS[parts[2]]}-{parts[1]:0>2}"
