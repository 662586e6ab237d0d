"""`config.toml`, and the one description of values that a person types.

A struct with annotated fields is the schema: the type of a field carries its range, its choices
and the sentence that a form shows. `fields` lists them, `parse` reads one from text and `as_text`
writes it. Settings and training recipes share this.
"""

import difflib
import functools
import math
import tomllib
import types
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import tomli_w
from msgspec import Meta

from titletui.atomic_write import write_atomically
from titletui.errors import TitletuiError, UsageError
from titletui.sampling_params import SamplingParams

MODES = ("corpus", "train", "generate", "shortlist")
CandidateSort = Literal["arrival", "agreement", "perplexity", "novelty", "length", "taste"]
ShortlistSort = Literal["added", "order", "title", "model", "perplexity", "novelty"]
CANDIDATE_SORTS: tuple[CandidateSort, ...] = typing.get_args(CandidateSort)
SHORTLIST_SORTS: tuple[ShortlistSort, ...] = typing.get_args(ShortlistSort)

# Upper limits above this are not worth showing.
_UNBOUNDED = 10**12

Kind = Literal["yes or no", "whole number", "number", "choice", "text", "table"]


class GenerateSettings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The knobs of the Generate screen, as they were left."""

    model: Annotated[
        str, Meta(description="What generates: starter, a run's name, a folder or a hub id.")
    ] = "starter"
    prefix: Annotated[str, Meta(description="The beginning that each title keeps.")] = ""
    temperature: Annotated[
        float, Meta(ge=0, le=5, description="How daring: 0 takes the likeliest token each time.")
    ] = 0.8
    count: Annotated[int, Meta(ge=1, le=1000, description="Titles at once.")] = 10
    sweep: Annotated[
        str,
        Meta(
            pattern=r"^ *([0-4](\.\d+)?|5)( +([0-4](\.\d+)?|5)){0,5} *$",
            description="The temperatures of a sweep.",
            extra={"range": "1 to 6 numbers from 0 to 5"},
        ),
    ] = "0.5 0.8 1.1"
    top_p: Annotated[
        float, Meta(gt=0, le=1, description="Only the likeliest tokens that make up this share.")
    ] = 0.95
    top_k: Annotated[
        int, Meta(ge=0, le=100_000, description="Only so many likeliest tokens; 0 means all.")
    ] = 0
    length: Annotated[int, Meta(ge=4, le=512, description="Most new tokens of a title.")] = 48
    seed: Annotated[
        Annotated[int, Meta(ge=0, le=2**63 - 1)] | None,
        Meta(description="The same seed gives the same titles; none draws a new one."),
    ] = None
    against: Annotated[
        str | None, Meta(description="The corpus to compare with; none means all papers.")
    ] = None
    sort: Annotated[CandidateSort, Meta(description="The order of candidates.")] = "arrival"
    hide_copies: Annotated[
        bool, Meta(description="Hide titles that stand in the corpus already.")
    ] = False
    hide_near: Annotated[bool, Meta(description="Hide titles that nearly stand in the corpus.")] = (
        False
    )
    hide_repeats: Annotated[bool, Meta(description="Hide titles that were shown before.")] = True
    hide_above: Annotated[
        Annotated[float, Meta(ge=1, le=1e9)] | None,
        Meta(description="Hide titles of a higher perplexity; none hides none."),
    ] = None
    hide_longer: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | None,
        Meta(description="Hide titles of more words; none hides none."),
    ] = None

    @property
    def sampling(self) -> SamplingParams:
        """What the sampler is given."""
        return SamplingParams(
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            max_tokens=self.length,
            seed=self.seed,
        )


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """All settings."""

    theme: Annotated[str, Meta(description="The name of a theme.")] = "titletui-dark"
    mode: Annotated[
        str, Meta(description="The screen that opens first.", extra={"choices": MODES})
    ] = "generate"
    corpus: Annotated[
        str, Meta(description="The corpus that is shown first, and offered to train on.")
    ] = ""
    mouse: Annotated[bool, Meta(description="Whether the app takes the mouse.")] = True
    welcome: Annotated[bool, Meta(description="Whether the hints for newcomers show.")] = True
    bell: Annotated[bool, Meta(description="Whether a run that overfits rings the bell.")] = True
    generate: GenerateSettings = msgspec.field(default_factory=GenerateSettings)
    shortlist_sort: Annotated[ShortlistSort, Meta(description="The order of the shortlist.")] = (
        "added"
    )
    contact: Annotated[
        str,
        Meta(
            pattern=r"^([!-?A-~]+@[!-?A-~]+)?$",
            description="Your e-mail address for arXiv, sent with each request of a scrape.",
            extra={"range": "an e-mail address or empty"},
        ),
    ] = ""
    keys: Annotated[
        dict[str, str], Meta(description="Other keys: the id of a binding, then its key.")
    ] = {}


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a schema, as a form shows it.

    Attributes:
        name: as in the file, with its table: `generate.temperature`.
        range: what it may be, in words.
        choices: all values there are, as text; empty where any in the range is allowed.
        optional: None is allowed.
        type: the annotation, with its bounds.
    """

    name: str
    doc: str
    kind: Kind
    range: str
    type: Any
    choices: tuple[str, ...] = ()
    optional: bool = False
    default: Any = None

    @property
    def options(self) -> list[str]:
        """All its values as a person types them; empty where there are too many to list."""
        return ["no", "yes"] if self.kind == "yes or no" else list(self.choices)

    def problem(self, value: Any, *, strict: bool = True) -> str:
        """Why `value` is not allowed, as a clause; empty where it is."""
        try:
            found = msgspec.convert(value, self.type, strict=strict)
        except msgspec.ValidationError:
            found = math.nan
        bad = isinstance(found, float) and not math.isfinite(found)
        if bad or (isinstance(found, str) and self.choices and found not in self.choices):
            return f"{self.name} must be {self.range}, not {value!r:.60}"
        return ""


