"""However the app ends, it ends soon, gives the terminal back and leaves no generator behind."""

import signal
import time

import psutil
import pytest

from tests.support.terminal import APP, Terminal
from titletui.paths import Home
from titletui.settings import GenerateSettings, Settings, load_settings, save_settings

SOON = 60.0
NOHUP = ("sh", "-c", f"trap '' HUP; exec {' '.join(APP)}")


def writing(terminal: Terminal) -> list[psutil.Process]:
    """Waits until titles are being written; the app's own processes."""
    terminal.until("Prefix")
    terminal.quiet()
    terminal.press("\r")
    terminal.until("ppl")
    processes: list[psutil.Process] = psutil.Process(terminal.process.pid).children(recursive=True)
    assert processes
    return processes


def stall(terminal: Terminal) -> None:
    """Asks for more than is read, as over a dead connection, until the app can write no more."""
    for _ in range(60):
        before = terminal.unread
        for columns in range(100, 200):
            terminal.resize(columns, 60)
            time.sleep(0.01)
        if before and terminal.unread == before:
            return
    raise AssertionError("it still paints")


def gone(processes: list[psutil.Process]) -> bool:
    return not [one for one in processes if one.is_running() and one.status() != "zombie"]


@pytest.fixture
def endless(home: Home) -> Home:
    """A home whose knobs ask for more titles than there is time for."""
    knobs = GenerateSettings(count=1000, length=200)
    save_settings(home.config_toml, Settings(welcome=False, generate=knobs))
    return home


@pytest.mark.fault("F53")
@pytest.mark.parametrize(("end", "code"), [("q", 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_it_ends_while_it_writes_and_gives_the_terminal_back(
    endless: Home, end: str | signal.Signals, code: int
) -> None:
    with Terminal() as terminal:
        processes = writing(terminal)
        terminal.press("+")
        terminal.until("0.90")
        began = time.monotonic()
        if isinstance(end, str):
            terminal.press(end)
        else:
            terminal.process.send_signal(end)
        assert terminal.ended() == code
        assert time.monotonic() - began < SOON
        assert terminal.modes == terminal.before
        assert not terminal.alternate
        assert gone(processes)
    assert load_settings(endless.config_toml).generate.temperature == 0.9


@pytest.mark.fault("F53")
@pytest.mark.parametrize("command", [APP, NOHUP])
def test_it_does_not_outlive_its_terminal(endless: Home, command: tuple[str, ...]) -> None:
    with Terminal(command) as terminal:
        processes = writing(terminal)
        terminal.hang_up()
        assert terminal.hung_up_and_ended(SOON) == 129
        assert gone(processes)


@pytest.mark.fault("F53")
@pytest.mark.parametrize("hang_up", [True, False], ids=["hung up", "SIGTERM"])
def test_it_ends_though_its_terminal_has_long_stopped_reading(home: Home, hang_up: bool) -> None:
    with Terminal() as terminal:
        terminal.until("Prefix")
        terminal.quiet()
        stall(terminal)
        if hang_up:
            terminal.hang_up()
        else:
            terminal.process.send_signal(signal.SIGTERM)
        assert terminal.hung_up_and_ended(SOON) == (129 if hang_up else 143)
        if not hang_up:
            assert terminal.modes == terminal.before
            while terminal.read(0):
                pass
            assert not terminal.alternate, "whoever reads again finds his shell"
