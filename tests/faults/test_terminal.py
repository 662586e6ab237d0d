"""Hostile texts, odd terminals and ends without warning, in a real pseudo-terminal."""

import random
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.support.hostile_texts import HOSTILE, TAME, doings, fill
from tests.support.terminal import (
    APP,
    CORPUS,
    ENTER,
    ESCAPE,
    GENERATE,
    QUIT,
    SHORTLIST,
    TRAIN,
    Terminal,
)
from titletui.paths import Home, find_home
from titletui.shortlist.library import Library

DOWN, CTRL_P = "\x1b[B", "\x10"
_DIALOG = re.compile("escape (?:close|cancel)|· n no")


def tour(terminal: Terminal) -> None:
    """Every screen and every dialog that shows text from elsewhere."""
    terminal.until("24 ")
    go(terminal, ESCAPE, *["jjjjjj"] * 4, "kkk")
    dialogs(terminal, "n", "t", "m", "p", "?")
    mode(terminal, "4", "sorted by")
    go(terminal, *["jjjjjj"] * 4, "kkk")
    dialogs(terminal, "n", "t", "E")
    go(terminal, "e", ESCAPE, "ssssss", "/", "xyz", ESCAPE, "x", "u")
    mode(terminal, "2", "zzz")
    go(terminal, *["jjj"] * 5, "kkk", "v", "j", "v[]yz")
    dialogs(terminal, "L", "x", "R", "n")
    mode(terminal, "1", "aaa")
    go(terminal, *["jjj"] * 5, "l", "jjj")
    dialogs(terminal, ENTER)
    go(terminal, "/", "l", ESCAPE, "h", "j")
    dialogs(terminal, "x", "R", "E", "n", "i")
    palette(terminal, "corpus", "Corpus: ")
    palette(terminal, "run", "Run: ")


def short_tour(terminal: Terminal) -> None:
    """What shows everything that the app itself does to the terminal."""
    terminal.until("24 ")
    go(terminal, ESCAPE, "j")
    dialogs(terminal, "m", "?")
    mode(terminal, "4", "sorted by")
    mode(terminal, "2", "zzz")
    palette(terminal, "run", "Run: zzz")
    mode(terminal, "1", "aaa")


def go(terminal: Terminal, *keys: str) -> None:
    """Presses each, and waits until what it does has been painted."""
    for key in keys:
        terminal.press(key)
        terminal.read(0.5)
        terminal.quiet(0.05, 1.0)
        assert terminal.process.poll() is None, f"{key!r} ended it"


def mode(terminal: Terminal, key: str, text: str) -> None:
    """Goes to a mode and waits for what it shows."""
    terminal.press(key)
    terminal.until(text)


def dialogs(terminal: Terminal, *keys: str) -> None:
    """Opens and closes each."""
    for key in keys:
        terminal.press(key)
        terminal.until(lambda: _DIALOG.search(terminal.text))
        terminal.press(ESCAPE)
        terminal.until(lambda: not _DIALOG.search(terminal.text))


def palette(terminal: Terminal, typed: str, text: str) -> None:
    """Looks something up in the palette."""
    terminal.press(CTRL_P)
    terminal.until("Search for commands")
    terminal.press(typed)
    terminal.until(text)
    go(terminal, DOWN * 9, ESCAPE)


def in_a_home(root: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    root.mkdir(mode=0o700)
    monkeypatch.setenv("TITLETUI_HOME", str(root))
    return find_home()


def tour_of(home: Home, texts: Sequence[str], steps: Callable[[Terminal], None]) -> set[str]:
    """What the app does to its terminal while it shows `texts`."""
    fill(home, texts)
    with Terminal(columns=120, rows=60) as terminal:
        steps(terminal)
        terminal.press("q")
        assert terminal.ended() == 0
    return doings(terminal.painted)


@pytest.mark.fault("F50")
def test_hostile_texts_reach_the_terminal_as_nothing_but_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: object
) -> None:
    assert callable(record_property)
    tame = tour_of(in_a_home(tmp_path / "tame", monkeypatch), TAME, short_tour)
    hostile = tour_of(in_a_home(tmp_path / "hostile", monkeypatch), HOSTILE, tour)
    assert {"CSI ? h", "style 1"} <= tame
    assert hostile <= tame
    record_property("bad_inputs", len(HOSTILE))


@pytest.mark.parametrize("text", HOSTILE[:17])
def test_each_text_that_does_something_would_be_found(text: str) -> None:
    assert doings(text.encode())


@pytest.mark.fault("F51")
@pytest.mark.parametrize("key", [GENERATE, SHORTLIST, CORPUS])
def test_markup_in_a_title_is_literal_and_a_click_on_it_does_nothing(home: Home, key: str) -> None:
    fill(home, HOSTILE)
    with Terminal(columns=120, rows=60) as terminal:
        terminal.until("24 ")
        terminal.press(key)
        for literal in ("[/]", "[red]red[/red] [/b]", "[link=https://owned.example]link[/link]",
                        "$x $primary $error", "R[0,1] $\\alpha$ \\cite{a}"):  # fmt: skip
            terminal.until(f" {literal}")
        click(terminal, "[@click=app.quit]quit[/]")
        terminal.press("?")
        terminal.until("escape close")
        assert "]8;" not in terminal.painted.decode()


