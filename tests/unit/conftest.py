"""What makes a unit test: it starts no process of Python and listens to nobody."""

import os
import sys
from typing import Any

import pytest

_started: list[str] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "subprocess.Popen":
        executable, words = arguments[:2]
        if os.fspath(executable) == sys.executable:
            _started.append(" ".join(map(str, words)))
    elif event in ("os.fork", "os.forkpty", "os.posix_spawn"):
        _started.append(event)


sys.addaudithook(_watch)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Any:
    """Fail a unit test that starts a process."""
    _started.clear()
    outcome = yield
    if _started:
        pytest.fail(f"a unit test starts no process; this belongs elsewhere: {_started[0]}")
    return outcome
