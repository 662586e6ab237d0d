"""Training where something is odd: damaged papers, half checkpoints, refusals, estimates."""

import gzip
import hashlib
import io
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
import torch
from torch import nn

from tests.support.run_folders import run_folder
from tests.support.training_runs import papers, toy_base, toy_corpus, toy_run
from titletui.corpus.paper import Paper
from titletui.errors import TitletuiError, UsageError
from titletui.jobs import slurm_queue
from titletui.jobs.event_log import EventLog
from titletui.jobs.job import JobResult, State
from titletui.jobs.worker import JobContext
from titletui.paths import Home
from titletui.training import checkpoint, estimate, micro_batch, setup
from titletui.training.data.batching import cut_batches
from titletui.training.data.frozen_papers import read_papers
from titletui.training.estimate import Forecast, Question
from titletui.training.launch import launch_env, slurm
from titletui.training.launch.runs import prepare_run
from titletui.training.loss import summed_loss
from titletui.training.manifest import MANIFEST, damage
from titletui.training.presets import override
from titletui.training.recipe import Recipe
from titletui.training.run_spec import RunSpec
from titletui.training.samples import greedy_titles


def test_papers_that_are_damaged_are_told_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "papers.jsonl.gz"
    bad = b'{"id": "2401.00001", "title": 7}\n'
    path.write_bytes(gzip.compress(bad))
    with pytest.raises(TitletuiError, match=r"papers.* is damaged .*start a new run"):
        list(read_papers(path, hashlib.sha256(bad).hexdigest()))
    path.write_bytes(gzip.compress(bad * 100)[:-10])
    with pytest.raises(TitletuiError, match="is damaged"):
        list(read_papers(path, ""))


def test_batches_may_be_of_so_many_examples_as_well_as_tokens() -> None:
    import numpy as np

    recipe = Recipe(batch_tokens=0, batch_size=4)
    pieces = cut_batches(np.arange(10), np.full(10, 7), recipe)
    assert [piece.tolist() for piece in pieces] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_a_checkpoint_that_was_never_finished_lets_the_run_begin_again(tmp_path: Path) -> None:
    (tmp_path / "step-notes").mkdir()
    assert checkpoint.newest_whole(tmp_path, print) is None
    (tmp_path / "step-000005").mkdir()
    told: list[str] = []
    assert checkpoint.newest_whole(tmp_path, told.append) is None
    (sentence,) = told
    assert "step-000005 is damaged" in sentence
    assert sentence.endswith("the run begins again.")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["aside-step-000005", "step-notes"]


def test_an_empty_manifest_vouches_for_nothing(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text("{}")
    assert damage(tmp_path) == f"{MANIFEST} is empty"


def test_what_lies_in_a_folder_of_a_folder_is_made_durable_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    files = [tmp_path / "one", tmp_path / "a" / "b" / "two"]
    for path in files:
        path.write_text(path.name)
    durable: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda file: durable.append(os.fstat(file).st_ino))
    checkpoint.sync_all(tmp_path)
    assert set(durable) == {path.stat().st_ino for path in (*files, tmp_path)}


def test_a_checkpoint_that_cannot_fit_is_refused_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10 << 20))
    checkpoint.check_disk_space(tmp_path, 1 << 20)
    with pytest.raises(OSError, match="10 MB are free, 108 are needed"):
        checkpoint.check_disk_space(tmp_path, 100 << 20)


def test_only_a_lost_connection_means_a_lost_process() -> None:
    assert micro_batch.lost_process_result(ValueError("shape"), 7) is None
    ended = micro_batch.lost_process_result(RuntimeError("Connection closed by peer"), 7)
    assert ended is not None
    assert "ended at step 7" in ended.reason


def test_an_output_with_a_bias_has_the_loss_of_its_definition() -> None:
    torch.manual_seed(1)
    output, hidden = nn.Linear(8, 20), torch.randn(5, 8)
    targets = torch.tensor([1, 2, 3, 4, 5])
    right = nn.functional.cross_entropy(output(hidden), targets, reduction="sum")
    assert torch.allclose(summed_loss(output, hidden, targets), right)


