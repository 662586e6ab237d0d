"""The hub: cut lines, wrong bytes, no rights, no room; a model is used whole or not at all."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.hub_server import COMMIT, Hub, hub_server
from tests.support.models import tiny_gpt2
from tests.support.processes import until
from tests.support.training_runs import toy_run, view
from tests.support.training_worker import run_to_end
from titletui.errors import TitletuiError
from titletui.generation.engine import open_engine
from titletui.jobs.event_log import EventLog
from titletui.jobs.worker import JobContext
from titletui.models import hub as client
from titletui.models.hub import cached_models, hub_cache
from titletui.models.loading import load_model
from titletui.models.registry import ModelInfo, find_model
from titletui.paths import Home
from titletui.training import setup
from titletui.training.run_spec import RunSpec


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gpt2(tmp_path_factory.mktemp("hub") / "tiny")


@pytest.fixture
def hub(served: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub_server(served) as found:
        monkeypatch.setenv("HF_ENDPOINT", found.url)
        yield found


def nothing_half() -> bool:
    return cached_models() == []


def test_a_model_is_downloaded_trained_and_then_used_without_the_hub(
    home: Home, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = toy_run(home, "hub", base="org/tiny")
    assert run_to_end(job) == 0
    assert view(job).step == 20
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    info = find_model(home, "org/tiny")
    assert info.path is not None
    assert info.parameters > 0
    assert load_model(info, home=home).info.name == "org/tiny"


def test_a_model_in_several_files_is_downloaded_whole(
    home: Home, served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = load_model(ModelInfo(name="tiny", kind="folder", path=served))
    shards = tmp_path / "shards"
    whole.model.save_pretrained(shards, max_shard_size="40KB")
    whole.tokenizer.save_pretrained(shards)
    names = {path.name for path in shards.glob("model-*.safetensors")}
    assert len(names) > 1
    with hub_server(shards) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        folder = client.download("org/tiny")
    assert {path.name for path in folder.glob("model-*.safetensors")} == names
    ours = load_model(find_model(home, "org/tiny"), home=home).model.state_dict()
    assert all(bool((ours[name] == value).all()) for name, value in whole.model.named_parameters())


def test_a_run_that_is_asked_to_stop_while_its_base_is_downloaded_stops(
    home: Home, hub: Hub
) -> None:
    folder = toy_run(home, "hub", base="org/tiny")
    with EventLog(folder.events) as log:
        job = JobContext(folder, log)
        job.stop()
        with pytest.raises(setup.StoppedError):
            setup.load_base(job, folder.work(RunSpec), None)
    assert hub.sent == 0
    assert nothing_half()


@pytest.mark.fault("F47")
def test_a_cut_line_is_taken_up_where_it_was_cut(
    hub: Hub, served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 4096)
    hub.cuts = 2
    told: list[tuple[int, int]] = []
    folder = client.download("org/tiny", lambda _, done, total: told.append((done, total)))
    size = (served / "model.safetensors").stat().st_size
    assert hub.sent < size + 2 * 4096
    assert len(hub.ranges) == 2
    assert (folder / "model.safetensors").read_bytes() == (
        served / "model.safetensors"
    ).read_bytes()
    assert told[-1][0] == told[-1][1]


@pytest.mark.fault("F47")
def test_a_line_that_is_always_cut_is_told_and_the_next_try_works(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    hub.cuts, hub.cut_at = 100, 0
    with pytest.raises(TitletuiError, match="the line was cut"):
        client.download("org/tiny")
    assert nothing_half()
    hub.cuts = 0
    client.download("org/tiny")
    assert [name for name, _ in cached_models()] == ["org/tiny"]
    assert not list(hub_cache().rglob("*.incomplete"))


@pytest.mark.fault("F47")
def test_wrong_bytes_of_the_right_size_are_refused_and_fetched_anew(hub: Hub) -> None:
    hub.wrong = True
    with pytest.raises(TitletuiError, match="wrong bytes"):
        client.download("org/tiny")
    assert nothing_half()
    assert not list(hub_cache().rglob("*.incomplete"))
    hub.wrong = False
    client.download("org/tiny")
    assert [name for name, _ in cached_models()] == ["org/tiny"]


@pytest.mark.fault("F47")
def test_bytes_that_went_wrong_in_the_cache_are_noticed(home: Home, hub: Hub) -> None:
    weights = (client.download("org/tiny") / "model.safetensors").resolve()
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    with pytest.raises(TitletuiError, match="wrong bytes"):
        load_model(find_model(home, "org/tiny"), home=home)
    load_model(find_model(home, "org/tiny"), home=home)


@pytest.mark.fault("F47")
@pytest.mark.parametrize(
    ("status", "says"), [(401, "asks for a login"), (404, "has no model"), (503, "answered 503")]
)
def test_a_refusal_of_the_hub_is_one_sentence(hub: Hub, status: int, says: str) -> None:
    hub.status = status
    with pytest.raises(TitletuiError, match=says):
        client.download("org/tiny")
    assert nothing_half()


@pytest.mark.fault("F47")
def test_without_a_network_the_sentence_says_so(
    home: Home, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(TitletuiError, match="cannot be reached"):
        client.download("org/tiny")
    job = toy_run(home, "offline", base="org/tiny")
    assert run_to_end(job) == 1
    assert job.exit is not None
    assert "cannot be reached" in job.exit.reason


@pytest.mark.fault("F47")
def test_a_full_disk_is_said_before_the_first_byte(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(TitletuiError, match="no room"):
        client.download("org/tiny")
    assert hub.sent == 0


@pytest.mark.fault("F47")
def test_a_killed_download_is_not_used_and_its_part_is_cleared_away(hub: Hub) -> None:
    script = (
        "import os, signal\n"
        "from huggingface_hub import constants\n"
        "from titletui.models import hub\n"
        "def kill(name, done, total):\n"
        "    if name == 'model.safetensors' and total - done < 50_000:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "constants.DOWNLOAD_CHUNK_SIZE = 4096\n"
        "hub.download('org/tiny', kill)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], env=dict(os.environ))
    until(lambda: process.poll() is not None)
    assert process.returncode == -9
    assert nothing_half()
    (part,) = hub_cache().rglob("*.incomplete")
    os.utime(part, (0, 0))
    client.download("org/tiny")
    assert [name for name, _ in cached_models()] == ["org/tiny"]
    assert not part.exists()


@pytest.mark.fault("F47")
def test_offline_means_that_the_hub_is_not_asked(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(TitletuiError, match="HF_HUB_OFFLINE forbids the hub"):
        client.download("org/tiny")
    assert hub.sent == 0


@pytest.mark.fault("F47")
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda known: b"<html>Welcome</html>", "answer about org/tiny cannot be read"),
        (lambda known: known.replace(COMMIT.encode(), b"../../evil"), "no commit"),
        (lambda known: known.replace(b"model.safetensors", b"model.bin"), "no weights as safet"),
    ],
    ids=["no JSON", "no commit", "no safetensors"],
)
def test_an_answer_that_makes_no_sense_is_told_and_nothing_is_written(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, change: Callable[[bytes], bytes], says: str
) -> None:
    known = hub.listing()
    monkeypatch.setattr(hub, "listing", lambda: change(known))
    with pytest.raises(TitletuiError, match=says):
        client.download("org/tiny")
    assert nothing_half()


@pytest.mark.fault("F47")
def test_a_cache_that_cannot_be_written_is_told(hub: Hub) -> None:
    hub_cache().mkdir(parents=True)
    (hub_cache() / "models--org--tiny").write_text("in the way")
    with pytest.raises(TitletuiError, match=r"models--org--tiny|org/tiny cannot"):
        client.download("org/tiny")


@pytest.mark.fault("F47")
def test_two_processes_download_the_same_model_at_once(hub: Hub, served: Path) -> None:
    script = "from titletui.models import hub; hub.download('org/tiny')"
    both = [
        subprocess.Popen([sys.executable, "-c", script], env=dict(os.environ)) for _ in range(2)
    ]
    assert [process.wait(120) for process in both] == [0, 0]
    assert [name for name, _ in cached_models()] == ["org/tiny"]
    assert hub.sent == (served / "model.safetensors").stat().st_size


def test_who_waits_for_titles_is_told_how_far_the_download_is(home: Home, hub: Hub) -> None:
    said: list[str] = []
    engine = open_engine(home, "org/tiny", said.append)
    assert engine.info.name == "org/tiny"
    assert any(re.fullmatch(r"downloading org/tiny: \S+, \d+ %", line) for line in said)
