"""Titles are written as the model would write them, whatever the prefix, count and batch."""

import itertools
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.support.models import TITLES, tiny_gpt2, tiny_gpt_neo, tiny_llama, tiny_of_config
from titletui.candidate import Candidate
from titletui.inference.cpu_decoder import CpuDecoder, open_decoder
from titletui.inference.prefix import open_title
from titletui.inference.sampler import Decoder, write_titles
from titletui.inference.transformers_decoder import TransformersDecoder
from titletui.models.loading import LoadedModel, load_model
from titletui.models.prompts import Prompt
from titletui.models.registry import ModelInfo
from titletui.models.token_bytes import Vocabulary, vocabulary_of
from titletui.sampling_params import SamplingParams

MAKERS = {"gpt2": tiny_gpt2, "gpt-neo": tiny_gpt_neo, "llama": tiny_llama}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {}
    for name, make in MAKERS.items():
        torch.manual_seed(5)
        made[name] = make(tmp_path_factory.mktemp(name))
        sharpen(made[name])
    return made


def sharpen(folder: Path) -> None:
    """Enlarges random weights, which say nothing, so that some tokens are clearly preferred."""
    weights = load_file(folder / "model.safetensors")
    save_file(
        {key: value * (4 if value.dim() > 1 else 1) for key, value in weights.items()},
        folder / "model.safetensors",
        {"format": "pt"},
    )


def loaded(folder: Path) -> LoadedModel:
    return load_model(ModelInfo(name="tiny", kind="folder", path=folder))


def write(
    decoder: Decoder,
    vocabulary: Vocabulary,
    prefix: str,
    count: int,
    length: int = 8,
    **params: Any,
) -> list[Candidate]:
    opening = open_title(vocabulary, Prompt(), prefix, max_tokens=length, context=decoder.context)
    titles = write_titles(
        decoder, vocabulary, [opening], SamplingParams(**params), count, one_line=False
    )
    return sorted(titles, key=lambda title: title.index)


def loss_of(title: Candidate) -> float:
    """The summed cross-entropy of its tokens."""
    assert title.perplexity is not None
    return math.log(title.perplexity) * title.tokens


@pytest.fixture(scope="module", params=MAKERS)
def model(request: pytest.FixtureRequest, folders: dict[str, Path]) -> LoadedModel:
    return loaded(folders[request.param])


@pytest.fixture
def decoder(model: LoadedModel) -> TransformersDecoder:
    return TransformersDecoder(model.model)


@pytest.fixture
def vocabulary(model: LoadedModel) -> Vocabulary:
    return vocabulary_of(model.tokenizer)


def test_tokens_come_as_often_as_from_generate(
    model: LoadedModel, decoder: Decoder, vocabulary: Vocabulary
) -> None:
    count = 3000
    torch.manual_seed(1)
    theirs = model.model.generate(
        torch.tensor([[vocabulary.start]]),
        do_sample=True,
        temperature=0.8,
        top_p=0.9,
        top_k=30,
        num_return_sequences=count,
        max_new_tokens=2,
        min_new_tokens=2,
        pad_token_id=vocabulary.end,
    )[:, 1:].tolist()
    mine: list[tuple[int, ...]] = []
    for seed in range(3):
        titles = write(
            decoder, vocabulary, "", 1000, 2, temperature=0.8, top_p=0.9, top_k=30, seed=seed
        )
        mine += [title.token_ids for title in titles]
    for place in range(2):
        a = Counter(row[place] for row in theirs)
        b = Counter(row[place] for row in mine if len(row) > place)
        apart = sum(abs(a[t] / count - b[t] / count) for t in {*a, *b}) / 2
        expected = sum((a[t] / count * 2 / count / 3.14) ** 0.5 for t in a) / 2
        assert apart < 2 * expected + 0.02
        assert len(a) > 3


