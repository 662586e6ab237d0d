"""What all tests share: a home of their own, and no network but loopback."""

from pathlib import Path

import pytest

from titletui.home import Home, find_home


@pytest.fixture(autouse=True)
def _own_world(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("TITLETUI_HOME", str(root))
    monkeypatch.setenv("HF_HOME", str(root / "hub"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("TITLETUI_OAI_URL", "http://127.0.0.1:9/oai")
    monkeypatch.setenv("TITLETUI_OAI_INTERVAL", "0")
    for name in ("HF_TOKEN", "NO_COLOR", "TMUX", "TEXTUAL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def home() -> Home:
    """The folders of this test's own user."""
    return find_home()


@pytest.fixture
def root(home: Home) -> Path:
    """The one folder that everything of this test's user lies under."""
    return home.data
