"""The loss, the batches and the rules, as numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.models import TITLES, tiny_gpt2, tiny_gpt_neo, tiny_llama
from tests.support.training_runs import papers
from titletui.corpus.paper import Paper
from titletui.models.loading import load_model
from titletui.models.prompts import Task
from titletui.models.registry import find_model
from titletui.paths import Home
from titletui.training.data.batching import collate, cut_micro_batches, epoch_batches
from titletui.training.data.dataset import TrainingSet, build
from titletui.training.lr_schedule import lr_at
from titletui.training.recipe import Recipe


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gpt2(tmp_path_factory.mktemp("loss") / "m")


def training_set(home: Home, folder: Path, recipe: Recipe) -> tuple[object, TrainingSet]:
    loaded = load_model(find_model(home, str(folder)), home=home)
    return loaded, build(papers(TITLES), recipe, loaded.tokenizer, 128)


@pytest.mark.parametrize("make", [tiny_gpt2, tiny_gpt_neo, tiny_llama])
@pytest.mark.parametrize("task", ["title", "abstract-to-title"])
def test_the_loss_is_that_of_the_whole_model_on_title_tokens_alone(  # type: ignore[no-untyped-def]
    home: Home, tmp_path: Path, make, task
) -> None:
    import torch

    from titletui.training.loss import TitleLoss

    loaded = load_model(find_model(home, str(make(tmp_path / "m"))), home=home)
    data = build(papers(TITLES), Recipe(task=task, heldout=0.0), loaded.tokenizer, 128).train
    rows = np.array([0, 7, 21, 40])
    batch = collate(data, rows, loaded.tokenizer.eos_token_id)
    with torch.no_grad():
        ours = TitleLoss(loaded.model)(batch)[0]
        theirs = 0.0
        for row in rows.tolist():
            tokens = torch.from_numpy(data.sequence(row).astype(np.int64))[None]
            labels = tokens.clone()
            labels[:, : int(data.prompt_lengths[row])] = -100
            count = int((labels[:, 1:] != -100).sum())
            theirs += float(loaded.model(input_ids=tokens, labels=labels).loss) * count
    assert len(batch.targets) == int(data.title_tokens[rows].sum())
    assert float(ours) == pytest.approx(theirs, rel=1e-4)


def test_prompt_loss_is_returned_beside_the_title_loss(home: Home, folder: Path) -> None:
    import torch

    from titletui.training.loss import TitleLoss

    loaded = load_model(find_model(home, str(folder)), home=home)
    recipe = Recipe(task="abstract-to-title", heldout=0.0)
    data = build(papers(TITLES), recipe, loaded.tokenizer, 128).train
    rows = np.array([0, 7, 21, 40])
    padding = loaded.tokenizer.eos_token_id
    loss = TitleLoss(loaded.model)
    batch = collate(data, rows, padding, prompts=True)
    assert batch.prompt_targets is not None
    with torch.no_grad():
        titles, prompts = loss(batch).tolist()
        alone = loss(collate(data, rows, padding)).tolist()
        assert alone == [pytest.approx(titles, rel=1e-5), 0.0]
        whole = 0.0
        for row in rows.tolist():
            tokens = torch.from_numpy(data.sequence(row).astype(np.int64))[None]
            whole += float(loaded.model(input_ids=tokens, labels=tokens).loss) * (
                len(tokens[0]) - 1
            )
    assert len(batch.prompt_targets) == int((data.prompt_lengths[rows] - 1).sum())
    assert titles + prompts == pytest.approx(whole, rel=1e-4)


@pytest.mark.parametrize("kind", ["fp32", "bf16"])
@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_the_loss_and_its_gradients_are_those_of_plain_cross_entropy(
    monkeypatch: pytest.MonkeyPatch, kind: str, rows: int
) -> None:
    import torch

    from titletui.training import loss

    torch.manual_seed(3)
    vocabulary = 130
    monkeypatch.setattr(loss, "_BLOCK_LOGITS", (0, rows * vocabulary))
    layer = torch.nn.Linear(16, vocabulary, bias=False)
    hidden = torch.randn(40, 16, requires_grad=True)
    targets = torch.randint(vocabulary, (40,))
    # One title token is all but impossible: its loss is large, and finite.
    layer.weight.data[int(targets[0])] = -300 * hidden[0].detach()
    given: list[list[torch.Tensor]] = []
    for way in (loss.summed_loss, plain):
        with torch.autocast("cpu", torch.bfloat16, enabled=kind == "bf16"):
            summed = way(layer, hidden, targets)
        (summed * 0.25).backward()
        assert hidden.grad is not None
        assert layer.weight.grad is not None
        given.append([summed.detach(), hidden.grad.clone(), layer.weight.grad.clone()])
        hidden.grad = layer.weight.grad = None
    for ours, theirs in zip(*given, strict=True):
        assert bool(ours.isfinite().all())
        error = (ours - theirs).norm() / theirs.norm()
        assert float(error) < (1e-6 if kind == "fp32" else 1e-2)
    assert float(given[0][0]) == pytest.approx(float(given[1][0]), rel=1e-6)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=kind == "bf16"):
        assert float(loss.summed_loss(layer, hidden, targets)) == float(given[0][0])


def test_an_output_on_what_is_frozen_learns_as_by_plain_cross_entropy() -> None:
    import torch

    from titletui.training import loss

    torch.manual_seed(3)
    layer, hidden = torch.nn.Linear(16, 130, bias=False), torch.randn(40, 16)
    targets = torch.randint(130, (40,))
    given = []
    for way in (loss.summed_loss, plain):
        way(layer, hidden, targets).backward()
        assert layer.weight.grad is not None
        given.append(layer.weight.grad.clone())
        layer.weight.grad = None
    assert hidden.grad is None
    assert torch.allclose(given[0], given[1], atol=1e-5)


def plain(layer: Any, hidden: Any, targets: Any) -> Any:
    import torch

    scores = layer(hidden).float()
    return torch.nn.functional.cross_entropy(scores, targets, reduction="sum")


def test_an_epoch_holds_each_sequence_once_with_like_lengths_together(
    home: Home, folder: Path
) -> None:
    recipe = Recipe(batch_tokens=200, heldout=0.0)
    _, data = training_set(home, folder, recipe)
    batches = epoch_batches(data.train, recipe, 0)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(TITLES)))
    lengths = data.train.lengths
    padded = sum(len(rows) * int(lengths[rows].max()) for rows in batches)
    assert padded <= 1.05 * int(lengths.sum())
    assert all(len(rows) * int(lengths[rows].max()) <= 200 for rows in batches)
    again = epoch_batches(data.train, recipe, 0)
    assert all((a == b).all() for a, b in zip(batches, again, strict=True))
    assert any(
        (a != b).any()
        for a, b in zip(batches, epoch_batches(data.train, recipe, 1), strict=False)
        if len(a) == len(b)
    )


def test_slices_hold_the_same_sequences(home: Home, folder: Path) -> None:
    recipe = Recipe(batch_tokens=1000, heldout=0.0)
    _, data = training_set(home, folder, recipe)
    rows = epoch_batches(data.train, recipe, 0)[0]
    pieces = cut_micro_batches(rows, data.train, 100)
    assert len(pieces) > 1
    assert np.concatenate(pieces).tolist() == rows.tolist()


def test_held_out_papers_are_never_trained_on(home: Home, folder: Path) -> None:
    recipe = Recipe(heldout=0.3)
    _, data = training_set(home, folder, recipe)
    assert len(data.train) + len(data.heldout) == len(TITLES)
    assert 10 < len(data.heldout) < 40
    assert all(paper.title not in data.titles for paper in data.heldout_papers)
    assert len(data.heldout_papers) == len(data.heldout)


@pytest.mark.parametrize("task", ["abstract-to-title", "instruction"])
def test_where_an_abstract_is_cut_does_not_tell_how_long_its_title_is(
    home: Home, folder: Path, task: Task
) -> None:
    tokenizer = load_model(find_model(home, str(folder)), home=home).tokenizer
    abstract = "We study speech in noisy rooms. " * 40
    titles = ["Speech", "Neural Speech in Rooms", "Robust Neural Speech in Noisy Rooms"]
    pairs = [
        Paper(id=f"2401.0000{number}", title=title, abstract=abstract)
        for number, title in enumerate(titles)
    ]
    data = build(pairs, Recipe(task=task, heldout=0.0), tokenizer, 128).train
    assert len(set(data.title_tokens.tolist())) == len(titles)
    assert len(set(data.prompt_lengths.tolist())) == 1


def test_rates_rise_and_fall_as_the_recipe_says() -> None:
    decay = Recipe(
        schedule="step-decay", warmup_steps=0, learning_rate=1e-3, decay=0.5, decay_every=10
    )
    assert [lr_at(decay, step, 40) for step in (1, 10, 11, 21)] == [1e-3, 1e-3, 5e-4, 2.5e-4]
    linear = Recipe(schedule="linear", warmup_steps=4, learning_rate=1.0)
    rates = [lr_at(linear, step, 20) for step in range(1, 21)]
    assert rates[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert rates[4] == 1.0
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert 0 < rates[-1] < 0.1
    cosine = Recipe(schedule="cosine", warmup_steps=0, learning_rate=1.0)
    assert lr_at(cosine, 1, 100) == 1.0
    assert lr_at(cosine, 100, 100) == pytest.approx(0.1, abs=0.01)
