"""Models that are not whole, or that bring code: refused before anything of them is loaded."""

import json
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.support.models import tiny_gpt2, tiny_llama
from tests.support.training_runs import toy_corpus
from titletui.errors import TitletuiError
from titletui.models.loading import load_model
from titletui.models.registry import find_model
from titletui.models.validation import MINIMUM_VERSIONS
from titletui.paths import Home
from titletui.training.launch.runs import prepare_run
from titletui.training.recipe import Recipe


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gpt2(tmp_path_factory.mktemp("models") / "whole")


@pytest.fixture
def model(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "model"))


def change(path: Path, **values: object) -> None:
    table = json.loads(path.read_text())
    path.write_text(json.dumps({**table, **values}))


def rename_tensor(path: Path, old: str, new: str) -> None:
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header[new] = header.pop(old)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


def no_vocabulary(model: Path) -> None:
    table = json.loads((model / "tokenizer.json").read_text())
    table["model"]["vocab"] = {}
    (model / "tokenizer.json").write_text(json.dumps(table))


def in_place_of(path: Path) -> None:
    path.unlink()
    path.mkdir()


def shards(model: Path, table: object) -> None:
    (model / "model.safetensors").unlink()
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": table}))


def more_tokens(model: Path) -> None:
    table = json.loads((model / "tokenizer.json").read_text())
    more = {**table["added_tokens"][0], "id": 90_000, "content": "<more>"}
    table["added_tokens"].append(more)
    table["model"]["vocab"]["<more>"] = 90_000
    (model / "tokenizer.json").write_text(json.dumps(table))


def forgetful(model: Path) -> None:
    table = json.loads((model / "tokenizer.json").read_text())
    table["normalizer"] = {"type": "Lowercase"}
    (model / "tokenizer.json").write_text(json.dumps(table))


def merges_pointer(model: Path) -> None:
    (model / "tokenizer.json").unlink()
    (model / "vocab.json").write_text('{"a": 0}')
    (model / "merges.txt").write_text(POINTER)


def old_files(model: Path) -> None:
    merges_pointer(model)
    (model / "vocab.json").write_text("{}")
    (model / "merges.txt").write_text("")


def adapter(model: Path, *, weights: bool = False, **facts: object) -> None:
    """In place of the model: the configuration of an adapter, and tensors that fit no model."""
    (model / "config.json").unlink()
    (model / "titletui.json").unlink(missing_ok=True)
    config = {"peft_type": "LORA", "r": 4, "target_modules": ["nothing"], **facts}
    (model / "adapter_config.json").write_text(json.dumps(config))
    if weights:
        (model / "model.safetensors").rename(model / "adapter_model.safetensors")


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"

HALF: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (lambda m: (m / "config.json").unlink(), "has no config.json"),
    "no weights": (lambda m: (m / "model.safetensors").unlink(), "has no weights"),
    "no tokenizer": (lambda m: (m / "tokenizer.json").unlink(), "has no tokenizer"),
    "half the weights": (
        lambda m: (m / "model.safetensors").write_bytes(
            (m / "model.safetensors").read_bytes()[:20_000]
        ),
        "incomplete",
    ),
    "an empty file": (lambda m: (m / "model.safetensors").write_bytes(b""), "incomplete"),
    "half a header": (
        lambda m: (m / "model.safetensors").write_bytes(
            (m / "model.safetensors").read_bytes()[:100]
        ),
        "incomplete",
    ),
    "a pointer": (lambda m: (m / "model.safetensors").write_text(POINTER), "Git LFS pointer"),
    "a tokenizer pointer": (lambda m: (m / "tokenizer.json").write_text(POINTER), "LFS pointer"),
    "half a config": (lambda m: (m / "config.json").write_text('{"a": '), "is no JSON"),
    "a wrong shape": (lambda m: change(m / "config.json", vocab_size=999), "wrong shape"),
    "a wrong width": (lambda m: change(m / "config.json", n_embd=64), "cannot be loaded|not fit"),
    "a missing layer": (lambda m: change(m / "config.json", n_layer=3), "do not fit"),
    "a layer too many": (lambda m: change(m / "config.json", n_layer=1), "do not fit"),
    "a missing key": (
        lambda m: rename_tensor(
            m / "model.safetensors", "transformer.ln_f.weight", "transformer.else"
        ),
        "do not fit",
    ),
    "no vocabulary": (no_vocabulary, "empty vocabulary"),
    "a list for a tokenizer": (
        lambda m: (m / "tokenizer.json").write_text('{"model": []}'), "empty vocabulary"
    ),
    "a folder for a config": (lambda m: in_place_of(m / "config.json"), "cannot be read"),
    "a folder for the weights": (lambda m: in_place_of(m / "model.safetensors"), "cannot be read"),
    "a list for a config": (lambda m: (m / "config.json").write_text("[]"), "no JSON object"),
    "an index of nothing": (lambda m: shards(m, []), "is damaged"),
    "a missing shard": (lambda m: shards(m, {"x": "model-2.safetensors"}), "has no model-2"),
    "a header that is none": (
        lambda m: (m / "model.safetensors").write_bytes(struct.pack("<Q", 9) + b'{"x": [1]' * 2),
        "its header cannot be read",
    ),
    "no end token": (lambda m: change(m / "tokenizer_config.json", eos_token=None), "no end token"),
    "more tokens than rows": (more_tokens, "more tokens"),
    "a tokenizer that forgets": (forgetful, "does not decode what it encoded"),
    "a tokenizer of another kind": (
        lambda m: change(m / "tokenizer.json", decoder={"type": "Nothing"}), "cannot be used"
    ),
    "old files without a word": (old_files, "empty vocabulary"),
    "merges that are a pointer": (merges_pointer, "LFS pointer"),
    "half an adapter": (lambda m: adapter(m, peft_type="IA3"), "is not LoRA"),
    "an adapter without weights": (lambda m: adapter(m), "has no adapter_model"),
    "an adapter of nothing": (
        lambda m: adapter(m, weights=True, base_model_name_or_path=""),
        "does not name its base model",
    ),
    "an adapter of itself": (
        lambda m: adapter(m, weights=True, base_model_name_or_path=str(m)), "is its own base model"
    ),
    "an adapter of another model": (
        lambda m: adapter(m, weights=True, base_model_name_or_path="starter"),
        "does not fit starter|cannot",
    ),
}  # fmt: skip


