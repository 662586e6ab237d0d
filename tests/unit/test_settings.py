"""config.toml: one schema, checked, remembered."""

from pathlib import Path

import pytest

from titletui.errors import TitletuiError, UsageError
from titletui.settings import (
    SHORTLIST_SORTS,
    Settings,
    fields,
    load_settings,
    save_settings,
    value,
    with_value,
)


def test_settings_are_remembered(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    assert load_settings(path) == Settings()
    settings = Settings(theme="nord", keys={"generate.star": "f"})
    settings.generate.prefix = 'R[0,1] "and" é'
    settings.generate.temperature = 1.25
    settings.generate.seed = 7
    save_settings(path, settings)
    assert load_settings(path) == settings
    settings.generate.seed = None
    save_settings(path, settings)
    assert load_settings(path).generate.seed is None


def test_every_setting_is_described() -> None:
    described = {field.name: field for field in fields(Settings)}
    assert all(field.doc.endswith(".") and field.range for field in described.values())
    assert all("\n" not in field.doc for field in described.values())
    names = set(Settings.__struct_fields__) - {"generate"}
    names |= {f"generate.{name}" for name in type(Settings().generate).__struct_fields__}
    assert described.keys() == names
    temperature = described["generate.temperature"]
    assert (temperature.kind, temperature.range) == ("number", "a number from 0 to 5")
    assert temperature.default == 0.8
    assert described["generate.top_p"].range == "a number above 0 to 1"
    assert described["generate.seed"].range.endswith(" or none")
    assert described["mode"].choices == ("corpus", "train", "generate", "shortlist")
    assert described["shortlist_sort"].choices == SHORTLIST_SORTS
    assert described["mouse"].kind == "yes or no"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("generate.temperature", " 1.5 ", 1.5),
        ("generate.temperature", "1", 1.0),
        ("generate.count", "20", 20),
        ("generate.seed", "", None),
        ("generate.seed", "12", 12),
        ("generate.against", "none", None),
        ("generate.prefix", "Neural ", "Neural "),
        ("mouse", "no", False),
        ("mouse", "On", True),
        ("mode", "train", "train"),
    ],
)
def test_a_setting_can_be_typed(name: str, text: str, expected: object) -> None:
    before = Settings()
    changed = with_value(before, name, text)
    assert value(changed, name) == expected
    assert type(value(changed, name)) is type(expected)
    assert before == Settings()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("generate.temperature", "hot", "generate.temperature must be a number from 0 to 5"),
        ("generate.temperature", "6", "from 0 to 5, not '6'"),
        ("generate.temperature", "nan", "generate.temperature must be"),
        ("generate.count", "0", "generate.count must be a whole number from 1 to 1,000"),
        ("generate.count", "2.5", "a whole number"),
        ("generate.seed", "-1", "or none"),
        ("mode", "fly", "mode must be corpus or train or generate or shortlist"),
        ("mouse", "perhaps", "mouse must be yes or no"),
        ("generate.temprature", "1", "did you mean generate.temperature?"),
        ("nothing.at.all", "1", "no setting 'nothing.at.all'"),
    ],
)
def test_a_value_that_is_none_is_refused_with_its_range(name: str, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=r"^[^\n]+$") as refused:
        with_value(Settings(), name, text)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("theme = 3", "theme must be text, not 3"),
        ("[generate]\ntemperature = 9", "generate.temperature must be a number from 0 to 5, not 9"),
        ("[generate]\ntemperature = nan", "generate.temperature must be"),
        ("[generate]\nsort = 'best'", "generate.sort must be arrival or"),
        (
            "[generate]\ntemprature = 1\n",
            "no setting 'generate.temprature' (did you mean generate.temperature?)",
        ),
        ("mose = true", "did you mean mouse?"),
        ("generate = 3", "generate must be a table"),
        ("[keys]\nstar = 3", "keys must be a table of text"),
        ("theme = ", "cannot be read"),
        ("theme = 1\nmode = 'x'", "theme must be text, not 1; mode must be"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_field_by_field(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(TitletuiError) as refused:
        load_settings(path)
    assert said in str(refused.value)
    assert path.read_text() == text


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TitletuiError, match="cannot be read"):
        load_settings(path)


@pytest.mark.parametrize("written", ["nan", "inf", "-inf"])
def test_a_number_that_is_none_is_refused(tmp_path: Path, written: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"[generate]\ntemperature = {written}\n")
    with pytest.raises(TitletuiError, match=r"generate\.temperature must be"):
        load_settings(path)
    with pytest.raises(UsageError, match=r"generate\.temperature must be"):
        with_value(Settings(), "generate.temperature", written)
