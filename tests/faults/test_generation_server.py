"""The generation server dies, hangs or loses its other side."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import msgspec
import psutil
import pytest

from tests.support.generation_requests import all_answers, request, titles
from tests.support.hub_server import hub_server
from tests.support.models import tiny_gpt2
from tests.support.processes import until
from titletui.generation.client import GenerationClient
from titletui.generation.protocol import Answer, Failed, Finished, Generated
from titletui.models.hub import hub_cache
from titletui.paths import Home


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gpt2(tmp_path_factory.mktemp("model"))


class Piped(NamedTuple):
    """A server whose other side is the test."""

    process: subprocess.Popen[bytes]
    asked: IO[bytes]
    answers: IO[bytes]
    errors: IO[bytes]

    def ask(self, *lines: bytes) -> None:
        self.asked.write(b"\n".join(lines) + b"\n")
        self.asked.flush()


@contextmanager
def piped(*command: str) -> Iterator[Piped]:
    """Python with these arguments; what is left of it at the end is killed."""
    process = subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdin, process.stdout, process.stderr:
        try:
            yield Piped(process, process.stdin, process.stdout, process.stderr)
        finally:
            process.kill()
            process.wait()


async def test_a_killed_server_restarts_once_and_writes_the_same_titles(
    home: Home, model: Path
) -> None:
    asked = request(model, count=400, max_tokens=40)
    async with GenerationClient(home) as client:
        expected = await titles(client, asked)
        found: dict[int, str] = {}
        async for answer in client.generate(request(model, id=2, count=400, max_tokens=40)):
            if isinstance(answer, Generated):
                assert answer.candidate.index not in found
                found[answer.candidate.index] = answer.candidate.text
                if len(found) == 10:
                    assert client.pid is not None
                    os.kill(client.pid, signal.SIGKILL)
        assert isinstance(answer, Finished)
        assert [found[index] for index in range(400)] == expected


async def test_a_server_that_dies_twice_over_a_request_says_why(home: Home, model: Path) -> None:
    killed: set[int] = set()

    async def kill(client: GenerationClient) -> None:
        while len(killed) < 2:
            if client.pid is not None and client.pid not in killed:
                killed.add(client.pid)
                os.kill(client.pid, signal.SIGKILL)
            await asyncio.sleep(0.01)

    async with GenerationClient(home) as client:
        killing = asyncio.create_task(kill(client))
        answers = await all_answers(client.generate(request(model, count=1000)))
        await killing
        assert isinstance(answers[-1], Failed)
        assert "SIGKILL" in answers[-1].error
        assert len(await titles(client, request(model, id=2))) == 3


async def test_a_server_that_cannot_start_says_its_last_words(
    home: Home, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "msgspec.py").write_text("raise ImportError('msgspec is broken here')")
    async with GenerationClient(home, {"PYTHONPATH": str(tmp_path)}) as client:
        answers = await all_answers(client.generate(request(model)))
    assert isinstance(answers[-1], Failed)
    assert "msgspec is broken here" in answers[-1].error


def test_a_server_whose_other_side_was_killed_ends_while_it_writes(model: Path) -> None:
    with piped("-m", "titletui.generation.server") as server:
        server.ask(msgspec.json.encode(request(model, count=1000, max_tokens=100)))
        while b'"candidate"' not in server.answers.readline():
            pass
        server.asked.close()
        until(lambda: server.process.poll() is not None)


def test_only_answers_come_on_standard_output(model: Path) -> None:
    lines = [
        b"no json",
        b'{"type": "generate", "id": 7, "sampling": {"temperature": "hot"}}',
        b'{"type": "format the disk", "id": 8}',
        msgspec.json.encode(request(model, id=9)),
    ]
    script = (
        "import os, threading, titletui.generation.server as s\n"
        "threading.Timer(0.1, lambda: os.write(1, b'noise of a C library\\n')).start()\n"
        "raise SystemExit(s.main())"
    )
    with piped("-c", script) as server:
        server.ask(*lines)
        answers: list[dict[str, object]] = []
        while not answers or answers[-1]["type"] != "finished":
            answers.append(msgspec.json.decode(server.answers.readline()))
        server.asked.close()
        assert server.answers.read() == b""
        assert b"noise" in server.errors.read()
        server.process.wait(10)
    failed = {answer["id"] for answer in answers if answer["type"] == "failed"}
    assert failed == {0, 7, 8}


async def test_a_process_that_is_stopped_is_killed_on_closing(home: Home, model: Path) -> None:
    client = GenerationClient(home)
    assert len(await titles(client, request(model))) == 3
    assert client.pid is not None
    server = psutil.Process(client.pid)
    server.suspend()
    await asyncio.wait_for(client.close(), 10)
    assert not server.is_running()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("ImportError('libcudart.so.12: cannot open it')", "libcudart.so.12: cannot open it"),
        ("MemoryError()", "not enough memory; ask for fewer titles or take a smaller model"),
    ],
)
async def test_a_pytorch_that_does_not_work_is_told_and_the_server_lives(
    home: Home, tmp_path: Path, fault: str, said: str
) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text(f"raise {fault}")
    async with GenerationClient(home, {"PYTHONPATH": str(tmp_path)}) as client:
        for number in (1, 2):
            answers = await all_answers(client.generate(request("starter", id=number)))
            assert isinstance(answers[-1], Failed)
            assert said in answers[-1].error
        assert client.pid is not None


def test_a_memory_that_does_not_suffice_is_told_and_a_server_without_requests_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise MemoryError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("TITLETUI_IDLE_SECONDS", "1")
    # Sooner than the ten seconds after which a server looks around.
    script = "import titletui.generation.server as s; s._GLANCE = 0.1; raise SystemExit(s.main())"
    with piped("-c", script) as server:
        server.ask(msgspec.json.encode(request("starter")))
        answers = [msgspec.json.decode(line, type=Answer) for line in server.answers]
        assert server.process.wait(30) == 0
    assert isinstance(answers[-1], Failed)
    assert "not enough memory; ask for fewer titles" in answers[-1].error


def test_a_model_that_went_from_the_hubs_cache_is_fetched_again(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TITLETUI_IDLE_SECONDS", "2")
    with hub_server(model) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        with piped("-m", "titletui.generation.server") as server:
            for number in (1, 2):
                server.ask(msgspec.json.encode(request("org/tiny", id=number)))
                answer: Answer | None = None
                while not isinstance(answer, Finished | Failed):
                    answer = msgspec.json.decode(server.answers.readline(), type=Answer)
                assert isinstance(answer, Finished), answer
                shutil.rmtree(hub_cache())
            assert hub.sent == 2 * (model / "model.safetensors").stat().st_size
            assert server.process.wait(30) == 0


async def test_a_server_that_says_what_nobody_understands_is_ended_and_told(
    home: Home, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('Welcome to this machine!', flush=True)")
    async with GenerationClient(home, {"PYTHONPATH": str(tmp_path)}) as client:
        answers = await all_answers(client.generate(request("starter")))
    assert isinstance(answers[-1], Failed)
    assert "an answer cannot be read" in answers[-1].error


def test_a_server_whose_answers_nobody_reads_ends_by_itself() -> None:
    with piped("-m", "titletui.generation.server") as server:
        server.answers.close()
        server.ask(b"", msgspec.json.encode(request("/nowhere/model")))
        assert server.process.wait(30) == 0
        assert b"Traceback" not in server.errors.read()
