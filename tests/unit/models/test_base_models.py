"""What can be loaded, under which name."""

from pathlib import Path

import pytest

from tests.support.models import END, tiny_gpt2, tiny_gpt_neo, tiny_llama
from tests.support.run_folders import run_folder
from titletui.errors import TitletuiError, UsageError
from titletui.models import registry
from titletui.models.card import CARD
from titletui.models.hub import cached_models, hub_cache
from titletui.models.loading import load_model, load_tokenizer
from titletui.models.prompts import make_prompt
from titletui.models.registry import find_model, list_models
from titletui.models.validation import check_model
from titletui.paths import Home


@pytest.mark.parametrize("make", [tiny_gpt2, tiny_gpt_neo, tiny_llama])
def test_a_folder_of_each_architecture_loads(make, home: Home, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    info = find_model(home, str(make(tmp_path / "m", tasks=["title"])))
    loaded = load_model(info, home=home)
    assert (info.kind, info.task) == ("folder", "title")
    assert sum(p.numel() for p in loaded.model.parameters()) == info.parameters


def test_a_chat_template_shapes_the_instruction(home: Home, tmp_path: Path) -> None:
    loaded = load_model(find_model(home, str(tiny_llama(tmp_path / "m", chat=True))), home=home)
    prompt = make_prompt("instruction", abstract="We  study noise.", tokenizer=loaded.tokenizer)
    assert prompt.templated
    assert prompt.text.startswith("<|user|>\nWrite a title")
    assert prompt.text.endswith("We study noise.\n<|assistant|>\n")


def test_a_chat_template_that_leaves_the_abstract_out_is_not_used(
    home: Home, tmp_path: Path
) -> None:
    loaded = load_model(find_model(home, str(tiny_llama(tmp_path / "m", chat=True))), home=home)
    loaded.tokenizer.chat_template = "{{ messages | length }} messages"
    prompt = make_prompt("instruction", abstract="We study noise.", tokenizer=loaded.tokenizer)
    assert not prompt.templated
    assert prompt.text.startswith("### Instruction:\nWrite a title")
    assert prompt.text.endswith("We study noise.\n\n### Response:\n")


@pytest.mark.parametrize("name", ["", "no such", "./nothing", "../x", "a/b/c"])
def test_an_unknown_model_is_refused(name: str, home: Home) -> None:
    with pytest.raises(UsageError):
        find_model(home, name)


def test_a_model_of_the_hub_is_found_before_it_is_downloaded(home: Home) -> None:
    info = find_model(home, "gpt2")
    assert (info.kind, info.path) == ("hub", None)
    assert all(model.kind != "hub" for model in list_models(home))


def test_a_model_of_which_the_cache_keeps_only_the_name_is_to_be_downloaded(home: Home) -> None:
    gone = hub_cache() / "models--org--gone"
    (gone / "refs").mkdir(parents=True)
    (gone / "refs" / "main").write_text("0123456789abcdef")
    assert cached_models() == []
    assert find_model(home, "org/gone").path is None
    with pytest.raises(TitletuiError, match="There is no model folder"):
        check_model(gone / "snapshots" / "0123456789abcdef")


def test_a_tokenizer_without_a_config_of_its_own_is_read_all_the_same(
    home: Home, tmp_path: Path
) -> None:
    folder = tiny_gpt2(tmp_path / "m")
    whole = load_tokenizer(folder).get_vocab()
    (folder / "tokenizer_config.json").unlink()
    tokenizer = load_model(find_model(home, str(folder)), home=home).tokenizer
    assert (tokenizer.get_vocab(), tokenizer.eos_token) == (whole, END)


def test_a_models_mark_says_which_checkpoint(home: Home) -> None:
    job = run_folder(home, "a-1", [3.0 - step / 100 for step in range(100)], every=25)
    with pytest.raises(TitletuiError, match="has no checkpoint yet"):
        find_model(home, "a-1")
    with pytest.raises(TitletuiError, match="no best checkpoint: nothing was held out"):
        find_model(home, "a-1@best")
    for step in (25, 50):
        folder = job.checkpoints / f"step-{step:06d}"
        folder.mkdir(parents=True)
        (folder / "MANIFEST.json").write_text("{}")
    assert find_model(home, "a-1").path == job.checkpoints / "step-000050"
    assert find_model(home, "a-1@25").path == job.checkpoints / "step-000025"
    for mark in ("75", "soon"):
        with pytest.raises(UsageError, match=f"no checkpoint '{mark}'; there are: 25, 50"):
            find_model(home, f"a-1@{mark}")
    job.model.mkdir()
    (job.model / CARD).write_text('{"step": 100}')
    assert find_model(home, "a-1@best").path == job.model
    (job.model / CARD).write_text("{")
    with pytest.raises(TitletuiError, match="is damaged"):
        find_model(home, "a-1")


def test_without_the_starter_all_else_is_there_and_it_is_asked_to_be_installed_again(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "STARTER", tmp_path)
    assert list_models(home) == []
    with pytest.raises(TitletuiError, match="install titletui again"):
        find_model(home, "starter")


def test_the_hubs_cache_is_where_its_own_variables_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", "/a/cache")
    assert hub_cache() == Path("/a/cache")
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.setenv("HF_HOME", "/a/home")
    assert hub_cache() == Path("/a/home/hub")
    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert hub_cache() == Path("/xdg/huggingface/hub")
