"""A store in a thread of its own: answers in order, errors told, never in the way of the end."""

import asyncio
import subprocess
import sys
import threading
import time
from functools import partial

import pytest

from titletui.errors import TitletuiError
from titletui.tui.worker_thread import WorkerThread


async def test_questions_are_answered_in_order_by_one_thread() -> None:
    said: list[int] = []
    thread = WorkerThread("numbers", lambda: said)

    def add(number: int, _: list[int]) -> int:
        said.append(number)
        return threading.get_ident()

    threads = await asyncio.gather(*(thread.run(partial(add, n)) for n in range(50)))
    assert said == list(range(50))
    assert set(threads) != {threading.get_ident()}
    assert len(set(threads)) == 1


async def test_a_store_that_cannot_be_opened_is_tried_again_with_the_next_question() -> None:
    tries = 0

    def open_store() -> str:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise TitletuiError("The disk is away.")
        return "store"

    thread = WorkerThread("store", open_store)
    with pytest.raises(TitletuiError, match="The disk is away"):
        await thread.run(str.upper)
    assert await thread.run(str.upper) == "STORE"


async def test_an_error_reaches_who_asked_and_nobody_else() -> None:
    thread = WorkerThread("numbers", lambda: 0)
    with pytest.raises(ZeroDivisionError):
        await thread.run(lambda zero: 1 // zero)
    assert await thread.run(lambda zero: zero + 1) == 1


async def test_the_loop_runs_on_while_a_store_hangs_and_a_waiter_may_give_up() -> None:
    thread = WorkerThread("slow", lambda: 0)
    hanging = asyncio.create_task(thread.run(lambda _: time.sleep(0.5)))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(hanging), 0.05)
    hanging.cancel()
    assert await thread.run(lambda zero: zero) == 0


def test_a_store_that_hangs_does_not_keep_the_process() -> None:
    code = (
        "import asyncio, time\n"
        "from titletui.tui.worker_thread import WorkerThread\n"
        "async def main():\n"
        "    thread = WorkerThread('stuck', lambda: 0)\n"
        "    asyncio.create_task(thread.run(lambda _: time.sleep(60)))\n"
        "    await asyncio.sleep(0.1)\n"
        "asyncio.run(main())\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)
