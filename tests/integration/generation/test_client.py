"""The app's side and the server, as a real process."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from tests.support.generation_requests import all_answers, candidates, request, titles
from tests.support.models import tiny_gpt2
from titletui.errors import TitletuiError
from titletui.generation.client import GenerationClient
from titletui.generation.protocol import (
    Failed,
    Finished,
    Generated,
    Loaded,
    Loading,
    Prepare,
)
from titletui.paths import Home


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gpt2(tmp_path_factory.mktemp("model"), tasks=["title"])


@pytest.fixture
async def client(home: Home) -> AsyncIterator[GenerationClient]:
    async with GenerationClient(home) as client:
        yield client


async def test_a_request_is_answered_from_loading_to_finished(
    client: GenerationClient, model: Path
) -> None:
    answers = await all_answers(client.generate(request(model, prefix="Neur")))
    kinds = [type(answer) for answer in answers]
    # First PyTorch is waited for, then the model.
    assert kinds == [Loading, Loading, Loaded, Generated, Generated, Generated, Finished]
    loaded = answers[2]
    assert isinstance(loaded, Loaded)
    assert (loaded.task, loaded.model) == ("title", str(model))
    for one in candidates(answers):
        assert one.text.startswith("Neur")
        assert one.perplexity is not None
        assert one.perplexity >= 1
        assert one.seed == 1

    again = await all_answers(client.generate(request(model, id=2, prefix="Neur")))
    assert [type(answer) for answer in again] == kinds[2:]
    assert {one.text for one in candidates(again)} == {one.text for one in candidates(answers)}

    await client.unload()
    third = await all_answers(client.generate(request(model, id=3)))
    assert isinstance(third[0], Loading)


async def test_what_cannot_be_done_is_said_in_a_sentence_and_the_next_request_works(
    client: GenerationClient, model: Path, tmp_path: Path
) -> None:
    for number, name in enumerate(("/nowhere/model", str(tmp_path), "../x"), start=1):
        answers = await all_answers(client.generate(request(name, id=number)))
        assert isinstance(answers[-1], Failed), name
        assert answers[-1].error.endswith(".")
        assert "Traceback" not in answers[-1].error
    found = await all_answers(client.generate(request(model, id=9, abstract="We study x. " * 3)))
    notes = [answer.note for answer in found if isinstance(answer, Loaded)]
    assert "abstract" in notes[0]
    assert isinstance(found[-1], Finished)
    wrong = request(model, id=10, count=0)
    answers = await all_answers(client.generate(wrong))
    assert isinstance(answers[-1], Failed)
    assert "count" in answers[-1].error


async def test_a_cancelled_request_ends_soon_and_the_next_is_answered(
    client: GenerationClient, model: Path
) -> None:
    long = request(model, count=1000, max_tokens=100)
    seen = 0
    async for answer in client.generate(long):
        if isinstance(answer, Generated):
            seen += 1
            if seen == 1:
                await client.cancel(long.id)
    assert isinstance(answer, Finished)
    assert answer.reason == "cancelled"
    assert seen < 1000
    assert len(await titles(client, request(model, id=2))) == 3


async def test_a_request_is_cancelled_at_once_while_its_model_is_loaded(
    client: GenerationClient, model: Path
) -> None:
    seen = []
    async for answer in client.generate(request(model, id=1)):
        seen.append(type(answer))
        if isinstance(answer, Loading):
            await client.cancel(1)
    assert seen == [Loading, Finished]
    assert isinstance(answer, Finished)
    assert answer.reason == "cancelled"
    assert len(await titles(client, request(model, id=2))) == 3


async def test_whoever_stops_listening_cancels(client: GenerationClient, model: Path) -> None:
    async for answer in client.generate(request(model, count=1000, max_tokens=100)):
        if isinstance(answer, Generated):
            break
    began = time.monotonic()
    assert len(await titles(client, request(model, id=2))) == 3
    assert time.monotonic() - began < 60


@pytest.mark.timeout(60)
async def test_a_number_may_be_used_again_as_soon_as_its_request_is_answered(
    client: GenerationClient, model: Path
) -> None:
    for _ in range(3):
        async for answer in client.generate(request(model, id=1)):
            last = answer
        assert isinstance(last, Finished)


async def test_what_was_never_asked_for_can_be_cancelled_or_unloaded(
    client: GenerationClient, model: Path
) -> None:
    await client.cancel(1)
    await client.unload()
    assert client.pid is None
    assert len(await titles(client, request(model, id=1))) == 3
    await client.cancel(99)
    assert len(await titles(client, request(model, id=2))) == 3


async def test_two_requests_at_once_are_both_answered(
    client: GenerationClient, model: Path
) -> None:
    first, second = await asyncio.gather(
        titles(client, request(model, id=1)), titles(client, request(model, id=2, seed=2))
    )
    assert len(first) == len(second) == 3
    assert first != second


async def test_a_model_can_be_loaded_before_it_is_needed(
    client: GenerationClient, model: Path
) -> None:
    answers = await all_answers(client.prepare(Prepare(id=1, model=str(model))))
    assert [type(answer) for answer in answers] == [Loading, Loading, Loaded, Finished]
    answers = await all_answers(client.generate(request(model, id=2)))
    assert not any(isinstance(answer, Loading) for answer in answers)


async def test_a_server_that_is_idle_goes_and_comes_back_when_asked(
    home: Home, model: Path
) -> None:
    async with GenerationClient(home, {"TITLETUI_IDLE_SECONDS": "0.2"}) as client:
        for number in range(1, 4):
            assert len(await titles(client, request(model, id=number))) == 3
            while client.pid is not None:
                await asyncio.sleep(0.05)


async def test_the_server_gets_no_secret_of_other_programs(
    home: Home, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    async with GenerationClient(home) as client:
        await titles(client, request(model))
        assert client.pid is not None
        known = psutil.Process(client.pid).environ()
    assert "AWS_SECRET_ACCESS_KEY" not in known
    assert known["TITLETUI_HOME"] == os.environ["TITLETUI_HOME"]


async def test_without_a_folder_of_its_own_the_server_has_the_folders_of_the_platform(
    home: Home, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TITLETUI_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    async with GenerationClient(home) as client:
        assert len(await titles(client, request(model))) == 3
        assert client.pid is not None
        assert "TITLETUI_HOME" not in psutil.Process(client.pid).environ()
    assert [path for path in tmp_path.rglob("titletui") if path.is_dir()]


async def test_closing_ends_the_server_within_a_second_even_while_it_writes(
    home: Home, model: Path
) -> None:
    client = GenerationClient(home)
    answers = client.generate(request(model, count=1000, max_tokens=100))
    async for answer in answers:
        if isinstance(answer, Generated):
            break
    assert client.pid is not None
    server = psutil.Process(client.pid)
    began = time.monotonic()
    await client.close()
    assert time.monotonic() - began < 60
    assert not server.is_running()
    assert client.pid is None


async def test_a_request_that_is_cancelled_before_there_is_a_server_ends_so(
    client: GenerationClient, model: Path
) -> None:
    answering = asyncio.create_task(all_answers(client.generate(request(model, id=1))))
    await asyncio.sleep(0)
    await client.cancel(1)
    (answer,) = await answering
    assert isinstance(answer, Finished)
    assert answer.reason == "cancelled"


async def test_a_request_that_is_cancelled_in_the_queue_is_never_begun(
    client: GenerationClient, model: Path
) -> None:
    long = asyncio.create_task(
        all_answers(client.generate(request(model, id=1, count=1000, max_tokens=100)))
    )
    while client.pid is None:
        await asyncio.sleep(0.01)
    waiting = asyncio.create_task(all_answers(client.generate(request(model, id=2))))
    await asyncio.sleep(0.05)
    await client.cancel(2)
    assert [type(answer) for answer in await waiting] == [Finished]
    await client.cancel(1)
    await long
    assert len(await titles(client, request(model, id=3))) == 3


async def test_closing_while_one_asks_is_told_to_who_asked(home: Home, model: Path) -> None:
    client = GenerationClient(home)
    answers = client.generate(request(model, count=1000, max_tokens=100))
    async for answer in answers:
        if isinstance(answer, Generated):
            await client.close()
    assert isinstance(answer, Failed)
    assert answer.error == "The generator was closed."


async def test_a_python_that_is_gone_is_told_in_a_sentence(
    home: Home, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    async with GenerationClient(home) as client:
        (answer,) = await all_answers(client.generate(request(model)))
        assert isinstance(answer, Failed)
        assert answer.error == "The generator cannot be started (No such file or directory)."
        with pytest.raises(TitletuiError, match="cannot be started"):
            await client.start()
