"""What the tests of the screens share."""

import pytest

from tests.support.pilot import forecast_at_once


@pytest.fixture(autouse=True)
def _forecast_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for the steps that the form of a new run measures."""
    forecast_at_once(monkeypatch, examples=10)
