"""`config.toml`: what a person has chosen, checked against one schema.

The schema is the two structs below: a field's type carries its range, its choices and the sentence
that a settings screen shows. `fields` lists them, `with_value` sets one from text.
"""

import difflib
import functools
import tomllib
import typing
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import tomli_w
from msgspec import Meta

from titletui.atomic_write import write_atomically
from titletui.errors import TitletuiError, UsageError

MODES = ("corpus", "train", "generate", "shortlist")
CANDIDATE_SORTS = ("arrival", "agreement", "perplexity", "novelty", "length", "taste")
SHORTLIST_SORTS = ("added", "order", "title", "model", "perplexity", "novelty")

_UNBOUNDED = 10**12
"""Upper limits above this are not worth showing."""

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
    sort: Annotated[
        str,
        Meta(description="The order of candidates.", extra={"choices": CANDIDATE_SORTS}),
    ] = "arrival"
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
    shortlist_sort: Annotated[
        str, Meta(description="The order of the shortlist.", extra={"choices": SHORTLIST_SORTS})
    ] = "added"
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
    """One setting, as a screen shows it.

    Attributes:
        name: as in the file, with its table: `generate.temperature`.
        range: what it may be, in words.
        choices: all values there are; empty where any in the range will do.
        optional: it may be none.
    """

    name: str
    doc: str
    kind: Kind
    range: str
    choices: tuple[str, ...] = ()
    optional: bool = False
    default: Any = None


@functools.cache
def fields() -> tuple[Field, ...]:
    """Every setting, in the order of the file."""
    return tuple(_fields(Settings, ""))


def value(settings: Settings, name: str) -> Any:
    """The value of the setting of that name (`generate.temperature`).

    Raises:
        UsageError: there is none.
    """
    found: Any = settings
    for part in _field(name).name.split("."):
        found = getattr(found, part)
    return found


def with_value(settings: Settings, name: str, text: str) -> Settings:
    """A copy of `settings` in which `name` is what a person typed.

    Raises:
        UsageError: there is no such setting, or the text is none of its values; the message names
            the setting and its range.
    """
    field = _field(name)
    given: Any = text
    if field.kind == "yes or no":
        given = {"yes": True, "on": True, "no": False, "off": False}.get(text.strip().lower(), text)
    elif field.kind != "text":
        given = text.strip()
    if field.optional and text.strip().lower() in ("", "none"):
        given = None
    table = msgspec.to_builtins(settings)
    place = table
    *tables, last = name.split(".")
    for part in tables:
        place = place[part]
    place[last] = given
    if problem := _problem(field, given, strict=False):
        raise UsageError(f"{problem}.")
    return msgspec.convert(table, Settings, strict=False)


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
        raise TitletuiError(f"{path} cannot be read ({error}); mend or delete it.") from error
    problems = _problems(table)
    if problems:
        raise TitletuiError(f"{path}: {'; '.join(problems)}. Mend it or delete the file.")
    return msgspec.convert(table, Settings)


def save_settings(path: Path, settings: Settings) -> None:
    """Writes the settings whole."""
    table = {k: v for k, v in _without_none(msgspec.to_builtins(settings)).items() if v != {}}
    write_atomically(path, tomli_w.dumps(table).encode())


def _fields(struct: type[msgspec.Struct], table: str) -> list[Field]:
    found: list[Field] = []
    hints = typing.get_type_hints(struct, include_extras=True)
    defaults = struct()
    for name in struct.__struct_fields__:
        kind = hints[name]
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            found += _fields(kind, f"{table}{name}.")
        else:
            found.append(_described(f"{table}{name}", kind, getattr(defaults, name)))
    return found


def _described(name: str, kind: Any, default: Any) -> Field:
    plain, meta = typing.get_args(kind)
    parts = typing.get_args(plain)
    optional = type(None) in parts
    choices = tuple((meta.extra or {}).get("choices", ()))
    one = next((part for part in parts if part is not type(None)), plain) if optional else plain
    if typing.get_origin(one) is Annotated:
        one = typing.get_args(one)[0]
    return Field(
        name=name,
        doc=meta.description,
        kind="choice" if choices else _KINDS[typing.get_origin(one) or one],
        range=(meta.extra or {}).get("range")
        or " or ".join(choices)
        or describe_range(msgspec.inspect.type_info(kind)),
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


def _field(name: str) -> Field:
    known = {field.name: field for field in fields()}
    if name not in known:
        raise UsageError(f"{_unknown(name, list(known))}.")
    return known[name]


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"there is no setting {name!r}" + (f" (did you mean {close[0]}?)" if close else "")


def _problems(table: dict[str, Any]) -> list[str]:
    """What is wrong with a table of settings, one clause each."""
    known = {field.name: field for field in fields()}
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
            problems.append(_unknown(name, list(known)))
        elif problem := _problem(field, given, strict=True):
            problems.append(problem)
    return problems


def _problem(field: Field, given: Any, *, strict: bool) -> str:
    """What is wrong with a value, as a clause; empty where nothing is."""
    shown = f"{field.name} must be {field.range}, not {given!r:.60}"
    if field.choices:
        return "" if given in field.choices else shown
    try:
        nested = given
        for part in reversed(field.name.split(".")):
            nested = {part: nested}
        msgspec.convert(nested, Settings, strict=strict)
    except msgspec.ValidationError:
        return shown
    return ""


def describe_range(kind: Any) -> str:
    """Describe the values a type allows: `a whole number from 1 to 1000`, `full or lora`, `text`.

    Args:
        kind: a type as `msgspec.inspect.type_info` returns it.
    """
    info = msgspec.inspect
    match kind:
        case info.Metadata():
            return describe_range(kind.type)
        case info.UnionType():
            return " or ".join(describe_range(part) for part in kind.types)
        case info.NoneType():
            return "none"
        case info.LiteralType():
            return " or ".join(sorted(str(value) for value in kind.values))
        case info.BoolType():
            return "yes or no"
        case info.IntType() | info.FloatType():
            word = "a whole number" if isinstance(kind, info.IntType) else "a number"
            low = f"from {kind.ge:,.12g}" if kind.ge is not None else f"above {kind.gt:,.12g}"
            high = f"to {kind.le:,.12g}" if kind.le is not None else f"below {kind.lt:,.12g}"
            if kind.le is not None and kind.le > _UNBOUNDED:
                return f"{word} {low} up"
            return f"{word} {low} {high}"
        case info.DictType():
            return "a table of text"
    return "text"


def _without_none(table: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _without_none(value) if isinstance(value, dict) else value
        for name, value in table.items()
        if value is not None
    }
