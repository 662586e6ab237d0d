"""The presets at toy size, and how a person changes a recipe."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.models import tiny_gpt2, tiny_gpt_neo, tiny_llama
from tests.support.training_runs import QUICK, toy_corpus, toy_run, view, weights
from tests.support.training_worker import run_to_end
from titletui.cli import main
from titletui.errors import TitletuiError, UsageError
from titletui.jobs.job import State, list_jobs
from titletui.models.card import read_card
from titletui.models.loading import load_model
from titletui.models.registry import find_model
from titletui.paths import Home
from titletui.settings import fields
from titletui.shortlist.library import Library
from titletui.training.launch import memory_check
from titletui.training.launch.runs import continuation_recipe, parent_spec, prepare_run
from titletui.training.presets import override, preset, presets
from titletui.training.recipe import Recipe
from titletui.training.run_spec import RunSpec

ARCHITECTURES: dict[str, Callable[[Path], Path]] = {
    "starter-titles": tiny_gpt2,
    "gpt2-titles": tiny_gpt2,
    "neo-abstract-to-title": tiny_gpt_neo,
    "distilgpt2-abstracts": tiny_gpt2,
    "llama-lora-instruct": lambda folder: tiny_llama(folder, chat=True),
    "year-titles": tiny_gpt2,
    "starred-titles": tiny_gpt2,
}


def test_each_preset_has_the_numbers_of_its_source() -> None:
    gpt2 = preset("gpt2-titles")
    assert (gpt2.base, gpt2.task, gpt2.steps) == ("gpt2", "title", 500)
    assert (gpt2.save_every, gpt2.sample_every, gpt2.learning_rate) == (50, 25, 1e-4)
    assert gpt2.overfit_below == 0.1
    neo = preset("neo-abstract-to-title")
    assert (neo.base, neo.task) == ("EleutherAI/gpt-neo-125m", "abstract-to-title")
    assert (neo.learning_rate, neo.weight_decay) == (5e-6, 0.01)
    assert (neo.batch_tokens, neo.batch_size, neo.accumulation) == (0, 2, 5)
    assert (neo.preview_titles, neo.preview_tokens) == (20, 30)
    article = preset("distilgpt2-abstracts")
    assert (article.base, article.task, article.max_tokens) == ("distilgpt2", "abstract", 300)
    assert (article.batch_size, article.heldout, article.epochs) == (16, 0.2, 1.0)
    assert (article.learning_rate, article.schedule) == (5e-4, "step-decay")
    assert (article.decay, article.decay_every, article.weight_decay) == (0.95, 500, 0.01)
    llama = preset("llama-lora-instruct")
    assert (llama.task, llama.method, llama.max_tokens) == ("instruction", "lora", 256)
    assert (llama.lora_r, llama.lora_alpha, llama.lora_dropout) == (8, 16, 0.05)
    assert (llama.batch_size * llama.accumulation, llama.epochs) == (128, 3.0)
    assert llama.learning_rate == 3e-4
    assert preset("year-titles").task == "year-to-title"
    assert next(iter(presets())) == Recipe().preset == "starter-titles"


@pytest.mark.slow
@pytest.mark.parametrize("name", list(presets()))
def test_each_preset_trains_at_toy_size(home: Home, tmp_path: Path, name: str) -> None:
    base = ARCHITECTURES[name](tmp_path / "base")
    job = toy_run(home, name, name, base=str(base), steps="6", save_every="3", eval_every="3")
    assert run_to_end(job) == 0
    assert job.state is State.DONE
    seen = view(job)
    recipe = preset(name)
    assert seen.steps_done == [1, 2, 3, 4, 5, 6]
    assert seen.perplexity is not None
    assert seen.bits is not None
    assert seen.preview is not None
    assert seen.evaluated is not None
    assert 0 < seen.evaluated.figures["unique"] <= 1
    assert set(seen.evaluated.words) == {"samples", "corpus"}
    if recipe.task in ("abstract-to-title", "instruction"):
        assert {"rouge1", "rouge2", "rougeL", "baseline_rougeL"} <= set(seen.evaluated.figures)
        assert 0 < seen.evaluated.figures["baseline_rouge1"] < 1
    info = find_model(home, name)
    assert info.tasks == (recipe.task,)
    assert load_model(info, home=home).model is not None


@pytest.mark.slow
def test_lora_leaves_an_adapter_alone_which_is_merged_when_it_is_loaded(
    home: Home, tmp_path: Path
) -> None:
    base = tiny_llama(tmp_path / "base")
    job = toy_run(
        home, "lora", "llama-lora-instruct", base=str(base), steps="4", learning_rate="0.05"
    )
    assert run_to_end(job) == 0
    names = {path.name for path in job.model.iterdir()}
    assert "adapter_model.safetensors" in names
    assert "model.safetensors" not in names
    merged = load_model(find_model(home, "lora"), home=home).model
    plain = load_model(find_model(home, str(base)), home=home).model
    assert not hasattr(merged, "peft_config")
    changed = [
        name
        for (name, new), (_, old) in zip(
            merged.named_parameters(), plain.named_parameters(), strict=True
        )
        if not bool((new == old).all())
    ]
    assert changed
    assert all("q_proj" in name or "v_proj" in name for name in changed)
    # A run on the adapter takes as much room as one on the model that it stands on.
    further = toy_run(home, "further", base="lora")
    assert further.work(RunSpec).recipe.base == "lora"
    assert memory_check.parameters(home, Recipe(base="lora")) == memory_check.parameters(
        home, Recipe(base=str(base))
    )


@pytest.mark.slow
def test_lora_resumes_bit_for_bit(home: Home, tmp_path: Path) -> None:
    base = str(tiny_llama(tmp_path / "base"))
    straight = toy_run(home, "straight", method="lora", base=base)
    assert run_to_end(straight) == 0
    job = toy_run(home, "paused", method="lora", base=base)
    assert run_to_end(job, "terminate:7") == 0
    assert run_to_end(job) == 0
    adapter = "adapter_model.safetensors"
    assert (job.model / adapter).read_bytes() == (straight.model / adapter).read_bytes()


def test_a_new_model_learns_both_tasks_and_is_kept_as_half_floats(home: Home) -> None:
    job = toy_run(
        home,
        "fresh",
        base="new",
        vocabulary="400",
        width="32",
        layers="2",
        heads="2",
        context="64",
        abstract_share="0.5",
        save_as="fp16",
    )
    assert run_to_end(job) == 0
    assert read_card(job.model).tasks == ("title", "abstract-to-title")
    config = json.loads((job.model / "config.json").read_text())
    assert config["dtype"] == "float16"
    assert config["tie_word_embeddings"]
    loaded = load_model(find_model(home, "fresh"), home=home)
    size = (job.model / "model.safetensors").stat().st_size
    assert size < 2 * sum(p.numel() for p in loaded.model.parameters()) + 10_000


def test_a_new_model_is_the_same_each_time(home: Home) -> None:
    jobs = [
        toy_run(home, name, base="new", vocabulary="400", width="32", layers="1", heads="2")
        for name in ("one", "two")
    ]
    for job in jobs:
        assert run_to_end(job) == 0
    assert weights(jobs[0]) == weights(jobs[1])


def test_a_finished_run_is_continued_on_another_corpus(home: Home) -> None:
    first = toy_run(home, "first", steps="5")
    assert run_to_end(first) == 0
    with toy_corpus(home, [f"Another title {n}" for n in range(30)], "other") as store:
        recipe = continuation_recipe(parent_spec(home, "first").recipe, "first", {"steps": "4"})
        job = prepare_run(home, store, "other", recipe, parent="first")
    assert job.name == "other-1"
    assert run_to_end(job) == 0
    card = read_card(job.model)
    assert (card.parent, card.corpus, card.step) == ("first", "other", 4)


@pytest.mark.slow
def test_a_run_is_continued_on_the_shortlist(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    first = toy_run(home, "first", steps="5")
    assert run_to_end(first) == 0
    stars = [f"A starred title number {n}" for n in range(12)]
    with Library.open(home) as library:
        for title in stars[:9]:
            library.star(title)
        assert main(["continue", "first", "--shortlist"]) == 1
        assert "9 titles; a run needs at least 10" in capsys.readouterr().err
        for title in stars[9:]:
            library.star(title)
    assert main(["continue", "first", "--shortlist", "--estimate", "--json"]) == 0
    forecast = json.loads(capsys.readouterr().out)
    assert forecast["examples"] + forecast["heldout"] == 12
    few = ("epochs=2", "preview_titles=2", "preview_tokens=4", "final_titles=2")
    small = [part for change in few for part in ("--set", change)]
    assert main(["continue", "first", "--shortlist", *small]) == 0
    (job,) = [job for job in list_jobs(home.jobs, "run") if job.name != "first"]
    assert job.name == "shortlist-1"
    plan = job.work(RunSpec)
    assert (plan.papers, plan.parent, plan.recipe.preset) == (12, "first", "starred-titles")
    with gzip.open(job.papers, "rt") as file:
        assert {json.loads(line)["title"] for line in file} == set(stars)
    assert find_model(home, "shortlist-1").path is not None
    again = ["continue", "shortlist-1", "--set", "epochs=1", "--estimate", "--json"]
    assert main(again) == 0, "on what it learned from before"
    assert main(["train", "toy", "--shortlist"]) == 2
    assert "not on both" in capsys.readouterr().err
    assert main(["train"]) == 2
    assert "Name the corpus to train on, or --shortlist" in capsys.readouterr().err


def test_early_stop_makes_the_best_checkpoint_the_model(home: Home) -> None:
    # Half of the titles are of another kind: learning the others harms them.
    job = toy_run(
        home,
        "early",
        steps="2000",
        eval_every="5",
        save_every="5",
        keep="1",
        learning_rate="0.03",
        schedule="constant",
        heldout="0.5",
        early_stop="yes",
        dropout="0",
        batch_tokens="4096",
    )
    assert run_to_end(job) == 0
    seen = view(job)
    assert job.exit is not None
    assert "held-out loss rises" in job.exit.reason
    assert seen.rising is not None
    assert seen.best is not None
    assert seen.best[0] < seen.step < 2000
    assert read_card(job.model).step == seen.best[0]
    best = find_model(home, "early@best")
    assert best.path is not None
    assert (best.path / "model.safetensors").read_bytes() == (
        job.model / "model.safetensors"
    ).read_bytes()


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("steps", "0", "steps must be a whole number from 1 to 10,000,000 or none, not '0'"),
        ("steps", "many", "steps must be a whole number"),
        ("learning_rate", "nan", "learning_rate must be a number above 0 to 1"),
        ("learning_rate", "2", "learning_rate must be a number above 0 to 1"),
        ("task", "poem", "task must be title or abstract-to-title or"),
        ("early_stop", "maybe", "early_stop must be yes or no"),
        ("heldout", "0.9", "heldout must be a number from 0 to 0.5"),
        ("lerning_rate", "1", "did you mean learning_rate"),
        ("heads", "3", "width: must be an even multiple of heads"),
        ("abstract_share", "0.5", ""),
        ("quantization", "8bit", "quantization: only goes with method=lora"),
    ],
)
def test_an_impossible_value_is_refused_with_its_field_and_range(
    key: str, value: str, says: str
) -> None:
    if not says:
        assert override(Recipe(), {key: value}).abstract_share == 0.5
        return
    with pytest.raises(UsageError, match=says):
        override(Recipe(), {key: value})


def test_the_range_of_each_field_can_be_asked_for() -> None:
    assert all(field.range for field in fields(Recipe))


def test_epochs_put_steps_out_of_force() -> None:
    assert override(preset("gpt2-titles"), {"epochs": "2"}).steps is None
    assert override(preset("gpt2-titles"), {"epochs": "2", "steps": "7"}).steps == 7


def test_quantized_training_is_refused_without_a_gpu(home: Home, tmp_path: Path) -> None:
    recipe = Recipe(base=str(tiny_llama(tmp_path / "m")), method="lora", quantization="8bit")
    with toy_corpus(home) as store, pytest.raises(TitletuiError, match="needs a CUDA GPU"):
        prepare_run(home, store, "toy", recipe)


def test_a_preset_without_a_base_asks_for_one(home: Home) -> None:
    with toy_corpus(home) as store, pytest.raises(UsageError, match="needs a base model"):
        prepare_run(home, store, "toy", override(preset("llama-lora-instruct"), QUICK))
