"""A vocabulary is read without transformers where it can be, and never read wrongly."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import BPE

from titletui.errors import TitletuiError
from titletui.models.token_bytes import read_vocabulary
from titletui.paths import STARTER


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The starter's tokenizer, to be changed."""
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(STARTER / name, tmp_path / name)
    return tmp_path


def change(folder: Path, **facts: Any) -> None:
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **facts}))


def test_special_tokens_may_be_written_as_objects(folder: Path) -> None:
    before = read_vocabulary(folder)
    assert before is not None
    config = json.loads((folder / "tokenizer_config.json").read_bytes())
    ends = {name: {"content": config[name], "special": True} for name in ("eos_token",)}
    change(folder, **ends, bos_token=None)
    after = read_vocabulary(folder)
    assert after is not None
    assert (after.end, after.start) == (before.end, before.end)
    assert after.pieces == before.pieces


@pytest.mark.parametrize(
    "facts",
    [
        {"eos_token": None},
        {"eos_token": 7},
        {"eos_token": "<never>"},
        {"bos_token": "<never>"},
        {"chat_template": "{{ messages }}"},
    ],
    ids=str,
)
def test_what_only_transformers_can_read_is_left_to_it(folder: Path, facts: dict[str, Any]) -> None:
    change(folder, **facts)
    assert read_vocabulary(folder) is None


def test_a_template_beside_it_no_tokenizer_or_a_config_that_is_none_is_left_to_transformers(
    folder: Path,
) -> None:
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    assert read_vocabulary(folder) is None
    (folder / "chat_template.jinja").unlink()
    assert read_vocabulary(folder) is not None
    for text in ("{", "[]"):
        (folder / "tokenizer_config.json").write_text(text)
        assert read_vocabulary(folder) is None
    (folder / "tokenizer_config.json").unlink()
    assert read_vocabulary(folder) is None


def test_a_damaged_tokenizer_is_told_with_its_folder(folder: Path) -> None:
    text = (folder / "tokenizer.json").read_text()
    (folder / "tokenizer.json").write_text(text[: len(text) // 2])
    with pytest.raises(TitletuiError, match=r"The tokenizer in .* cannot be read"):
        read_vocabulary(folder)


def test_bytes_spaces_and_added_words_are_spelled_as_they_are_written(tmp_path: Path) -> None:
    words = ["</s>", "<0x0A>", "<0xC3>", "\u2581speech", "é"]
    tokenizer = Tokenizer(BPE(vocab={word: place for place, word in enumerate(words)}, merges=[]))
    tokenizer.add_special_tokens([AddedToken("</s>", special=True)])
    tokenizer.add_tokens([AddedToken("<mark>", special=False)])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": "</s>"}')
    vocabulary = read_vocabulary(tmp_path)
    assert vocabulary is not None
    assert vocabulary.pieces == [b"", b"\n", b"\xc3", b" speech", "é".encode(), b"<mark>"]
    assert vocabulary.line_ends == [1]
    assert vocabulary.special_ids == [0]
