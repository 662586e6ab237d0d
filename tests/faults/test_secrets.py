"""A token in the environment stays there: it is written nowhere and shown to nobody."""

import os
import subprocess
import threading
from pathlib import Path

import psutil
import pytest

from tests.support.models import TITLES, tiny_gpt2
from tests.support.terminal import APP, QUIT, SHORTLIST, Terminal
from tests.support.training_runs import QUICK
from titletui.paths import Home

CANARY = "hf_canaryCANARYcanary0123456789"


class CommandLines(threading.Thread):
    """Looks at the command lines of all processes, as `ps` shows them to anybody, until stopped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.found: list[list[str]] = []
        self.looks = 0

    def run(self) -> None:
        while not self.over.wait(0.1):
            self.looks += 1
            for process in psutil.process_iter(["cmdline"]):
                line = process.info["cmdline"] or []
                if any(CANARY in word for word in line):
                    self.found.append(line)


def titletui(*words: str) -> tuple[int, str]:
    done = subprocess.run([*APP, *words], capture_output=True, text=True, check=False, timeout=200)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.fault("F65")
def test_a_token_is_written_nowhere_and_shown_to_nobody(
    home: Home, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.setenv(name, CANARY)
    titles = tmp_path / "titles.txt"
    titles.write_text("\n".join(TITLES))
    base = tiny_gpt2(tmp_path / "tiny", tasks=["title"])
    settings = [word for name, text in QUICK.items() for word in ("--set", f"{name}={text}")]
    looking = CommandLines()
    looking.start()

    said = []
    for words, code in (
        (("import", str(titles), "--name", "toy"), 0),
        (("train", "toy", "--run", "toy-1", "--base", str(base), *settings), 0),
        (("generate", "--model", "toy-1", "-n", "2", "--seed", "1"), 0),
        (("generate", "--model", "nobody/knows-it", "-n", "2"), None),
        (("train", "toy", "--base", "nobody/knows-it"), None),
        (("doctor", "--json"), None),
        (("models", "--json"), 0),
    ):
        ended, printed = titletui(*words)
        said.append(printed)
        assert ended == code or (code is None and ended in (0, 1, 2)), printed
    with Terminal() as terminal:
        terminal.until("Prefix")
        terminal.press("\r")
        terminal.until(lambda: "ppl" in terminal.text or "did not work" in terminal.text)
        terminal.press("\x1b[27u")
        terminal.press(SHORTLIST)
        terminal.until("Nothing starred yet")
        terminal.press(QUIT)
        terminal.ended()
    failing = tmp_path / "failing.py"
    failing.write_text(FAILING)
    with Terminal([APP[0], str(failing)]) as crashed:
        crashed.ended(60)

    looking.over.set()
    looking.join()
    assert looking.looks > 10
    assert not looking.found
    assert not any(CANARY in printed for printed in said)
    assert CANARY.encode() not in terminal.painted + crashed.painted
    assert list(home.logs.glob("crash-*.txt"))
    searched = [path for path in root.rglob("*") if path.is_file()]
    assert any(path.name == "log.txt" for path in searched)
    assert any(path.name == "MANIFEST.json" for path in searched)
    assert [path for path in searched if CANARY.encode() in path.read_bytes()] == []
    assert os.environ["HF_TOKEN"] == CANARY


FAILING = """
import os
from titletui.tui import app

class Failing(app.TitletuiApp, inherit_css=False):
    CSS_PATH = app.__file__.replace("app.py", "app.tcss")

    def on_ready(self):
        token = os.environ["HF_TOKEN"]
        raise RuntimeError("on purpose")

app.TitletuiApp = Failing
raise SystemExit(app.run_app())
"""