@pytest.mark.fault("F45")
@pytest.mark.parametrize("harm", list(HALF))
def test_a_model_that_is_not_whole_is_refused_in_one_line(
    home: Home, model: Path, harm: str
) -> None:
    act, says = HALF[harm]
    act(model)
    with pytest.raises(TitletuiError, match=says) as refused:
        load_model(find_model(home, str(model)), home=home)
    assert "\n" not in str(refused.value)


@pytest.mark.fault("F45")
def test_a_model_that_cannot_be_used_is_refused_before_a_run_is_made(
    home: Home, model: Path
) -> None:
    (model / "model.safetensors").unlink()
    with toy_corpus(home) as store, pytest.raises(TitletuiError, match="has no weights"):
        prepare_run(home, store, "toy", Recipe(base=str(model)))
    assert not (home.jobs / "run").exists()


@pytest.mark.fault("F45")
@pytest.mark.timeout(60)
def test_an_adapter_that_stands_on_itself_is_refused_before_a_run_is_made(
    home: Home, model: Path
) -> None:
    adapter(model, weights=True, base_model_name_or_path=str(model))
    with toy_corpus(home) as store, pytest.raises(TitletuiError, match="is its own base model"):
        prepare_run(home, store, "toy", Recipe(base=str(model)))
    assert not (home.jobs / "run").exists()


class Malice:
    """A pickle that leaves a mark when it is read."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.mark,)


@pytest.mark.fault("F46")
@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"auto_map": {"AutoModelForCausalLM": "evil.Model"}}, "auto_map"),
        ({"_attn_implementation_internal": "evil/kernel"}, "_attn_implementation"),
        ({"model_type": "evil"}, "'evil', which titletui does not"),
        ({"model_type": None}, "does not load"),
        ({"quantization_config": {"auto_map": {"x": "y"}}}, "auto_map"),
    ],
)
def test_a_model_that_asks_for_code_is_refused(
    home: Home, model: Path, tmp_path: Path, values: dict[str, object], says: str
) -> None:
    mark = tmp_path / "mark"
    (model / "evil.py").write_text(f"open({str(mark)!r}, 'w').close()\nclass Model: pass\n")
    change(model / "config.json", **values)
    with pytest.raises(TitletuiError, match=says):
        load_model(find_model(home, str(model)), home=home)
    assert not mark.exists()


@pytest.mark.fault("F46")
def test_a_tokenizer_that_asks_for_code_is_refused(home: Home, model: Path) -> None:
    change(model / "tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.T", None]})
    with pytest.raises(TitletuiError, match="auto_map"):
        load_model(find_model(home, str(model)), home=home)


@pytest.mark.fault("F46")
@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pkl"])
def test_a_pickle_is_never_opened(home: Home, model: Path, tmp_path: Path, name: str) -> None:
    mark = tmp_path / "mark"
    (model / "model.safetensors").unlink()
    (model / name).write_bytes(pickle.dumps(Malice(mark)))
    with pytest.raises(TitletuiError, match="are a pickle"):
        load_model(find_model(home, str(model)), home=home)
    assert not mark.exists()


@pytest.mark.fault("F46")
def test_a_pickle_beside_safetensors_is_left_alone(home: Home, model: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    (model / "pytorch_model.bin").write_bytes(pickle.dumps(Malice(mark)))
    load_model(find_model(home, str(model)), home=home)
    assert not mark.exists()


@pytest.mark.fault("F46")
def test_shards_outside_of_the_folder_are_refused(home: Home, tmp_path: Path) -> None:
    model = tiny_llama(tmp_path / "model")
    (model / "model.safetensors").rename(tmp_path / "outside.safetensors")
    index = {"weight_map": {"model.norm.weight": "../outside.safetensors"}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(TitletuiError, match="is damaged"):
        load_model(find_model(home, str(model)), home=home)


@pytest.mark.fault("F48")
@pytest.mark.parametrize(("library", "version"), [("torch", "2.5.1"), ("transformers", "5.2.0")])
def test_a_library_that_is_too_old_loads_no_model(
    home: Home,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    library: str,
    version: str,
) -> None:
    facts = tmp_path / "old" / f"{library}-{version}.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {library}\nVersion: {version}\n")
    monkeypatch.syspath_prepend(str(facts.parent))
    with pytest.raises(TitletuiError, match=f"{library} {version} is too old"):
        load_model(find_model(home, str(model)), home=home)


@pytest.mark.fault("F48")
def test_a_library_that_is_missing_loads_no_model(
    home: Home, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MINIMUM_VERSIONS, "no-such-library", (1, 0))
    with pytest.raises(TitletuiError, match="no-such-library is not installed"):
        load_model(find_model(home, str(model)), home=home)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU to quantize on")
def test_weights_of_a_few_bits_need_a_gpu(home: Home, model: Path) -> None:
    with pytest.raises(TitletuiError, match="4bit weights need a CUDA GPU"):
        load_model(find_model(home, str(model)), home=home, quantization="4bit")