def test_greedy_is_what_generate_gives(
    model: LoadedModel, decoder: Decoder, vocabulary: Vocabulary
) -> None:
    theirs = model.model.generate(
        torch.tensor([[vocabulary.start]]),
        do_sample=False,
        max_new_tokens=10,
        min_new_tokens=1,
        pad_token_id=vocabulary.end,
    )[0, 1:].tolist()
    titles = write(decoder, vocabulary, "", 3, 10, temperature=0)
    assert [list(title.token_ids) for title in titles] == [theirs] * 3
    assert [title.index for title in titles] == [0, 1, 2]


def test_the_loss_is_that_of_the_model_on_the_own_tokens(
    model: LoadedModel, decoder: Decoder, vocabulary: Vocabulary
) -> None:
    for title in write(decoder, vocabulary, "", 8, 12, temperature=1.5, seed=4):
        ids = torch.tensor([[vocabulary.start, *title.token_ids]])
        with torch.no_grad():
            scores = model.model(ids).logits[0, :-1].log_softmax(dim=-1)
        # The first token may not be the end, so its chances are those of the others.
        first = scores[0].clone()
        first[vocabulary.special_ids] = float("-inf")
        scores[0] = first.log_softmax(dim=-1)
        loss = -scores.gather(1, ids[0, 1:, None]).sum()
        assert loss_of(title) == pytest.approx(float(loss), rel=1e-3)
        assert title.tokens == len(title.token_ids)


def test_the_same_seed_gives_the_same_titles_whatever_the_count(
    decoder: Decoder, vocabulary: Vocabulary
) -> None:
    few = write(decoder, vocabulary, "Neur", 5, seed=9)
    many = write(decoder, vocabulary, "Neur", 200, seed=9)
    assert [t.token_ids for t in many[:5]] == [t.token_ids for t in few]
    assert [t.index for t in many] == list(range(200))
    assert [t.token_ids for t in write(decoder, vocabulary, "Neur", 5, seed=10)] != [
        t.token_ids for t in few
    ]


@pytest.mark.parametrize(
    "prefix",
    ["Neur", "Neural ", "ROBUST Spe", "x" * 700 + " Rob", "<|endoftext|>[/b]☃", "a\x1b[0m"],
)
def test_titles_go_on_from_the_very_bytes_of_the_prefix(
    decoder: Decoder, vocabulary: Vocabulary, prefix: str
) -> None:
    opening = open_title(vocabulary, Prompt(), prefix, max_tokens=8, context=decoder.context)
    prompt = list(opening.tokens)
    whole = vocabulary.bytes_of(prompt)
    for title in write_titles(decoder, vocabulary, [opening], SamplingParams(seed=2), 20):
        ways = [
            vocabulary.bytes_of([*prompt[:place], *title.token_ids])
            for place in range(len(prompt) - opening.ending, len(prompt) + 1)
        ]
        texts = [
            way[len(whole) :].decode(errors="replace").partition("\n")[0].rstrip("\ufffd \t\r")
            for way in ways
            if way.startswith(whole)
        ]
        assert title.text in texts
        assert "<|endoftext|>" not in title.text


def test_half_a_word_is_gone_on_with_as_the_model_weighs_it(
    model: LoadedModel, decoder: Decoder, vocabulary: Vocabulary
) -> None:
    """Against all ways to write the prefix, their chances worked out one by one."""
    opening = open_title(vocabulary, Prompt(), "Robust Spe", max_tokens=1, context=decoder.context)
    prompt = list(opening.tokens)
    with torch.no_grad():
        after = model.model(torch.tensor([prompt])).logits[0].softmax(dim=-1).double()
    kept = len(prompt) - opening.ending
    rest = vocabulary.bytes_of(prompt[kept:])
    chances: dict[int, float] = dict.fromkeys(range(len(vocabulary.pieces)), 0.0)
    way = 1.0
    for place in range(kept, len(prompt) + 1):
        for token, piece in enumerate(vocabulary.pieces):
            # What only spells the prefix in another way says nothing new.
            if piece.startswith(rest) and len(piece) > len(rest):
                chances[token] += way * float(after[place - 1, token])
        if place < len(prompt):
            way *= float(after[place - 1, prompt[place]])
            rest = rest[len(vocabulary.pieces[prompt[place]]) :]
    total = sum(chances.values())
    seen: Counter[int] = Counter()
    for seed in range(4):
        titles = write(
            decoder, vocabulary, "Robust Spe", 1000, 1, seed=seed, temperature=1.0, top_p=1.0
        )
        seen.update(title.token_ids[0] for title in titles)
    apart = sum(abs(seen[t] / 4000 - chances[t] / total) for t in {*seen, *chances}) / 2
    spread = sum((chance / total / 4000) ** 0.5 for chance in chances.values()) / 2
    assert apart < spread + 0.01
    assert len(seen) > 3


