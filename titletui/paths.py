"""The folders of a user, and checks of the paths and names that a user types.

Files are kept in the platform's folders for user data, settings, cache and logs, or all under
`TITLETUI_HOME` if that is set. Folders are created with mode 0700.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from titletui.errors import TitletuiError, UsageError

STARTER = Path(__file__).parent / "starter"
"""The folder of the bundled model."""

NAME_LENGTH = 100
_SHOWN = 80
_NAME = re.compile(r"[^\x00-\x1f\x7f/\\\ud800-\udfff]+")


@dataclass(frozen=True)
class Home:
    """The folders of one user.

    Attributes:
        data: corpora, jobs and the library; worth backing up.
        config: `config.toml`.
        cache: can be deleted.
        logs: crash reports.
    """

    data: Path
    config: Path
    cache: Path
    logs: Path

    @property
    def corpus_db(self) -> Path:
        return self.data / "corpus.db"

    @property
    def library_db(self) -> Path:
        return self.data / "library.db"

    @property
    def jobs(self) -> Path:
        return self.data / "jobs"

    @property
    def config_toml(self) -> Path:
        return self.config / "config.toml"


def find_home() -> Home:
    """Return the folders of this user and create the missing ones.

    Raises:
        TitletuiError: a folder cannot be created, or `TITLETUI_HOME` is not a folder.
        UsageError: `TITLETUI_HOME` contains a variable that is not set.
    """
    root = os.environ.get("TITLETUI_HOME")
    if root:
        root = os.path.expandvars(root)
        if "$" in root:
            raise UsageError(f"TITLETUI_HOME={root} contains a variable that is not set.")
        top = named_path(root).absolute()
        home = Home(top, top, top / "cache", top / "logs")
    else:
        from platformdirs import PlatformDirs

        dirs = PlatformDirs("titletui", appauthor=False)
        home = Home(
            dirs.user_data_path, dirs.user_config_path, dirs.user_cache_path, dirs.user_log_path
        )
    for folder in (home.data, home.config, home.cache, home.logs):
        private_folder(folder)
    return home


def private_folder(folder: Path) -> Path:
    """Create `folder` and its missing parents with mode 0700.

    Raises:
        TitletuiError: the folder cannot be created.
    """
    try:
        missing = [part for part in (folder, *folder.parents) if not part.exists()]
        for part in reversed(missing):
            part.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise TitletuiError(
            f"The folder {folder} cannot be created ({error.strerror}); "
            "set TITLETUI_HOME to a folder that you can write to."
        ) from error
    return folder


def named_path(typed: str | Path) -> Path:
    """Return the path that a user typed, with `~` and `~user` expanded; it need not exist.

    Raises:
        UsageError: there is no such user, the name is too long, or the folder is not accessible.
    """
    found = os.path.expanduser(typed)
    path = Path(found)
    if found.startswith("~") and not os.path.lexists(path):
        raise UsageError(f"There is no user {path.parts[0][1:]!r:.40}, nor a file {typed!s:.80}.")
    try:
        path.is_dir()
    except OSError as error:
        shown = typed if len(str(typed)) <= _SHOWN else f"{str(typed)[:_SHOWN]}…"
        raise UsageError(f"{shown} cannot be opened ({error.strerror}); name another.") from error
    return path


def checked_name(name: str, what: str = "name") -> str:
    """Return `name` if it is valid as the name of a file.

    Raises:
        UsageError: it is empty, too long, starts with a dot or dash, or contains a slash, a
            control character or a lone surrogate.
    """
    if not name.strip():
        raise UsageError(f"A {what} cannot be empty.")
    if len(name.encode(errors="replace")) > NAME_LENGTH:
        raise UsageError(
            f"A {what} has at most {NAME_LENGTH} bytes, this one has more: {name!r:.40}…"
        )
    if name.startswith((".", "-")) or name != name.strip() or not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a valid {what}: it must not start with a dot, a dash or a space "
            "nor contain a slash, a control character or invalid Unicode."
        )
    return name
