"""Each kind of model is opened in the right way and given its own form of prompt."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.support.generation_requests import request
from tests.support.models import tiny_bloom, tiny_gpt2, tiny_gpt_neo, tiny_llama
from titletui.candidate import Candidate
from titletui.errors import TitletuiError
from titletui.generation.engine import Engine, open_engine
from titletui.inference.cpu_decoder import CpuDecoder
from titletui.models.loading import load_model
from titletui.models.prompts import Task
from titletui.paths import STARTER, Home

ABSTRACT = "We study speech in noisy rooms. It is hard. "


def opened(home: Home, folder: Path) -> Engine:
    return open_engine(home, str(folder), lambda _: None)


def written(engine: Engine, folder: Path, **knobs: Any) -> tuple[list[Candidate], str]:
    """The titles in order, and what the person is told."""
    notes: list[str] = []
    asked = request(folder, **knobs)
    titles = list(engine.write(asked, lambda: False, notes.append))
    assert len(notes) == 1
    return sorted(titles, key=lambda title: title.index), notes[0]


def prompts(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the model is given to read, request by request."""
    seen: list[str] = []
    prefill = engine.decoder.prefill

    def noted(tokens: list[int], last: int, *, share: bool) -> torch.Tensor:
        seen.append(engine.vocabulary.bytes_of(tokens).decode())
        return prefill(tokens, last, share=share)

    monkeypatch.setattr(engine.decoder, "prefill", noted)
    return seen


def test_an_abstract_is_given_to_a_model_that_learned_from_abstracts(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_gpt2(tmp_path, tasks=["abstract-to-title"])
    engine = opened(home, folder)
    seen = prompts(engine, monkeypatch)
    _, note = written(engine, folder, abstract=ABSTRACT, prefix="Neur")
    assert seen == [ABSTRACT.strip() + "\n\nNeur"]
    assert note == ""
    _, note = written(engine, folder, abstract=ABSTRACT * 40)
    assert "left out" in note
    assert ". \n\n" in seen[1] or seen[1].endswith(".\n\n")


def test_a_person_is_told_where_a_model_has_not_learned_what_is_asked(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_gpt2(tmp_path, tasks=["title"])
    engine = opened(home, folder)
    seen = prompts(engine, monkeypatch)
    assert "abstract" in written(engine, folder, abstract=ABSTRACT)[1]
    assert "year" in written(engine, folder, year=2027)[1]
    assert seen == ["", ""]
    unasked: dict[Task, str] = {
        "abstract-to-title": "from abstracts",
        "instruction": "from abstracts",
        "year-to-title": "of a year",
    }
    for task, missing in unasked.items():
        folder = tiny_gpt2(tmp_path / task, tasks=[task])
        _, note = written(opened(home, folder), folder)
        assert f"titles {missing}; without one it guesses" in note
    folder = tiny_gpt2(tmp_path / "abstract", tasks=["abstract"])
    assert written(opened(home, folder), folder)[1] == "This model writes abstracts."


def test_a_year_is_given_to_a_model_that_knows_years(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_gpt2(tmp_path, tasks=["year-to-title"])
    engine = opened(home, folder)
    seen = prompts(engine, monkeypatch)
    assert written(engine, folder, year=2027)[1] == ""
    assert seen == ["2027\n\n"]


def test_an_instruction_model_is_asked_in_its_chat_template(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_llama(tmp_path, tasks=["instruction"], chat=True)
    engine = opened(home, folder)
    seen = prompts(engine, monkeypatch)
    written(engine, folder, abstract=ABSTRACT)
    assert seen[0].startswith("<|user|>\n")
    assert ABSTRACT.strip() in seen[0]
    assert seen[0].endswith("<|assistant|>\n")


def test_an_adapter_writes_as_its_merged_model(home: Home, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    base = tiny_gpt2(tmp_path / "base")
    loaded = load_model(opened(home, base).info)
    model = get_peft_model(
        loaded.model, LoraConfig(r=2, target_modules=["c_attn"], fan_in_fan_out=True)
    )
    for name, weight in model.named_parameters():
        if "lora" in name:
            torch.nn.init.normal_(weight, std=0.3)
    adapter = tmp_path / "adapter"
    model.peft_config["default"].base_model_name_or_path = str(base)
    model.save_pretrained(adapter)
    engine = opened(home, adapter)
    plain = written(opened(home, base), base)[0]
    adapted, _ = written(engine, adapter)
    assert [title.token_ids for title in adapted] != [title.token_ids for title in plain]


@pytest.mark.parametrize("make", [tiny_bloom, tiny_gpt_neo, tiny_llama])
def test_models_of_other_architectures_write_titles(make, home: Home, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = make(tmp_path)
    engine = opened(home, folder)
    assert isinstance(engine.decoder, CpuDecoder) == (make is tiny_llama)
    assert engine.decoder.context == {tiny_gpt_neo: 128, tiny_llama: 256}.get(make, 1024)
    titles, _ = written(engine, folder, prefix="Neur", count=30)
    assert [title.index for title in titles] == list(range(30))
    assert all(title.text.startswith("Neur") for title in titles)


def test_a_model_that_lacks_weights_is_refused_in_a_sentence(home: Home, tmp_path: Path) -> None:
    folder = tiny_gpt2(tmp_path)
    weights = load_file(folder / "model.safetensors")
    del weights["transformer.h.0.mlp.c_fc.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(TitletuiError, match=r"\.$"):
        opened(home, folder)


def test_a_tokenizer_that_does_not_give_text_back_is_refused(home: Home, tmp_path: Path) -> None:
    path = tiny_gpt2(tmp_path) / "tokenizer.json"
    path.write_text(
        json.dumps({**json.loads(path.read_text()), "normalizer": {"type": "Lowercase"}})
    )
    with pytest.raises(TitletuiError, match="does not decode what it encoded"):
        opened(home, tmp_path)


def test_a_token_that_the_model_has_no_row_for_is_refused(home: Home, tmp_path: Path) -> None:
    path = tiny_gpt2(tmp_path) / "tokenizer.json"
    table = json.loads(path.read_text())
    table["added_tokens"].append({**table["added_tokens"][0], "id": 400, "content": "<more>"})
    path.write_text(json.dumps(table))
    with pytest.raises(TitletuiError, match=r"has more tokens .* than the model has rows"):
        opened(home, tmp_path)


@pytest.mark.skipif(not (STARTER / "model.safetensors").exists(), reason="no starter is bundled")
def test_the_starter_finishes_half_a_word(home: Home) -> None:
    engine = open_engine(home, "starter", lambda _: None)
    asked = request("starter", prefix="Deep learning for netw", count=20, max_tokens=20)
    titles = list(engine.write(asked, lambda: False, lambda _: None))
    whole = [title for title in titles if title.text.startswith("Deep learning for network")]
    assert len(whole) >= 15
    assert any(title.whole for title in titles)