def test_each_title_comes_when_it_ends(decoder: Decoder, vocabulary: Vocabulary) -> None:
    opening = open_title(vocabulary, Prompt(), "", max_tokens=30, context=decoder.context)
    steps = itertools.count()

    class Counted(TransformersDecoder):
        def step(self, tokens: torch.Tensor) -> torch.Tensor:
            next(steps)
            return super().step(tokens)

    counted = Counted(decoder._model)  # type: ignore[attr-defined]
    params = SamplingParams(temperature=2.0, top_p=1.0)
    first = next(write_titles(counted, vocabulary, [opening], params, 8, one_line=True))
    assert next(steps) <= len(first.token_ids)


def test_cancelling_acts_before_the_next_token(decoder: Decoder, vocabulary: Vocabulary) -> None:
    opening = open_title(vocabulary, Prompt(), "", max_tokens=100, context=decoder.context)
    asked = itertools.count(1)
    titles = list(
        write_titles(
            decoder,
            vocabulary,
            [opening],
            SamplingParams(),
            1000,
            cancelled=lambda: next(asked) > 3,
        )
    )
    assert len(titles) < 1000
    assert next(asked) == 5


def test_a_title_that_fills_its_room_is_not_whole(decoder: Decoder, vocabulary: Vocabulary) -> None:
    titles = write(decoder, vocabulary, "", 60, 3, temperature=3.0, top_p=1.0)
    for title in titles:
        assert title.whole == (title.token_ids[-1] == vocabulary.end)
        assert len(title.token_ids) <= 3
    assert not all(title.whole for title in titles)


CPU_MODELS = ("gpt2", "llama", "llama 3.1", "qwen2")


@pytest.fixture(scope="module", params=CPU_MODELS)
def on_cpu(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Decoder, CpuDecoder, Vocabulary]:
    """The same model twice, by transformers and by a decoder of our own, in float32."""
    from transformers import LlamaConfig, Qwen2Config

    torch.manual_seed(5)
    folder = tmp_path_factory.mktemp("model")
    sizes = {
        "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
    }  # fmt: skip
    stretched = {
        "rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
    }  # fmt: skip
    match request.param:
        case "gpt2":
            tiny_gpt2(folder, context=512)
        case "llama":
            tiny_of_config(folder, LlamaConfig(**sizes))
        case "llama 3.1":
            tiny_of_config(folder, LlamaConfig(**sizes, rope_parameters=stretched, head_dim=16))
        case "qwen2":
            tiny_of_config(folder, Qwen2Config(**sizes, tie_word_embeddings=True))
    sharpen(folder)
    whole = loaded(folder)
    config = json.loads((folder / "config.json").read_text())
    ours = open_decoder(folder, config, torch.float32)
    assert ours is not None
    return TransformersDecoder(whole.model), ours, vocabulary_of(whole.tokenizer)


