"""What all tests share: a home of their own, no network but loopback, and the fault line.

The suite ends with one line: how many of the faults that were tried were survived, how many
records were lost, how many bad inputs were tried. A test counts by its marker `fault`, by
`record_property("records_lost", n)` and by `record_property("bad_inputs", n)`.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import end_jobs
from titletui.paths import Home, find_home

# Two test processes share the cores with the processes that they start.
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(autouse=True)
def _isolated(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Give the test a home of its own and no network; afterwards end the jobs it has started."""
    root = tmp_path_factory.mktemp("home")
    root.chmod(0o700)
    monkeypatch.setenv("TITLETUI_HOME", str(root))
    monkeypatch.setenv("HF_HOME", str(root / "hub"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("TITLETUI_OAI_URL", "http://127.0.0.1:9/oai")
    monkeypatch.setenv("TITLETUI_OAI_INTERVAL", "0")
    for name in ("HF_TOKEN", "NO_COLOR", "TMUX", "TEXTUAL"):
        monkeypatch.delenv(name, raising=False)
    yield
    end_jobs(root)


@pytest.fixture
def home() -> Home:
    """The folders of this test's own user."""
    return find_home()


@pytest.fixture
def root(home: Home) -> Path:
    """The one folder that everything of this test's user lies under."""
    return home.data


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for marker in item.iter_markers("fault"):
            item.user_properties.append(("fault", str(marker.args[0])))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    """Keeps what is measured of coverage: a worker that is slow to end is killed."""
    if "coverage" in sys.modules:
        from coverage import Coverage

        measuring = Coverage.current()
        if measuring is not None:
            measuring.save()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    outcomes: dict[str, bool] = {}
    lost = bad_inputs = 0
    for passed, name, value in _properties(terminalreporter):
        if name == "fault":
            outcomes[value] = outcomes.get(value, True) and passed
        elif name == "records_lost":
            lost += value
        elif name == "bad_inputs":
            bad_inputs += value
    if outcomes:
        terminalreporter.write_line(
            f"faults survived {sum(outcomes.values())} / {len(outcomes)} tried, "
            f"records lost {lost}, bad inputs tried {bad_inputs}"
        )


def _properties(reporter: Any) -> Iterator[tuple[bool, str, Any]]:
    for kind in ("passed", "failed", "error"):
        for report in reporter.stats.get(kind, []):
            if getattr(report, "when", "") == "call" or kind != "passed":
                for name, value in getattr(report, "user_properties", []):
                    yield kind == "passed", name, value
