"""The best checkpoint becomes the model."""

from pathlib import Path

import msgspec

from tests.support.training_runs import toy_run
from tests.support.training_worker import run_to_end
from titletui.models.card import read_card
from titletui.models.loading import load_model
from titletui.models.registry import find_model
from titletui.paths import Home
from titletui.training import export
from titletui.training.checkpoint import Checkpoint
from titletui.training.run_spec import RunSpec


def test_the_best_adapter_becomes_the_model_without_its_base_being_loaded(home: Home) -> None:
    job = toy_run(home, "adapter", method="lora", steps="10")
    assert run_to_end(job) == 0
    plan = job.work(RunSpec)
    early = msgspec.structs.replace(
        plan, recipe=msgspec.structs.replace(plan.recipe, base="/nowhere")
    )
    best = Checkpoint(5, job.checkpoints / "step-000005")
    export.write_finished(job, early, None, None, 10, best)
    assert read_card(job.model).step == 5
    names = {path.name for path in job.model.iterdir()}
    assert "adapter_model.safetensors" in names
    assert not names & {"optimizer.safetensors", "MANIFEST.json", "state.json"}
    ours = (job.model / "adapter_model.safetensors").read_bytes()
    assert ours == (best.path / "adapter_model.safetensors").read_bytes()
    assert load_model(find_model(home, "adapter@last"), home=home).info.path == Path(job.model)