def test_several_processes_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = len(os.sched_getaffinity(0))
    assert launch_env.rank_environment(2)["OMP_NUM_THREADS"] == str(max(1, cores // 2))
    assert launch_env.rank_environment(10_000)["OMP_NUM_THREADS"] == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert "OMP_NUM_THREADS" not in launch_env.rank_environment(2)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"abstract_share": "0.5", "task": "year-to-title"}, "abstract_share: only goes with"),
        ({"base": "new", "method": "lora"}, "method: a new model has nothing for LoRA"),
        ({"quantization": "4bit"}, "quantization: only goes with method=lora"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(changes: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        override(Recipe(), changes)


def test_a_number_of_processes_that_is_none_is_refused(home: Home) -> None:
    with toy_corpus(home) as store:
        for processes in (0, 5_000):
            with pytest.raises(UsageError, match="processes: must be a whole number from 1"):
                prepare_run(home, store, "toy", Recipe(base="new"), processes=processes)
        assert not list(home.data.rglob("*.gz"))


def test_a_run_whose_folder_cannot_be_made_is_told(home: Home) -> None:
    home.jobs.mkdir(mode=0o700, exist_ok=True)
    with toy_corpus(home) as store:
        base = str(toy_base(home))
        (home.jobs / "run").write_text("in the way")
        with pytest.raises(TitletuiError, match="cannot be"):
            prepare_run(home, store, "toy", Recipe(base=base), name="a-1")
    assert not list(home.jobs.glob(".papers*"))


def test_embeddings_that_are_frozen_are_not_trained(home: Home) -> None:
    from titletui.models.loading import load_model
    from titletui.models.registry import find_model

    model = load_model(find_model(home, str(toy_base(home))), home=home).model
    adapted = setup.add_adapters(model, Recipe(freeze_embeddings=True))
    assert not adapted.get_input_embeddings().weight.requires_grad
    assert adapted.transformer.ln_f.weight.requires_grad


def test_a_new_model_is_made_once_for_a_run(home: Home) -> None:
    shape = {"vocabulary": "320", "width": "32", "layers": "2", "heads": "2", "context": "64"}
    folder = toy_run(home, "fresh", base="new", **shape)
    plan = folder.work(RunSpec)
    with EventLog(folder.events) as log:
        first = setup.load_base(JobContext(folder, log), plan, None).model
        made = (folder.path / "base" / "model.safetensors").stat().st_mtime_ns
        folder.papers.unlink()
        again = setup.load_base(JobContext(folder, log), plan, None).model
    assert (folder.path / "base" / "model.safetensors").stat().st_mtime_ns == made
    pairs = zip(first.parameters(), again.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_titles_that_have_all_ended_are_written_no_further(home: Home) -> None:
    from titletui.models.loading import load_model
    from titletui.models.registry import find_model

    loaded = load_model(find_model(home, str(toy_base(home))), home=home)
    with torch.no_grad():
        # All that the model reads makes it want to end.
        loaded.model.transformer.ln_f.bias.fill_(5)
        loaded.model.transformer.wte.weight[loaded.tokenizer.eos_token_id] = 5
    read: list[object] = []
    loaded.model.register_forward_hook(lambda *_: read.append(_))
    titles = greedy_titles(
        loaded.model, loaded.tokenizer, "abstract-to-title", papers(["A", "B"]), 20, 128
    )
    assert len(titles) == 2
    # A prompt each, and one step of both: the first token of a title is never the end.
    assert len(read) == 3


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU to quantize on")
def test_a_run_that_was_moved_to_a_machine_without_a_gpu_says_what_to_set() -> None:
    recipe = Recipe(method="lora", quantization="4bit")
    plan = RunSpec(recipe=recipe, corpus="toy", papers=1, sha256="")
    with pytest.raises(TitletuiError, match="this machine has none; set quantization=none"):
        setup.load_base(None, plan, None)  # type: ignore[arg-type]


def test_an_estimate_that_fails_says_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-c", "raise SystemExit('libcudart.so is missing')"]
    monkeypatch.setattr(estimate, "command", lambda: command)
    with pytest.raises(TitletuiError, match=r"cannot be estimated \(libcudart.so is missing\)"):
        estimate.ask(Question("toy", Recipe()))


@pytest.mark.parametrize(
    ("fault", "fits"), [("CUDA out of memory. Tried", False), ("a kernel is missing", True)]
)
def test_trial_steps_that_fail_leave_what_is_known_and_say_why(
    home: Home, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes],
    fault: str, fits: bool,
) -> None:  # fmt: skip
    toy_corpus(home).close()
    recipe = override(Recipe(), {"base": str(toy_base(home)), "steps": "7"})
    question = SimpleNamespace(buffer=io.BytesIO(msgspec.json.encode(Question("toy", recipe))))

    def fails(*_: object) -> float:
        raise RuntimeError(fault)

    monkeypatch.setattr(estimate, "_time_steps", fails)
    monkeypatch.setattr(sys, "stdin", question)
    assert estimate.main() == 0
    last = msgspec.json.decode(capfdbinary.readouterr().out.splitlines()[-1], type=Forecast)
    assert (last.steps, last.seconds) == (7, None)
    assert fault in last.note
    assert bool(last.problem) is not fits


def test_without_slurm_or_submitit_the_sentence_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TitletuiError, match="no Slurm on this machine"):
        slurm.check_slurm()
    program(tmp_path / "sbatch", "exit 0")
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(TitletuiError, match="Slurm needs submitit"):
        slurm.check_slurm()


def test_a_run_that_slurm_does_not_take_has_failed_with_its_words(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("submitit")
    for name in ("srun", "sbatch"):
        program(tmp_path / name, "echo 'sbatch: error: invalid partition' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    job = run_folder(home, "a-1", [3.0])
    with pytest.raises(TitletuiError, match=r"does not take the run a-1 .*invalid partition"):
        slurm.submit(job)
    assert job.exit is not None
    assert "invalid partition" in job.exit.reason


def test_a_run_that_was_asked_to_stop_is_neither_begun_nor_put_back(home: Home) -> None:
    pytest.importorskip("submitit")
    job = run_folder(home, "a-1", [3.0], ended=JobResult(outcome="stopped"))
    job.request_stop()
    work = slurm.SlurmTask(job, {})
    assert work() == 0
    assert work.checkpoint() is None
    assert job.exit is not None


def test_a_run_whose_last_turn_failed_begins_again_in_the_next_one(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    job = toy_run(home, "a-1", steps="2")
    job.prepare()
    slurm_queue.take_ticket(job.path, "7", job.began)
    job.record_exit(JobResult(outcome="failed", code=1), job.began)
    assert slurm.SlurmTask(job, {})() == 0
    assert job.state is State.DONE
    assert job.ticket is not None
    assert job.ticket.id == "7"


def test_a_task_that_no_paper_fits_says_what_it_needs(home: Home) -> None:
    from titletui.models.loading import load_tokenizer
    from titletui.training.data.dataset import build

    tokenizer = load_tokenizer(toy_base(home))
    plain = [Paper(id="", title=f"Title {n}") for n in range(20)]
    with pytest.raises(TitletuiError, match="arXiv ids, which hold the year"):
        build(plain, Recipe(task="year-to-title"), tokenizer, 64)
    with pytest.raises(TitletuiError, match="it needs papers with titles"):
        build([], Recipe(), tokenizer, 64)


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