@functools.cache
def fields(schema: type[msgspec.Struct]) -> tuple[Field, ...]:
    """Every field of a schema, in its order, those of nested tables in their place."""
    return tuple(_fields(schema, ""))


def field(schema: type[msgspec.Struct], name: str, noun: str = "setting") -> Field:
    """The field of that name (`generate.temperature`).

    Raises:
        UsageError: there is none; the message names the nearest ones.
    """
    known = {one.name: one for one in fields(schema)}
    if name not in known:
        raise UsageError(f"{_unknown(name, known, noun)}.")
    return known[name]


def parse(field: Field, text: str) -> Any:
    """The value that a person typed for a field.

    Raises:
        UsageError: the text is none of its values; the message names the field and its range.
    """
    word = text.strip().lower()
    if field.optional and word in ("", "none", "null"):
        return None
    given: Any = text if field.kind == "text" else text.strip()
    if field.kind == "yes or no":
        given = {"yes": True, "on": True, "no": False, "off": False}.get(word, word)
    if problem := field.problem(given, strict=False):
        raise UsageError(f"{problem}.")
    return msgspec.convert(given, field.type, strict=False)


def as_text(value: object) -> str:
    """A value as a person types it; empty for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def value(settings: Settings, name: str) -> Any:
    """The value of the setting of that name (`generate.temperature`)."""
    found: Any = settings
    for part in name.split("."):
        found = getattr(found, part)
    return found


def with_value(settings: Settings, name: str, text: str) -> Settings:
    """A copy of `settings` in which `name` is what a person typed.

    Raises:
        UsageError: there is no such setting, or the text is none of its values.
    """
    given = parse(field(Settings, name), text)
    table, _, inner = name.rpartition(".")
    if table:
        given = msgspec.structs.replace(getattr(settings, table), **{inner: given})
    return msgspec.structs.replace(settings, **{table or inner: given})


def load_settings(path: Path) -> Settings:
    """The settings in `path`; the defaults where there is no file.

    Raises:
        TitletuiError: the file is not TOML, or settings in it are unknown or out of range; the
            message names each of them and its range.
    """
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TitletuiError(f"{path} cannot be read ({error}); correct or delete it.") from error
    problems = _problems(table)
    if problems:
        raise TitletuiError(f"{path}: {'; '.join(problems)}. Correct it or delete the file.")
    return msgspec.convert(table, Settings)


def save_settings(path: Path, settings: Settings) -> None:
    """Writes the settings whole."""
    table = {k: v for k, v in _without_none(msgspec.to_builtins(settings)).items() if v != {}}
    write_atomically(path, tomli_w.dumps(table).encode())


def describe_range(info: Any) -> str:
    """Describe the values a type allows: `a whole number from 1 to 1000`, `yes or no`, `text`.

    Args:
        info: what `msgspec.inspect.type_info` says of an annotation.
    """
    known = msgspec.inspect
    match info:
        case known.Metadata():
            return describe_range(info.type)
        case known.UnionType():
            return " or ".join(describe_range(part) for part in info.types)
        case known.NoneType():
            return "none"
        case known.BoolType():
            return "yes or no"
        case known.IntType() | known.FloatType():
            word = "a whole number" if isinstance(info, known.IntType) else "a number"
            low = f"from {info.ge:,.12g}" if info.ge is not None else f"above {info.gt:,.12g}"
            high = f"to {info.le:,.12g}" if info.le is not None else f"below {info.lt:,.12g}"
            if info.le is not None and info.le > _UNBOUNDED:
                return f"{word} {low} up"
            return f"{word} {low} {high}"
        case known.DictType():
            return "a table of text"
    return "text"


def _fields(schema: type[msgspec.Struct], table: str) -> list[Field]:
    found: list[Field] = []
    hints = typing.get_type_hints(schema, include_extras=True)
    defaults = schema()
    for name in schema.__struct_fields__:
        kind = hints[name]
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            found += _fields(kind, f"{table}{name}.")
        else:
            found.append(_described(f"{table}{name}", kind, getattr(defaults, name)))
    return found


def _described(name: str, annotation: Any, default: Any) -> Field:
    doc = ""
    extra: dict[str, Any] = {}
    plain, optional = annotation, False
    while typing.get_origin(plain) in (Annotated, typing.Union, types.UnionType):
        parts = typing.get_args(plain)
        if typing.get_origin(plain) is Annotated:
            doc = parts[1].description or doc
            extra = {**(parts[1].extra or {}), **extra}
            plain = parts[0]
        else:
            optional = True
            plain = next(part for part in parts if part is not type(None))
    literal = typing.get_origin(plain) is Literal
    choices = typing.get_args(plain) if literal else tuple(extra.get("choices", ()))
    return Field(
        name=name,
        doc=doc,
        kind="choice" if choices else _KINDS[typing.get_origin(plain) or plain],
        range=extra.get("range")
        or " or ".join(choices)
        or describe_range(msgspec.inspect.type_info(annotation)),
        type=annotation,
        choices=choices,
        optional=optional,
        default=default,
    )


_KINDS: dict[Any, Kind] = {
    bool: "yes or no",
    int: "whole number",
    float: "number",
    str: "text",
    dict: "table",
}


def _unknown(name: str, known: Iterable[str], noun: str) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
    return f"there is no {noun} {name!r} ({hint})"


def _problems(table: dict[str, Any]) -> list[str]:
    """What is wrong with a table of settings, one clause each."""
    known = {field.name: field for field in fields(Settings)}
    tables = {name.partition(".")[0] for name in known if "." in name}
    flat: dict[str, Any] = {}
    for name, given in table.items():
        if name in tables and isinstance(given, dict):
            flat |= {f"{name}.{inner}": one for inner, one in given.items()}
        else:
            flat[name] = given
    problems: list[str] = []
    for name, given in flat.items():
        field = known.get(name)
        if name in tables:
            problems.append(f"{name} must be a table")
        elif field is None:
            problems.append(_unknown(name, known, "setting"))
        elif problem := field.problem(given):
            problems.append(problem)
    return problems


def _without_none(table: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _without_none(value) if isinstance(value, dict) else value
        for name, value in table.items()
        if value is not None
    }