def click(terminal: Terminal, text: str) -> None:
    """Clicks into every part of `text`, wherever it stands."""
    terminal.until(text)
    for row, line in enumerate(terminal.screen.display, start=1):
        for found in re.finditer(re.escape(text), line):
            for column in range(found.start() + 1, found.end() + 1, 4):
                terminal.press(f"\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m")


@pytest.mark.fault("F52")
def test_twenty_columns_by_five_rows_are_enough_to_go_on(home: Home) -> None:
    with Library.open(home) as library:
        library.star("Tiny")
    with Terminal(columns=20, rows=5) as terminal:
        terminal.until("Prefix")
        for key in (CORPUS, TRAIN, GENERATE):
            go(terminal, key)
            terminal.press("\x1bOP")
            terminal.until("╭")
            terminal.press(ESCAPE)
            terminal.until(lambda: "╭" not in terminal.text)
        terminal.press(SHORTLIST)
        terminal.until("Tiny")
        terminal.press(QUIT)
        assert terminal.ended() == 0


@pytest.mark.fault("F52")
def test_a_storm_of_resizes_leaves_a_whole_screen(home: Home) -> None:
    sizes = random.Random(52)
    with Terminal() as terminal:
        terminal.until("Temperature")
        for number in range(40):
            if number % 10 == 0:
                terminal.press((CORPUS, TRAIN, SHORTLIST, GENERATE)[number // 10])
            terminal.resize(sizes.randint(1, 250), sizes.randint(1, 80))
            terminal.read(0.01)
        terminal.resize(80, 24)
        terminal.press(GENERATE)
        terminal.until(lambda: "4 Shortlist" in terminal.text and "Temperature" in terminal.text)
        terminal.press(QUIT)
        assert terminal.ended() == 0


TROUBLED = """
from textual.events import Resize
from textual.geometry import Size
from titletui.tui.app import TitletuiApp
from titletui.tui import app

class Troubled(TitletuiApp, inherit_css=False):
    CSS_PATH = app.__file__.replace("app.py", "app.tcss")
    def action_help(self):
        {what}

app.TitletuiApp = Troubled
raise SystemExit(app.run_app())
"""
LATE = "self.post_message(Resize(Size(30, 5), Size(30, 5)))"
ECHOES = """self.delay_update()
        for size in Size(30, 5), Size(60, 20), Size(30, 5):
            self.screen.post_message(Resize(size, size))
            self.screen.call_later(len, ())"""


@pytest.mark.fault("F52")
def test_an_older_size_that_is_heard_of_last_does_not_stay(home: Home, tmp_path: Path) -> None:
    program = tmp_path / "troubled.py"
    program.write_text(TROUBLED.format(what=LATE))
    with Terminal([sys.executable, str(program)]) as terminal:
        terminal.until("Temperature")
        terminal.quiet()
        whole = terminal.text
        before = terminal.painted.count(b"Temperature")
        terminal.press("\x1bOP")
        # Painted anew, since five rows have no room for it.
        terminal.until(lambda: terminal.painted.count(b"Temperature") > before)
        terminal.until(lambda: terminal.text == whole)


@pytest.mark.fault("F52")
def test_echoes_of_two_sizes_do_not_hold_the_app(home: Home, tmp_path: Path) -> None:
    program = tmp_path / "troubled.py"
    program.write_text(TROUBLED.format(what=ECHOES))
    with Terminal([sys.executable, str(program)]) as terminal:
        terminal.until("Temperature")
        terminal.press("\x1bOP")
        terminal.read(0.3)
        terminal.press(CORPUS)
        terminal.until("No corpus yet")
        terminal.press(QUIT)
        assert terminal.ended() == 0


@pytest.mark.fault("F52")
def test_ctrl_l_paints_over_what_another_program_left_on_the_screen(home: Home) -> None:
    with Terminal() as terminal:
        terminal.until("Temperature")
        terminal.quiet()
        whole = terminal.text
        terminal.screen.erase_in_display(2)
        terminal.screen.cursor_position(9, 9)
        terminal.screen.draw("Broadcast message")
        assert "Temperature" not in terminal.text
        terminal.press("\x0c")
        terminal.until(lambda: terminal.text == whole)


@pytest.mark.fault("F52")
@pytest.mark.parametrize(
    "environment",
    [
        {"TERM": "dumb", "COLORTERM": None},
        {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "en_US.ISO-8859-1", "PYTHONIOENCODING": "latin-1"},
        {"TERM": None, "COLORTERM": None},
    ],
    ids=["dumb", "no UTF-8", "latin-1", "no TERM"],
)
def test_a_poor_terminal_gets_the_app_or_a_clear_sentence(
    home: Home, environment: dict[str, str | None]
) -> None:
    with Terminal(environment=environment) as terminal:
        terminal.until(lambda: "Prefix" in terminal.text or terminal.process.poll() is not None)
        if terminal.process.poll() is None:
            terminal.until("◂ 0.80 ▸")
            assert "\\u" not in terminal.text
            terminal.press(QUIT)
            assert terminal.ended() == 0
        else:
            assert terminal.text.strip().startswith("titletui: ")
        assert b"Traceback" not in terminal.painted
        assert terminal.modes == terminal.before


@pytest.mark.fault("F52")
@pytest.mark.parametrize("redirected", ["<&-", ">&-", "2>&-", "2>errors", "</dev/null", ">titles"])
def test_with_a_stream_redirected_it_does_not_open_but_says_why(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redirected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with Terminal(("sh", "-c", f"exec {' '.join(APP)} {redirected}")) as terminal:
        assert terminal.ended() == 2
        errors = tmp_path / "errors"
        said = errors.read_text() if errors.exists() else " ".join(terminal.text.split())
        assert said.startswith("titletui: The app needs a terminal")


@pytest.mark.fault("F52")
def test_no_color_means_none(home: Home) -> None:
    with Terminal(environment={"NO_COLOR": "1"}) as terminal:
        terminal.until("Temperature")
        go(terminal, ESCAPE, "?", ESCAPE, "4")
        for style in terminal.styles():
            numbers = [int(one) for one in style[2:-1].split(b";") if one]
            red_green_blue = numbers[-3:] if 38 in numbers or 48 in numbers else [0, 0, 0]
            assert max(red_green_blue) - min(red_green_blue) <= 2, style
            assert not {*range(31, 37), *range(41, 47)} & set(numbers[:1]), style


FAULTY = """
from titletui.tui.app import TitletuiApp
from titletui.tui import app

class Faulty(TitletuiApp, inherit_css=False):
    CSS_PATH = app.__file__.replace("app.py", "app.tcss")
    def action_help(self):
        token = "hf_" + "canary"
        raise ValueError("in the middle of something")

app.TitletuiApp = Faulty
raise SystemExit(app.run_app())
"""


@pytest.mark.fault("F54")
def test_a_fault_in_a_handler_is_one_sentence_and_a_file_without_values(
    home: Home, tmp_path: Path
) -> None:
    program = tmp_path / "faulty.py"
    program.write_text(FAULTY)
    with Terminal([sys.executable, str(program)]) as terminal:
        terminal.until("Prefix")
        terminal.press("\x1bOP")
        assert terminal.ended() == 1
        assert terminal.modes == terminal.before
        assert not terminal.alternate
        said = terminal.painted[terminal.painted.rfind(b"\x1b[?1049l") :].decode()
    assert "titletui stopped by a fault of its own (ValueError)" in said
    assert "Traceback" not in said
    assert "hf_canary" not in said
    (report,) = home.logs.glob("crash-*.txt")
    assert report.name in said.replace("\r\n", "")
    written = report.read_text()
    assert "ValueError: in the middle of something" in written
    assert "hf_canary" not in written
    assert report.stat().st_mode & 0o077 == 0


@pytest.mark.fault("F54")
def test_a_library_that_turns_into_a_folder_is_told_and_the_app_goes_on(home: Home) -> None:
    with Terminal() as terminal:
        terminal.until("Prefix")
        go(terminal, ESCAPE)
        home.library_db.unlink(missing_ok=True)
        home.library_db.mkdir()
        go(terminal, "4", "u")
        terminal.until("library.db")
        go(terminal, ESCAPE, "3")
        terminal.until("Temperature")
        terminal.press("q")
        assert terminal.ended() == 0


def test_a_terminal_is_given_back_as_it_was_and_with_what_waited_dropped() -> None:
    script = (
        "import sys, tty\n"
        "from titletui.tui.terminal.restore import TerminalRestorer\n"
        "give = TerminalRestorer()\n"
        "tty.setraw(give.descriptor)\n"
        "sys.stdout.write('\\x1b[?1049h' + 'frame ' * 20)\n"
        "sys.stdout.flush()\n"
        "give()\n"
        "print('painted too late', flush=True)\n"
        "give.wait()\n"
    )
    with Terminal([sys.executable, "-c", script]) as terminal:
        assert terminal.ended() == 0
        assert terminal.modes == terminal.before
        assert not terminal.alternate
        assert "painted too late" not in terminal.text


def test_where_there_is_no_terminal_there_is_nothing_to_give_back() -> None:
    script = (
        "from titletui.tui.terminal.restore import TerminalRestorer\n"
        "print('said')\n"
        "TerminalRestorer()()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], stdin=subprocess.DEVNULL, capture_output=True, check=True
    )
    assert done.stdout == b"said\n"