def test_the_cpu_decoder_writes_what_transformers_writes(
    on_cpu: tuple[Decoder, CpuDecoder, Vocabulary],
) -> None:
    theirs, ours, vocabulary = on_cpu
    for prefix in ("", "Neur", "Robust Speech Recognition for Noisy Rooms and Spe"):
        a = write(theirs, vocabulary, prefix, 150, 20, seed=3, temperature=1.2)
        b = write(ours, vocabulary, prefix, 150, 20, seed=3, temperature=1.2)
        # A draw that falls on the border of two tokens may go either way.
        same = [x.token_ids == y.token_ids for x, y in zip(a, b, strict=True)]
        assert sum(same) >= 148
        assert [loss_of(x) for x, s in zip(a, same, strict=True) if s] == pytest.approx(
            [loss_of(y) for y, s in zip(b, same, strict=True) if s], rel=1e-3
        )


def test_a_long_prompt_is_run_once_and_shared_by_all_rows(
    on_cpu: tuple[Decoder, CpuDecoder, Vocabulary],
) -> None:
    theirs, ours, vocabulary = on_cpu
    body = "Speech recognition in noisy rooms is hard. We study it with models of music."
    prompt = Prompt(body=body, tail="\n\n")
    opening = open_title(vocabulary, prompt, "Neur", max_tokens=20, context=128)
    results = []
    for decoder in (theirs, ours):
        titles = write_titles(
            decoder, vocabulary, [opening], SamplingParams(seed=1), 40, one_line=False
        )
        results.append({title.index: title.token_ids for title in titles})
    assert ours._shared > 20
    assert sum(results[0][row] == results[1][row] for row in range(40)) >= 39


def test_titles_of_many_prompts_are_decoded_as_if_each_were_alone(
    on_cpu: tuple[Decoder, CpuDecoder, Vocabulary],
) -> None:
    theirs, ours, vocabulary = on_cpu
    openings = [
        open_title(vocabulary, Prompt(body=title[: 9 + number]), "", max_tokens=12, context=128)
        for number, title in enumerate(TITLES[:40])
    ]
    params = SamplingParams(temperature=0.0)
    for decoder in (theirs, ours):
        together = {
            title.index: title.token_ids
            for title in write_titles(decoder, vocabulary, openings, params, one_line=False)
        }
        alone = [
            next(write_titles(decoder, vocabulary, [one], params, one_line=False)).token_ids
            for one in openings
        ]
        assert sum(together[index] == one for index, one in enumerate(alone)) >= 39


def test_a_title_always_says_more_than_its_prefix(decoder: Decoder, vocabulary: Vocabulary) -> None:
    for prefix in ("", "Neural", "Robust Speech ", "Robust Spe"):
        opening = open_title(vocabulary, Prompt(), prefix, max_tokens=6, context=decoder.context)
        for title in write_titles(
            decoder, vocabulary, [opening], SamplingParams(temperature=3), 300
        ):
            assert title.token_ids[0] != vocabulary.end
            assert title.tokens == len(title.token_ids)


def test_markers_are_never_written_however_likely_the_model_finds_them(
    folders: dict[str, Path],
) -> None:
    whole = loaded(folders["gpt2"])
    whole.tokenizer.add_special_tokens({"additional_special_tokens": ["<mask>"]})
    whole.model.resize_token_embeddings(len(whole.tokenizer), mean_resizing=False)
    (marker,) = whole.tokenizer.convert_tokens_to_ids(["<mask>"])
    with torch.no_grad():
        # All that the model reads makes it want the marker more than all else.
        whole.model.transformer.ln_f.bias.fill_(5)
        whole.model.transformer.wte.weight[marker] = 5
        scores = whole.model(torch.tensor([[1, 2, 3]])).logits
    assert bool((scores.argmax(dim=-1) == marker).all())
    vocabulary = vocabulary_of(whole.tokenizer)
    titles = write(TransformersDecoder(whole.model), vocabulary, "Neur", 20, seed=1)
    assert len(titles) == 20
    assert max(len(title.token_ids) for title in titles) > 1
    assert all(marker not in title.token_ids for title in titles)
