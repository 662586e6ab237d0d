"""Files lie where they should, and nobody else reads them."""

import os
import stat
from pathlib import Path

import pytest

from titletui.atomic_write import write_atomically
from titletui.errors import TitletuiError, UsageError
from titletui.paths import checked_name, find_home, named_path, private_folder

BAD_NAMES = [
    "", " ", ".", "..", "../x", "/etc/passwd", "a/b", "a\\b", "nul\x00", "new\nline", "esc\x1b[0m",
    ".hidden", "-rf", " padded ", "x" * 300, "é" * 80, "byte\udcff",
]  # fmt: skip


def test_one_variable_puts_everything_under_one_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TITLETUI_HOME", str(tmp_path / "deep" / "home"))
    home = find_home()
    for path in (home.corpus_db, home.library_db, home.jobs, home.config_toml, home.logs):
        assert path.is_relative_to(tmp_path / "deep" / "home")


def test_without_it_the_platform_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TITLETUI_HOME")
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    home = find_home()
    assert home.data == tmp_path / "XDG_DATA_HOME" / "titletui"
    assert home.config == tmp_path / "XDG_CONFIG_HOME" / "titletui"


@pytest.mark.fault("F64")
def test_folders_and_files_are_private_whatever_the_umask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TITLETUI_HOME", str(tmp_path / "a" / "b"))
    before = os.umask(0)
    try:
        home = find_home()
        write_atomically(home.config_toml, b"x = 1")
    finally:
        os.umask(before)
    assert stat.S_IMODE(home.data.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.logs.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.config_toml.stat().st_mode) == 0o600


def test_a_home_that_cannot_be_made_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TITLETUI_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(TitletuiError, match="TITLETUI_HOME"):
        find_home()


@pytest.mark.fault("F63")
@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_could_leave_its_folder_is_refused(name: str, record_property: object) -> None:
    assert callable(record_property)
    record_property("bad_inputs", 1)
    with pytest.raises(UsageError, match="name"):
        checked_name(name, "run name")


@pytest.mark.parametrize("name", ["eess-as-1", "cs.CL", "my titles.txt", "Größe", "日本", "[red]"])
def test_a_good_name_is_kept_as_it_is(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    ("typed", "said"),
    [("~nobody-of-that-name/x.txt", "no user 'nobody-of-that-name'"), ("x" * 300, "too long")],
)
def test_a_path_that_nothing_can_have_is_refused(typed: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        named_path(typed)
    assert len(str(refused.value)) < 200


def test_a_path_is_what_a_shell_would_make_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert named_path("~/papers.jsonl") == tmp_path / "papers.jsonl"
    assert named_path("not/there.txt") == Path("not/there.txt")
    assert named_path("./~x") == Path("./~x")
    assert named_path("") == Path()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~lock").touch()
    assert named_path(Path("~lock")) == Path("~lock")


def test_a_home_of_a_user_that_there_is_not_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TITLETUI_HOME", "~nobody-of-that-name/home")
    with pytest.raises(UsageError, match="no user"):
        find_home()


def test_a_file_that_cannot_be_written_whole_is_not_touched(tmp_path: Path) -> None:
    target = tmp_path / "settings"
    write_atomically(target, b"old")

    with pytest.raises(TypeError):
        write_atomically(target, object())  # type: ignore[arg-type]
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["settings"]


def test_a_home_that_no_folder_can_be_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TitletuiError, match="cannot be created"):
        private_folder(tmp_path / ("x" * 300))
