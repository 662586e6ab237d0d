"""What can be loaded, under which name."""

from pathlib import Path

import pytest

from tests.models import tiny_gpt2, tiny_gpt_neo, tiny_llama
from titletui.errors import UsageError
from titletui.home import Home
from titletui.training.base_models import find_model, list_models, load_model
from titletui.training.prompts import make_prompt, prompt_tokens


@pytest.mark.parametrize("make", [tiny_gpt2, tiny_gpt_neo, tiny_llama])
def test_a_folder_of_each_architecture_loads(make, home: Home, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    info = find_model(home, str(make(tmp_path / "m", tasks=["title"])))
    loaded = load_model(info, home=home)
    assert (info.kind, info.task) == ("folder", "title")
    assert sum(p.numel() for p in loaded.model.parameters()) == info.parameters
    tokens, cut = prompt_tokens(loaded.tokenizer, make_prompt("title"), title_prefix="Neural α")
    assert tokens[0] == loaded.tokenizer.eos_token_id
    assert loaded.tokenizer.decode(tokens[1:]) == "Neural α"
    assert not cut


def test_a_chat_template_shapes_the_instruction(home: Home, tmp_path: Path) -> None:
    loaded = load_model(find_model(home, str(tiny_llama(tmp_path / "m", chat=True))), home=home)
    prompt = make_prompt("instruction", abstract="We  study noise.", tokenizer=loaded.tokenizer)
    assert prompt.templated
    assert prompt.text.startswith("<|user|>\nWrite a title")
    assert prompt.text.endswith("We study noise.\n<|assistant|>\n")


def test_an_abstract_is_cut_from_its_end_and_the_rest_stays(home: Home, tmp_path: Path) -> None:
    tokenizer = load_model(find_model(home, str(tiny_gpt2(tmp_path / "m"))), home=home).tokenizer
    prompt = make_prompt("abstract-to-title", abstract="word " * 100)
    tokens, cut = prompt_tokens(tokenizer, prompt, room=20)
    assert cut
    assert len(tokens) == 20
    text = tokenizer.decode(tokens[1:])
    assert text.startswith("word word")
    assert text.endswith("\n\n")


@pytest.mark.parametrize("name", ["", "no such", "./nothing", "../x", "a/b/c"])
def test_an_unknown_model_is_refused(name: str, home: Home) -> None:
    with pytest.raises(UsageError):
        find_model(home, name)


def test_a_model_of_the_hub_is_found_before_it_is_downloaded(home: Home) -> None:
    info = find_model(home, "gpt2")
    assert (info.kind, info.path) == ("hub", None)
    assert all(model.kind != "hub" for model in list_models(home))
