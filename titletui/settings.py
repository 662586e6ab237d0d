"""`config.toml`: what a person has chosen, checked against one schema."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec
import tomli_w

from titletui.atomic import write_whole
from titletui.errors import TitletuiError

Temperature = Annotated[float, msgspec.Meta(ge=0.0, le=5.0)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Share = Annotated[float, msgspec.Meta(gt=0.0, le=1.0)]


class GenerateSettings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The knobs of the Generate screen, as they were left.

    Attributes:
        model: `starter`, a run's name, a folder or a hub id.
        top_k: 0 means all tokens.
        seed: None draws a new one for each batch.
        hide_repeats: titles that were seen before are not shown again.
        against: the corpus that candidates are compared with; None means all papers.
    """

    model: str = "starter"
    prefix: str = ""
    temperature: Temperature = 0.8
    count: Count = 10
    top_p: Share = 0.95
    top_k: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0
    length: Annotated[int, msgspec.Meta(ge=4, le=512)] = 48
    seed: int | None = None
    against: str | None = None
    sort: str = "arrival"
    hide_copies: bool = False
    hide_repeats: bool = True


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """All settings.

    Attributes:
        theme: a Textual theme's name.
        mode: the screen that the app opens on.
        mouse: whether the app takes the mouse.
        welcome: whether the first-run hints still show.
        keys: binding id → key.
    """

    theme: str = "titletui-dark"
    mode: str = "generate"
    mouse: bool = True
    welcome: bool = True
    bell: bool = True
    generate: GenerateSettings = msgspec.field(default_factory=GenerateSettings)
    shortlist_sort: str = "added"
    keys: dict[str, str] = {}


def load_settings(path: Path) -> Settings:
    """The settings in `path`; the defaults where there is no file.

    Raises:
        TitletuiError: the file is not TOML, or a value is unknown or out of range.
    """
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return msgspec.convert(table, Settings)
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise TitletuiError(f"{path} cannot be used: {error}; mend or delete it.") from error


def save_settings(path: Path, settings: Settings) -> None:
    """Writes the settings whole."""
    table = {k: v for k, v in _without_none(msgspec.to_builtins(settings)).items() if v != {}}
    write_whole(path, tomli_w.dumps(table).encode())


def _without_none(table: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _without_none(value) if isinstance(value, dict) else value
        for name, value in table.items()
        if value is not None
    }
